"""What a change changes, value by value: shown before it is made, to whoever asks for it and whoever approves it."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import chain
from typing import Any, NamedTuple

from typing_extensions import TypedDict

from campaigns.promise.model import Promise
from ledger.money import format_minor


class FieldChange(NamedTuple):
    """One value that differs, by its dotted path; None: there is none."""

    path: str
    before: str | None
    after: str | None

    def __str__(self) -> str:
        if self.before is None:
            return f"{self.path} = {self.after}"
        return f"{self.path}: {self.before} → {self.after if self.after is not None else 'none'}"


def diff_promises(old: Promise | None, new: Promise) -> list[FieldChange]:
    """Return what would change, value by value in the file's order; every value where there is no old promise.

    Moments are compared, not their spelling: the same instant in another offset is no change.
    """
    becomes = new.campaign.currency
    was = old.campaign.currency if old else becomes
    return diff_objects(old.model_dump() if old else None, new.model_dump(), becomes, was)


def diff_objects(
    old: Mapping[str, Any] | None, new: Mapping[str, Any] | None, currency: str, old_currency: str | None = None
) -> list[FieldChange]:
    """Return what differs between two nested objects, values named `…_minor` as money of the currency."""
    before, after = dict(_flatten(old or {})), dict(_flatten(new or {}))
    paths = dict.fromkeys(chain(after, before))
    changed = [path for path in paths if before.get(path) != after.get(path)]
    return [
        FieldChange(
            p, _format_value(p, before.get(p), old_currency or currency), _format_value(p, after.get(p), currency)
        )
        for p in changed
    ]


def _flatten(part: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield each value with its path; what is left out (None) is no value."""
    if isinstance(part, Mapping | list):
        for key, value in part.items() if isinstance(part, Mapping) else enumerate(part):
            yield from _flatten(value, f"{path}.{key}" if path else str(key))
    elif part is not None:
        yield path, part


def _format_value(path: str, value: Any, currency: str) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime):
        return value.isoformat()
    if path.endswith("_minor") and currency:
        return f"{value} ({format_minor(value, currency)} {currency})"
    return str(value)


class Difference(TypedDict):
    """One value that changes, by its dotted path; null: there is none."""

    path: str
    before: str | None
    after: str | None
