"""Names of fields, commands and states in the reader's language; a name without a text is shown as it is."""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from campaigns.promise.diff import FieldChange, FieldValue
from ops.i18n import formats
from ops.i18n.changes import Difference, parse_difference, value_text
from ops.i18n.formats import format_basis_points
from ops.i18n.language import TEXTS, Language, translate

_MOMENT = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d")


def lookup_text(kind: str, name: str, language: Language, fallback: str | None = None) -> str:
    """Return the text `kind_name`, else the fallback, else the name with its words apart."""
    key = f"{kind}_{name}".replace(".", "_").replace("-", "_").replace(" ", "_").replace("/", "_")
    if key in TEXTS:
        return translate(key, language)
    return fallback if fallback is not None else name.replace("_", " ").replace(".", " ")


def field_label(path: str, language: Language) -> str:
    """Return a field's label, by the longest end of its path that has a text."""
    parts = _named_parts(path)
    for first in range(len(parts)):
        key = "field_" + "_".join(parts[first:])
        if key in TEXTS:
            return translate(key, language)
    return (parts[-1] if parts else path).replace("_", " ")


def field_hint(path: str, language: Language) -> str | None:
    """Return how to fill in a field; None if no text explains it."""
    parts = _named_parts(path)
    keys = ("hint_" + "_".join(parts[first:]) for first in range(len(parts)))
    return next((translate(key, language) for key in keys if key in TEXTS), None)


def _named_parts(path: str) -> list[str]:
    return [part for part in path.split(".") if not part.isdecimal()]


def path_label(path: str, language: Language) -> str:
    """Return the labels along a path: `Beneficiaries 1 · Share`."""
    parts, names = path.split("."), list[str]()
    for index, part in enumerate(parts):
        if part.isdecimal():
            names[-1:] = [f"{names[-1] if names else ''} {int(part) + 1}".strip()]
        elif index == len(parts) - 1 or f"field_{part}" in TEXTS:
            names.append(field_label(".".join(parts[: index + 1]), language))
    return " · ".join(dict.fromkeys(names))


class LabelledChange(NamedTuple):
    """A changed value for people; `delta` is set if both values are money."""

    where: str
    before: str | None
    after: str | None
    delta: str | None
    is_money: bool


def label_changes(differences: Sequence[Difference | FieldChange], language: Language) -> list[LabelledChange]:
    """Return the differences with labels and formatted values. Pure."""
    changes = [d if isinstance(d, FieldChange) else parse_difference(d) for d in differences]
    return [_label_change(change, language) for change in changes]


def _label_change(change: FieldChange, language: Language) -> LabelledChange:
    before = _label_value(change.path, change.before, change.old_currency, language)
    after = _label_value(change.path, change.after, change.currency, language)
    delta = _label_delta(change, language)
    return LabelledChange(path_label(change.path, language), before, after, delta, bool(change.currency))


def _label_value(path: str, value: FieldValue | None, currency: str, language: Language) -> str | None:
    if isinstance(value, int) and currency:
        return formats.amount(value, currency, language)
    text = value_text(value)
    return None if text is None else format_value(path, text, language)


def _label_delta(change: FieldChange, language: Language) -> str | None:
    match change.before, change.after:
        case int(before), int(after) if change.currency:
            delta = formats.amount(after - before, change.currency, language)
            return delta if after < before else f"+{delta}"
    return None


def format_minute(moment: str) -> str:
    """Return an ISO 8601 moment to the minute, with its offset: `2026-11-24 02:07 UTC+8`."""
    try:
        parsed = datetime.fromisoformat(moment)
    except ValueError:
        return moment
    text = parsed.replace(tzinfo=None).isoformat(" ", "minutes")
    return f"{text} {formats.offset(parsed)}" if parsed.tzinfo else text


def format_value(path: str, value: str, language: Language) -> str:
    """Return a value for people: shares in percent, moments to the minute, choices by their label."""
    name = path.rpartition(".")[2]
    if name.endswith("_bp") and value.isdecimal():
        return format_basis_points(int(value)) + "%"
    if _MOMENT.match(value):
        return format_minute(value)
    return lookup_text(f"choice_{name}", value, language, value)
