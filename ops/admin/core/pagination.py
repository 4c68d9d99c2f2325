"""Lists: pages by a stable cursor that keeps its filters; unknown filters are refused, not ignored.

The cursor holds the key of the last row, so rows added meanwhile do not shift the next page.
"""

import base64
import binascii
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, NamedTuple

import orjson
from pydantic_core import PydanticCustomError

from campaigns.errors import FieldError, ValidationFailed, invalid_value
from ops.admin.core.actor import Role
from ops.admin.core.command import CommandContext

LIMIT_DEFAULT, LIMIT_MAX = 50, 200
_LIMIT_DIGITS_MAX = len(str(LIMIT_MAX))
_TEXT_CHARS_MAX = 300
_TEXT_PATTERN = r"^[^\x00-\x1f\x7f]+$"
_NUMBER_MAX = 2**63 - 1
_CURSOR_CHARS_MAX = 4_000
_INVALID_CURSOR = "invalid_cursor"
PAGING_PARAMETERS = ("cursor", "limit")


class ListQuery(NamedTuple):
    """A query for at most `limit` rows that match the filters, after the row with key `after`."""

    filters: Mapping[str, Any]
    after: Sequence[Any] | None
    limit: int


Row = Mapping[str, Any]


class Filter(NamedTuple):
    """The values that a filter accepts."""

    read: Callable[[str], Any]  # raises `invalid_value(code)`
    schema: Mapping[str, Any]  # the same as JSON Schema


@dataclass(frozen=True, slots=True)
class ListEndpoint:
    """A list that some roles may read."""

    name: str  # the member of the response that holds the rows
    path: str  # under /v1/admin
    summary: str
    roles: frozenset[Role]
    filters: Mapping[str, Filter]
    fetch: Callable[[CommandContext, ListQuery], Awaitable[Sequence[Row]]]
    key: Callable[[Row], Sequence[Any]]  # of a row of the response: the content of its cursor
    key_parsers: tuple[Callable[[Any], Any], ...]  # one per part of a key; raise ValueError
    view_type: Any  # of a row


@dataclass(frozen=True, slots=True)
class DetailEndpoint:
    """A single object that some roles may read."""

    path: str
    summary: str
    roles: frozenset[Role]
    read: Callable[[CommandContext, str], Awaitable[Any]]
    view_type: Any


def _parse_text(text: str) -> str:
    if len(text) > _TEXT_CHARS_MAX or not re.fullmatch(_TEXT_PATTERN, text) or text.endswith("\n"):
        raise invalid_value("filter_text", max_number=_TEXT_CHARS_MAX)
    return text


def _parse_boolean(text: str) -> bool:
    if text not in ("true", "false"):
        raise invalid_value("filter_boolean")
    return text == "true"


def parse_name(value: Any) -> str:
    """Return a text of a cursor.

    Raises ValueError if it contains NUL, which PostgreSQL cannot store.
    """
    if not isinstance(value, str) or "\0" in value:
        raise invalid_value(_INVALID_CURSOR)
    return value


def parse_number(value: Any) -> int:
    """Return a number of a cursor. Raises ValueError if it is not a bigint of 0 or more."""
    if type(value) is not int or not 0 <= value <= _NUMBER_MAX:
        raise invalid_value(_INVALID_CURSOR)
    return value


def parse_day(value: Any) -> date:
    """Return a day of a cursor. Raises ValueError if it is not an ISO date."""
    return date.fromisoformat(parse_name(value))


def parse_instant(value: Any) -> datetime:
    """Return an instant of a filter or a cursor, in UTC. Raises ValueError if it has no offset."""
    try:
        instant = datetime.fromisoformat(parse_name(value))
    except ValueError:
        raise invalid_value("filter_instant") from None
    if instant.tzinfo is None:
        raise invalid_value("filter_instant_offset")
    try:
        return instant.astimezone(UTC)
    except OverflowError:
        raise invalid_value("filter_instant_year") from None


TEXT = Filter(_parse_text, {"type": "string", "minLength": 1, "maxLength": _TEXT_CHARS_MAX, "pattern": _TEXT_PATTERN})
BOOLEAN = Filter(_parse_boolean, {"type": "string", "enum": ["true", "false"]})
INSTANT = Filter(parse_instant, {"type": "string", "format": "date-time"})


def choice_filter(choices: Iterable[str]) -> Filter:
    """Return a filter that accepts one of the choices and returns that object."""
    values = {str(choice): choice for choice in choices}

    def read(text: str) -> str:
        if text not in values:
            raise invalid_value("filter_choice", choices=", ".join(values))
        return values[text]

    return Filter(read, {"type": "string", "enum": list(values)})


async def read_page(endpoint: ListEndpoint, context: CommandContext, parameters: Mapping[str, str]) -> dict[str, Any]:
    """Return the page that query parameters ask for, and the cursor of the next one or null.

    Raises ValidationFailed if a filter is unknown or not valid.
    """
    query, raw = _parse_query(endpoint, parameters)
    fetched = list(await endpoint.fetch(context, query._replace(limit=query.limit + 1)))
    has_more = len(fetched) > query.limit
    rows = fetched[: query.limit]
    return {endpoint.name: rows, "next": _encode_cursor(raw, endpoint.key(rows[-1])) if has_more else None}


def _parse_query(endpoint: ListEndpoint, parameters: Mapping[str, str]) -> tuple[ListQuery, dict[str, str]]:
    unknown = sorted(set(parameters) - {*endpoint.filters, *PAGING_PARAMETERS})
    if unknown:
        names = ", ".join((*endpoint.filters, *PAGING_PARAMETERS))
        raise ValidationFailed([FieldError(name, "unknown_filter", {"names": names}) for name in unknown])
    raw = {name: parameters[name] for name in endpoint.filters if name in parameters}
    after = None
    if "cursor" in parameters:
        cursor_filters, after = _decode_cursor(endpoint, parameters["cursor"])
        if raw and raw != cursor_filters:
            raise ValidationFailed([FieldError("cursor", "cursor_keeps_filters")])
        raw = cursor_filters
    filters = {name: _parse_filter(endpoint, name, value) for name, value in raw.items()}
    return ListQuery(filters, after, _parse_limit(parameters.get("limit"))), raw


def _parse_filter(endpoint: ListEndpoint, name: str, value: str) -> Any:
    if name not in endpoint.filters:
        raise ValidationFailed([FieldError("cursor", _INVALID_CURSOR)])
    try:
        return endpoint.filters[name].read(value)
    except PydanticCustomError as error:
        raise ValidationFailed([FieldError(name, error.type, error.context or {})]) from None


def _parse_limit(text: str | None) -> int:
    if text is None:
        return LIMIT_DEFAULT
    if not (text.isascii() and text.isdigit() and len(text) <= _LIMIT_DIGITS_MAX and 1 <= int(text) <= LIMIT_MAX):
        raise ValidationFailed([FieldError("limit", "limit_out_of_range", {"max_number": LIMIT_MAX})])
    return int(text)


def _encode_cursor(filters: Mapping[str, str], key: Sequence[Any]) -> str:
    return base64.urlsafe_b64encode(orjson.dumps([filters, list(key)])).decode().rstrip("=")


def _decode_cursor(endpoint: ListEndpoint, cursor: str) -> tuple[dict[str, str], list[Any]]:
    """Return the filters and the key of a cursor.

    Clients can forge one, so every part is parsed.
    """
    try:
        filters, key = orjson.loads(base64.urlsafe_b64decode(cursor[:_CURSOR_CHARS_MAX] + "=" * (-len(cursor) % 4)))
        after = [parse(part) for parse, part in zip(endpoint.key_parsers, key, strict=True)]
    except (binascii.Error, ValueError, TypeError):
        filters, after = None, []
    if not isinstance(filters, dict) or not all(isinstance(value, str) for value in filters.values()):
        raise ValidationFailed([FieldError("cursor", _INVALID_CURSOR)])
    return filters, after
