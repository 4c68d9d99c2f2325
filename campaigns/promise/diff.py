"""Field-by-field diff of two promises, or of two JSON objects, with typed values.

Text is made of it at the edge: `ops/i18n/changes.py` for programs and terminals,
`ops/i18n/labels.py` for pages.
"""

from collections.abc import Iterator, Mapping
from datetime import date
from itertools import chain
from typing import Any, NamedTuple, TypeAlias

from campaigns.promise.model import Promise

FieldValue: TypeAlias = str | int | bool | date  # a `datetime` is a `date` too


class FieldChange(NamedTuple):
    """A value that differs, by its dotted path; None: absent.

    `currency` is set for an amount in minor units. `old_currency` is that of `before`.
    """

    path: str
    before: FieldValue | None
    after: FieldValue | None
    currency: str = ""
    old_currency: str = ""


def diff_promises(old: Promise | None, new: Promise) -> list[FieldChange]:
    """Return each value that differs, in the file's order.

    Without an old promise, return every value. Pure. Moments compare as instants: another
    offset for the same instant is no change.
    """
    currency = new.campaign.currency
    old_currency = old.campaign.currency if old else currency
    return diff_objects(old.model_dump() if old else None, new.model_dump(), currency, old_currency)


def diff_objects(
    old: Mapping[str, Any] | None, new: Mapping[str, Any] | None, currency: str, old_currency: str | None = None
) -> list[FieldChange]:
    """Return each value that differs between two nested objects. Pure.

    Values named `…_minor` are amounts of the currency; an empty currency makes no value an amount.
    """
    before, after = dict(_flatten(old or {})), dict(_flatten(new or {}))
    paths = dict.fromkeys(chain(after, before))
    changed = [path for path in paths if before.get(path) != after.get(path)]
    return [
        FieldChange(path, before.get(path), after.get(path), *_currencies(path, currency, old_currency or currency))
        for path in changed
    ]


def _currencies(path: str, currency: str, old_currency: str) -> tuple[str, str]:
    return (currency, old_currency) if path.endswith("_minor") else ("", "")


def _flatten(part: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield each value with its path. None counts as absent."""
    if isinstance(part, Mapping | list):
        for key, value in part.items() if isinstance(part, Mapping) else enumerate(part):
            yield from _flatten(value, f"{path}.{key}" if path else str(key))
    elif part is not None:
        yield path, part
