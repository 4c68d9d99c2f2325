"""The kinds of form field: how a value is typed and shown."""

from enum import StrEnum


class FieldKind(StrEnum):
    """How a value is typed and shown."""

    TEXT = "text"
    NUMBER = "number"
    MONEY = "money"  # major units of the form's currency
    PERCENT = "percent"  # basis points
    MOMENT = "moment"  # local time of the form's time zone
    DAY = "day"
    CHOICE = "choice"
    FLAG = "flag"
    LINES = "lines"  # a list of texts, separated by line breaks
    FILE = "file"
    HIDDEN = "hidden"
