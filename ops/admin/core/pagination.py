"""Lists: pages by a stable cursor that keeps its filters; an unknown filter is refused, never ignored.

The cursor holds the last row's own key, so rows that are added meanwhile move nothing.
"""

import base64
import binascii
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, NamedTuple

import orjson

from campaigns.errors import Fault, Faulty
from ops.admin.core.actor import Role
from ops.admin.core.command import Desk

LIMIT, LIMIT_MAX = 50, 200
_DIGITS = len(str(LIMIT_MAX))
_TEXT_CHARS_MAX = 300
_TEXT = r"^[^\x00-\x1f\x7f]+$"
_NUMBER_MAX = 2**63 - 1
_CURSOR_CHARS_MAX = 4_000
_NO_CURSOR = "it is no cursor of this list"
OWN = ("cursor", "limit")


class Query(NamedTuple):
    """Which rows are wanted: at most `limit` that fit the filters, behind the row whose key is `after`."""

    filters: Mapping[str, Any]
    after: Sequence[Any] | None
    limit: int


Row = Mapping[str, Any]


class Filter(NamedTuple):
    """What a filter takes."""

    read: Callable[[str], Any]  # ValueError says what it takes
    schema: Mapping[str, Any]  # the same as JSON Schema


@dataclass(frozen=True, slots=True)
class Listing:
    """A list that people with a role may read."""

    name: str  # the member of the answer that holds the rows
    path: str  # under /v1/admin
    summary: str
    roles: frozenset[Role]
    filters: Mapping[str, Filter]
    fetch: Callable[[Desk, Query], Awaitable[Sequence[Row]]]
    key: Callable[[Row], Sequence[Any]]  # of a row as it is shown: what its cursor holds
    parts: tuple[Callable[[Any], Any], ...]  # reads each part of such a key: ValueError where it is none
    shape: Any  # of a row


@dataclass(frozen=True, slots=True)
class Reading:
    """One thing that people with a role may look at."""

    path: str
    summary: str
    roles: frozenset[Role]
    read: Callable[[Desk, str], Awaitable[Any]]
    shape: Any


def _read_text(given: str) -> str:
    if len(given) > _TEXT_CHARS_MAX or not re.fullmatch(_TEXT, given) or given.endswith("\n"):
        raise ValueError(f"a text of 1 to {_TEXT_CHARS_MAX} characters, none of which controls anything")
    return given


def _read_truth(given: str) -> bool:
    if given not in ("true", "false"):
        raise ValueError("true or false")
    return given == "true"


def name(given: Any) -> str:
    """Return a text of a cursor. PostgreSQL knows none with a NUL."""
    if not isinstance(given, str) or "\0" in given:
        raise ValueError(_NO_CURSOR)
    return given


def number(given: Any) -> int:
    """Return a number of a cursor."""
    if type(given) is not int or not 0 <= given <= _NUMBER_MAX:
        raise ValueError(_NO_CURSOR)
    return given


def day(given: Any) -> date:
    """Return a day of a cursor."""
    return date.fromisoformat(name(given))


def moment(given: Any) -> datetime:
    """Return a moment of a filter or a cursor."""
    try:
        found = datetime.fromisoformat(name(given))
    except ValueError:
        raise ValueError("a moment such as 2026-11-23T08:00:00Z") from None
    if found.tzinfo is None:
        raise ValueError("a moment with its offset, such as 2026-11-23T08:00:00Z")
    try:
        return found.astimezone(UTC)
    except OverflowError:
        raise ValueError("a moment of the years 1 to 9999") from None


TEXT = Filter(_read_text, {"type": "string", "minLength": 1, "maxLength": _TEXT_CHARS_MAX, "pattern": _TEXT})
TRUTH = Filter(_read_truth, {"type": "string", "enum": ["true", "false"]})
MOMENT = Filter(moment, {"type": "string", "format": "date-time"})


def one_of(known: Iterable[str]) -> Filter:
    """Return a filter that takes one of these, and returns that very one."""
    values = {str(each): each for each in known}

    def read(given: str) -> str:
        if given not in values:
            raise ValueError(f"one of: {', '.join(values)}")
        return values[given]

    return Filter(read, {"type": "string", "enum": list(values)})


async def page(listing: Listing, desk: Desk, given: Mapping[str, str]) -> dict[str, Any]:
    """Return a page of the list as its query asks for it. Faulty: a filter is unknown, or cannot be read."""
    asked, raw = _read(listing, given)
    rows = list(await listing.fetch(desk, asked._replace(limit=asked.limit + 1)))
    more = len(rows) > asked.limit
    shown = rows[: asked.limit]
    return {listing.name: shown, "next": _cursor(raw, listing.key(shown[-1])) if more else None}


def _read(listing: Listing, given: Mapping[str, str]) -> tuple[Query, dict[str, str]]:
    unknown = sorted(set(given) - {*listing.filters, *OWN})
    if unknown:
        raise Faulty(
            [Fault(name, f"no such filter; known: {', '.join(listing.filters) or 'none'}") for name in unknown]
        )
    raw = {name: given[name] for name in listing.filters if name in given}
    after = None
    if "cursor" in given:
        kept, after = _opened(listing, given["cursor"])
        if raw and raw != kept:
            raise Faulty([Fault("cursor", "it goes on with the filters that it began with: leave them out")])
        raw = kept
    filters = {name: _value(listing, name, value) for name, value in raw.items()}
    return Query(filters, after, _limit(given.get("limit"))), raw


def _value(listing: Listing, name: str, value: str) -> Any:
    if name not in listing.filters:
        raise Faulty([Fault("cursor", _NO_CURSOR)])
    try:
        return listing.filters[name].read(value)
    except ValueError as error:
        raise Faulty([Fault(name, str(error))]) from None


def _limit(given: str | None) -> int:
    if given is None:
        return LIMIT
    if not (given.isascii() and given.isdigit() and len(given) <= _DIGITS and 1 <= int(given) <= LIMIT_MAX):
        raise Faulty([Fault("limit", f"a number from 1 to {LIMIT_MAX}")])
    return int(given)


def _cursor(filters: Mapping[str, str], key: Sequence[Any]) -> str:
    return base64.urlsafe_b64encode(orjson.dumps([filters, list(key)])).decode().rstrip("=")


def _opened(listing: Listing, cursor: str) -> tuple[dict[str, str], list[Any]]:
    """Return the filters that a cursor keeps, and the key that it goes on behind. Anyone can make one up."""
    try:
        filters, key = orjson.loads(base64.urlsafe_b64decode(cursor[:_CURSOR_CHARS_MAX] + "=" * (-len(cursor) % 4)))
        after = [read(part) for read, part in zip(listing.parts, key, strict=True)]
    except (binascii.Error, ValueError, TypeError):
        filters, after = None, []
    if not isinstance(filters, dict) or not all(isinstance(value, str) for value in filters.values()):
        raise Faulty([Fault("cursor", _NO_CURSOR)])
    return filters, after
