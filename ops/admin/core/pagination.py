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

from campaigns.errors import FieldError, ValidationFailed
from ops.admin.core.actor import Role
from ops.admin.core.command import CommandContext

LIMIT_DEFAULT, LIMIT_MAX = 50, 200
_LIMIT_DIGITS_MAX = len(str(LIMIT_MAX))
_TEXT_CHARS_MAX = 300
_TEXT_PATTERN = r"^[^\x00-\x1f\x7f]+$"
_NUMBER_MAX = 2**63 - 1
_CURSOR_CHARS_MAX = 4_000
_INVALID_CURSOR = "it is no cursor of this list"
PAGING_PARAMETERS = ("cursor", "limit")


class ListQuery(NamedTuple):
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
class ListEndpoint:
    """A list that people with a role may read."""

    name: str  # the member of the answer that holds the rows
    path: str  # under /v1/admin
    summary: str
    roles: frozenset[Role]
    filters: Mapping[str, Filter]
    fetch: Callable[[CommandContext, ListQuery], Awaitable[Sequence[Row]]]
    key: Callable[[Row], Sequence[Any]]  # of a row as it is shown: what its cursor holds
    key_parsers: tuple[Callable[[Any], Any], ...]  # reads each part of such a key: ValueError where it is none
    view_type: Any  # of a row


@dataclass(frozen=True, slots=True)
class DetailEndpoint:
    """One thing that people with a role may look at."""

    path: str
    summary: str
    roles: frozenset[Role]
    read: Callable[[CommandContext, str], Awaitable[Any]]
    view_type: Any


def _parse_text(text: str) -> str:
    if len(text) > _TEXT_CHARS_MAX or not re.fullmatch(_TEXT_PATTERN, text) or text.endswith("\n"):
        raise ValueError(f"a text of 1 to {_TEXT_CHARS_MAX} characters, none of which controls anything")
    return text


def _parse_boolean(text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError("true or false")
    return text == "true"


def parse_name(value: Any) -> str:
    """Return a text of a cursor. PostgreSQL knows none with a NUL."""
    if not isinstance(value, str) or "\0" in value:
        raise ValueError(_INVALID_CURSOR)
    return value


def parse_number(value: Any) -> int:
    """Return a number of a cursor."""
    if type(value) is not int or not 0 <= value <= _NUMBER_MAX:
        raise ValueError(_INVALID_CURSOR)
    return value


def parse_day(value: Any) -> date:
    """Return a day of a cursor."""
    return date.fromisoformat(parse_name(value))


def parse_instant(value: Any) -> datetime:
    """Return a moment of a filter or a cursor."""
    try:
        found = datetime.fromisoformat(parse_name(value))
    except ValueError:
        raise ValueError("a moment such as 2026-11-23T08:00:00Z") from None
    if found.tzinfo is None:
        raise ValueError("a moment with its offset, such as 2026-11-23T08:00:00Z")
    try:
        return found.astimezone(UTC)
    except OverflowError:
        raise ValueError("a moment of the years 1 to 9999") from None


TEXT = Filter(_parse_text, {"type": "string", "minLength": 1, "maxLength": _TEXT_CHARS_MAX, "pattern": _TEXT_PATTERN})
BOOLEAN = Filter(_parse_boolean, {"type": "string", "enum": ["true", "false"]})
INSTANT = Filter(parse_instant, {"type": "string", "format": "date-time"})


def choice_filter(choices: Iterable[str]) -> Filter:
    """Return a filter that takes one of these, and returns that very one."""
    values = {str(each): each for each in choices}

    def read(given: str) -> str:
        if given not in values:
            raise ValueError(f"one of: {', '.join(values)}")
        return values[given]

    return Filter(read, {"type": "string", "enum": list(values)})


async def read_page(endpoint: ListEndpoint, context: CommandContext, parameters: Mapping[str, str]) -> dict[str, Any]:
    """Return a page of the list as its query asks for it. Faulty: a filter is unknown, or cannot be read."""
    asked, raw = _parse_query(endpoint, parameters)
    rows = list(await endpoint.fetch(context, asked._replace(limit=asked.limit + 1)))
    more = len(rows) > asked.limit
    shown = rows[: asked.limit]
    return {endpoint.name: shown, "next": _encode_cursor(raw, endpoint.key(shown[-1])) if more else None}


def _parse_query(endpoint: ListEndpoint, parameters: Mapping[str, str]) -> tuple[ListQuery, dict[str, str]]:
    unknown = sorted(set(parameters) - {*endpoint.filters, *PAGING_PARAMETERS})
    if unknown:
        raise ValidationFailed(
            [FieldError(name, f"no such filter; known: {', '.join(endpoint.filters) or 'none'}") for name in unknown]
        )
    raw = {name: parameters[name] for name in endpoint.filters if name in parameters}
    after = None
    if "cursor" in parameters:
        kept, after = _decode_cursor(endpoint, parameters["cursor"])
        if raw and raw != kept:
            raise ValidationFailed(
                [FieldError("cursor", "it goes on with the filters that it began with: leave them out")]
            )
        raw = kept
    filters = {name: _parse_filter(endpoint, name, value) for name, value in raw.items()}
    return ListQuery(filters, after, _parse_limit(parameters.get("limit"))), raw


def _parse_filter(endpoint: ListEndpoint, name: str, value: str) -> Any:
    if name not in endpoint.filters:
        raise ValidationFailed([FieldError("cursor", _INVALID_CURSOR)])
    try:
        return endpoint.filters[name].read(value)
    except ValueError as error:
        raise ValidationFailed([FieldError(name, str(error))]) from None


def _parse_limit(text: str | None) -> int:
    if text is None:
        return LIMIT_DEFAULT
    if not (text.isascii() and text.isdigit() and len(text) <= _LIMIT_DIGITS_MAX and 1 <= int(text) <= LIMIT_MAX):
        raise ValidationFailed([FieldError("limit", f"a number from 1 to {LIMIT_MAX}")])
    return int(text)


def _encode_cursor(filters: Mapping[str, str], key: Sequence[Any]) -> str:
    return base64.urlsafe_b64encode(orjson.dumps([filters, list(key)])).decode().rstrip("=")


def _decode_cursor(endpoint: ListEndpoint, cursor: str) -> tuple[dict[str, str], list[Any]]:
    """Return the filters that a cursor keeps, and the key that it goes on behind. Anyone can make one up."""
    try:
        filters, key = orjson.loads(base64.urlsafe_b64decode(cursor[:_CURSOR_CHARS_MAX] + "=" * (-len(cursor) % 4)))
        after = [read(part) for read, part in zip(endpoint.key_parsers, key, strict=True)]
    except (binascii.Error, ValueError, TypeError):
        filters, after = None, []
    if not isinstance(filters, dict) or not all(isinstance(value, str) for value in filters.values()):
        raise ValidationFailed([FieldError("cursor", _INVALID_CURSOR)])
    return filters, after
