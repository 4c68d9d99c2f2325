"""Field changes as text for programs and terminals: plain values, amounts in both units."""

from collections.abc import Sequence
from datetime import date
from typing import NotRequired

from typing_extensions import TypedDict

from campaigns.promise.diff import FieldChange, FieldValue
from ledger.money import format_minor


class ChangedAmount(TypedDict):
    """An amount that changes, in minor units; null: absent."""

    before_minor: int | None
    after_minor: int | None
    currency: str


class Difference(TypedDict):
    """A value that changes, by its dotted path; null: absent. An amount is there in figures too."""

    path: str
    before: str | None
    after: str | None
    amount: NotRequired[ChangedAmount]


def format_changes(changes: Sequence[FieldChange]) -> list[Difference]:
    """Return changes as JSON objects with text values. Pure."""
    return [_format_change(change) for change in changes]


def _format_change(change: FieldChange) -> Difference:
    difference: Difference = {
        "path": change.path,
        "before": value_text(change.before, change.old_currency),
        "after": value_text(change.after, change.currency),
    }
    match change.before, change.after:
        case (int() | None) as before, (int() | None) as after if change.currency:
            amount: ChangedAmount = {
                "before_minor": before,
                "after_minor": after,
                "currency": change.currency,
            }
            return {**difference, "amount": amount}
    return difference


def parse_difference(difference: Difference) -> FieldChange:
    """Return the change of a JSON object: amounts in figures, other values as text. Pure."""
    if amount := difference.get("amount"):
        values = amount["before_minor"], amount["after_minor"]
        return FieldChange(difference["path"], *values, amount["currency"], amount["currency"])
    return FieldChange(difference["path"], difference["before"], difference["after"])


def value_text(value: FieldValue | None, currency: str = "") -> str | None:
    """Return a value as text, an amount as `500 (5.00 CNY)`; None stays None. Pure."""
    if value is None:
        return None
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, int) and currency:
        return f"{value} ({format_minor(value, currency)} {currency})"
    return str(value)
