"""Lists: pages by a stable cursor that keeps its filters; an unknown filter is refused, never ignored.

The cursor holds the last row's own key, so rows that are added meanwhile move nothing.
"""

import base64
import binascii
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import orjson

from campaigns.refusals import Fault, Faulty
from ops.admin.actor import Role
from ops.admin.command import Desk

LIMIT, LIMIT_MAX = 50, 200
_DIGITS = len(str(LIMIT_MAX))
_TEXT_CHARS_MAX = 300
_CURSOR_CHARS_MAX = 4_000
OWN = ("cursor", "limit")


class Query(NamedTuple):
    """Which rows are wanted: at most `limit` that fit the filters, behind the row whose key is `after`."""

    filters: Mapping[str, Any]
    after: Sequence[Any] | None
    limit: int


Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Listing:
    """A list that people with a role may read."""

    name: str  # the member of the answer that holds the rows
    path: str  # under /v1/admin
    summary: str
    roles: frozenset[Role]
    filters: Mapping[str, Callable[[str], Any]]  # each one's reader: ValueError says what it takes
    fetch: Callable[[Desk, Query], Awaitable[Sequence[Row]]]
    key: Callable[[Row], Sequence[Any]]  # of a row as it is shown: what its cursor holds
    shape: Any  # of a row


@dataclass(frozen=True, slots=True)
class Reading:
    """One thing that people with a role may look at."""

    path: str
    summary: str
    roles: frozenset[Role]
    read: Callable[[Desk, str], Awaitable[Any]]
    shape: Any


def text(given: str) -> str:
    """Return a filter's text."""
    if not 1 <= len(given) <= _TEXT_CHARS_MAX or not given.isprintable():
        raise ValueError(f"a text of 1 to {_TEXT_CHARS_MAX} printable characters")
    return given


def truth(given: str) -> bool:
    """Return a filter's yes or no."""
    if given not in ("true", "false"):
        raise ValueError("true or false")
    return given == "true"


def moment(given: str) -> datetime:
    """Return a filter's moment."""
    try:
        found = datetime.fromisoformat(given)
    except ValueError:
        raise ValueError("a moment such as 2026-11-23T08:00:00Z") from None
    if found.tzinfo is None:
        raise ValueError("a moment with its offset, such as 2026-11-23T08:00:00Z")
    return found


def after_text(asked: Query) -> str | None:
    """Return the text that a page begins behind, in a list whose key is one text; None: at its beginning."""
    if asked.after is None:
        return None
    match asked.after:
        case [str(key)] if "\0" not in key:
            return key
    raise Faulty([Fault("cursor", "it is no cursor of this list")])


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
        kept, after = _opened(given["cursor"])
        if raw and raw != kept:
            raise Faulty([Fault("cursor", "it goes on with the filters that it began with: leave them out")])
        raw = kept
    filters = {name: _value(listing, name, value) for name, value in raw.items()}
    return Query(filters, after, _limit(given.get("limit"))), raw


def _value(listing: Listing, name: str, value: str) -> Any:
    if name not in listing.filters:
        raise Faulty([Fault("cursor", "it is no cursor of this list")])
    try:
        return listing.filters[name](value)
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


def _opened(cursor: str) -> tuple[dict[str, str], list[Any]]:
    wrong = Faulty([Fault("cursor", "it is no cursor of this list")])
    try:
        filters, key = orjson.loads(base64.urlsafe_b64decode(cursor[:_CURSOR_CHARS_MAX] + "=" * (-len(cursor) % 4)))
    except (binascii.Error, ValueError, TypeError):
        raise wrong from None
    texts = isinstance(filters, dict) and all(isinstance(v, str) for v in filters.values())
    if not texts or not isinstance(key, list):
        raise wrong
    return filters, key
