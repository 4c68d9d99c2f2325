"""The body of a delivery: bytes in, events out.

Pydantic at the edge only; an invalid event spoils no other.
"""

from datetime import datetime
from typing import Annotated, Any, Literal, NotRequired

from pydantic import ConfigDict, Field, GetPydanticSchema, TypeAdapter, ValidationError, WithJsonSchema, with_config
from pydantic_core import ErrorDetails, from_json, to_json
from pydantic_core.core_schema import chain_schema, datetime_schema, str_schema
from typing_extensions import TypedDict

from campaigns.errors import FieldError
from campaigns.promise.model import Content
from campaigns.promise.toml_file import field_errors

LIKES_MAX = 1_000
BODY_BYTES_MAX = 1024 * 1024
_REASON_CHARS_MAX = 300

_STRICT = ConfigDict(strict=True, extra="forbid")
_COUNT_MAX = 2**53 - 1

Person = Annotated[str, Field(min_length=1, max_length=256, pattern=r"^[^\x00-\x1f\x7f]+$")]
CampaignSlug = Annotated[str, Field(min_length=1, max_length=63)]
Tag = Annotated[str, Field(max_length=256)]
Count = Annotated[int, Field(ge=0, le=_COUNT_MAX)]

# RFC 3339 with an offset. By default pydantic reads "1649346288" as seconds, and a longer number
# as milliseconds.
_STARTS_WITH_YEAR = str_schema(pattern="^[0-9]{4}-")
_MOMENT = chain_schema([_STARTS_WITH_YEAR, datetime_schema(strict=False, tz_constraint="aware")])
Moment = Annotated[
    datetime,
    GetPydanticSchema(lambda _source, _handler: _MOMENT),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]


@with_config(_STRICT)
class Signals(TypedDict):
    """The platform's observations about the like; every member is optional."""

    watch_ms: NotRequired[Count]
    duration_ms: NotRequired[Count]
    followed: NotRequired[bool]
    commented: NotRequired[bool]
    shared: NotRequired[bool]
    device: NotRequired[Tag]
    network: NotRequired[Tag]
    account_age_days: NotRequired[Count]


@with_config(_STRICT)
class LikeEvent(TypedDict):
    """One like or unlike."""

    action: Literal["like", "unlike"]
    content: Content
    person: Person
    event_at: Moment
    campaign: NotRequired[CampaignSlug]
    signals: NotRequired[Signals]


@with_config(_STRICT)
class LikesPayload(TypedDict):
    """The `data` member of a delivery."""

    likes: Annotated[list[LikeEvent], Field(max_length=LIKES_MAX)]


@with_config(_STRICT)
class DeliveryBody(TypedDict):
    """A delivery's body in which every event is valid."""

    type: Literal["likes"]
    timestamp: Moment
    data: LikesPayload


@with_config(_STRICT)
class _LoosePayload(TypedDict):
    likes: Annotated[list[Any], Field(max_length=LIKES_MAX)]


@with_config(_STRICT)
class _LooseBody(TypedDict):
    type: Literal["likes"]
    timestamp: Moment
    data: _LoosePayload


_BODY = TypeAdapter(DeliveryBody)
_LOOSE_BODY = TypeAdapter(_LooseBody)
_EVENT = TypeAdapter(LikeEvent)


class UnreadableBody(ValueError):
    """The body is not JSON."""


class InvalidEnvelope(ValueError):
    """The body is JSON, but not an envelope of likes; `field_errors` names each error."""

    def __init__(self, field_errors: list[FieldError]) -> None:
        super().__init__("the body is not an envelope of likes")
        self.field_errors = field_errors


class InvalidEvent(str):
    """Stands for an invalid event: `path: reason`, without the value that was sent."""

    __slots__ = ()


def parse_body(body: bytes) -> list[LikeEvent | InvalidEvent]:
    """Return the events of a body, in order. Raises UnreadableBody or InvalidEnvelope."""
    try:
        return list(_BODY.validate_json(body)["data"]["likes"])
    except ValidationError:
        return _parse_leniently(body)


def _parse_leniently(body: bytes) -> list[LikeEvent | InvalidEvent]:
    try:
        from_json(body, allow_inf_nan=False)
    except ValueError as error:
        raise UnreadableBody("the body is not JSON") from error
    try:
        envelope = _LOOSE_BODY.validate_json(body)
    except ValidationError as error:
        raise InvalidEnvelope(field_errors(error, "the body")) from error
    return [_parse_event(like) for like in envelope["data"]["likes"]]


def _parse_event(value: Any) -> LikeEvent | InvalidEvent:
    try:
        return _EVENT.validate_json(to_json(value))
    except ValidationError as error:
        path, reason = validation_errors(error)[0]
        return InvalidEvent(f"{path}: {reason}"[:_REASON_CHARS_MAX])


def validation_errors(error: ValidationError) -> list[tuple[str, str]]:
    """Return each error's path and reason, without the value that was sent."""
    details = error.errors(include_url=False, include_input=False)
    return [(_error_path(detail), detail["msg"]) for detail in details]


def _error_path(detail: ErrorDetails) -> str:
    return ".".join(str(part) for part in detail["loc"]) or "the body"
