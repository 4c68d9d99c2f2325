"""Names of fields, commands and states in the reader's language; what has no text is told by its own name."""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from campaigns.promise.diff import Difference, FieldChange
from ops.i18n import formats
from ops.i18n.formats import format_basis_points
from ops.i18n.language import TEXTS, Language, translate

_MONEY = re.compile(r"^(?P<minor>-?\d+) \(\S+ (?P<currency>[A-Z]{3})\)$")
_MOMENT = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d")


def lookup_text(kind: str, name: str, language: Language, fallback: str | None = None) -> str:
    """Return the text `kind_name`, or else the name with its words apart."""
    key = f"{kind}_{name}".replace(".", "_").replace("-", "_").replace(" ", "_")
    if key in TEXTS:
        return translate(key, language)
    return fallback if fallback is not None else name.replace("_", " ").replace(".", " ")


def field_label(path: str, language: Language) -> str:
    """Return what a field is called: by as much of its path as there is a text for."""
    parts = [part for part in path.split(".") if not part.isdecimal()]
    for first in range(len(parts)):
        key = "field_" + "_".join(parts[first:])
        if key in TEXTS:
            return translate(key, language)
    return (parts[-1] if parts else path).replace("_", " ")


def field_hint(path: str, language: Language) -> str | None:
    """Return how a field is to be filled in, where that needs saying."""
    parts = [part for part in path.split(".") if not part.isdecimal()]
    keys = ("hint_" + "_".join(parts[first:]) for first in range(len(parts)))
    return next((translate(key, language) for key in keys if key in TEXTS), None)


def path_label(path: str, language: Language) -> str:
    """Return the whole way to a value in words: `Beneficiaries 1 · Share`."""
    parts, said = path.split("."), list[str]()
    for place, part in enumerate(parts):
        if part.isdecimal():
            said[-1:] = [f"{said[-1] if said else ''} {int(part) + 1}".strip()]
        elif place == len(parts) - 1 or f"field_{part}" in TEXTS:
            said.append(field_label(".".join(parts[: place + 1]), language))
    return " · ".join(dict.fromkeys(said))


class LabelledChange(NamedTuple):
    """A value that changes, as people read it; `more` is set where it is money on both sides."""

    where: str
    before: str | None
    after: str | None
    delta: str | None
    is_money: bool


def label_changes(differences: Sequence[Difference | FieldChange], language: Language) -> list[LabelledChange]:
    """Return differences in words and in money. Pure."""
    return [_label_change(*_change_values(each), language) for each in differences]


def _change_values(change: Difference | FieldChange) -> tuple[str, str | None, str | None]:
    if isinstance(change, FieldChange):
        return change.path, change.before, change.after
    return change["path"], change["before"], change["after"]


def _label_change(path: str, before: str | None, after: str | None, language: Language) -> LabelledChange:
    amounts = [_MONEY.match(value) for value in (before or "", after or "")]
    was, becomes = (int(found["minor"]) if found else None for found in amounts)
    more = None
    if was is not None and becomes is not None and (both := amounts[1]):
        gained = formats.amount(becomes - was, both["currency"], language)
        more = gained if becomes < was else f"+{gained}"
    was_said, is_said = (None if value is None else format_value(path, value, language) for value in (before, after))
    return LabelledChange(path_label(path, language), was_said, is_said, more, any(amounts))


def format_minute(moment: str) -> str:
    """Return a moment to the minute, with its own offset: `2026-11-24 02:07 UTC+8`."""
    try:
        found = datetime.fromisoformat(moment)
    except ValueError:
        return moment
    shown = found.replace(tzinfo=None).isoformat(" ", "minutes")
    return f"{shown} {formats.offset(found)}" if found.tzinfo else shown


def format_value(path: str, value: str, language: Language) -> str:
    """Return one value as people read it: amounts with their currency, shares in percent."""
    if money := _MONEY.match(value):
        return formats.amount(int(money["minor"]), money["currency"], language)
    name = path.rpartition(".")[2]
    if name.endswith("_bp") and value.isdecimal():
        return format_basis_points(int(value)) + "%"
    if _MOMENT.match(value):
        return format_minute(value)
    return lookup_text(f"choice_{name}", value, language, value)
