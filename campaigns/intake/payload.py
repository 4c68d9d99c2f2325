"""The body of a delivery: bytes in, events out.

Pydantic at the edge only. An invalid like spoils no other, even if a JSON parser cannot read it:
then the likes are told apart by their brackets, and each is read alone.
"""

import json
from datetime import datetime
from typing import Annotated, Any, Literal, NotRequired

from pydantic import (
    ConfigDict,
    FailFast,
    Field,
    GetPydanticSchema,
    TypeAdapter,
    ValidationError,
    WithJsonSchema,
    with_config,
)
from pydantic_core import from_json
from pydantic_core.core_schema import chain_schema, datetime_schema, str_schema
from typing_extensions import TypedDict

from campaigns.errors import FieldError
from campaigns.intake.json_scanner import (
    NotJson,
    Span,
    Steps,
    TooManyValues,
    run_steps,
    scan_array,
    scan_object,
    scan_value,
    skip_space,
)
from campaigns.promise.model import Content
from campaigns.promise.toml_file import field_errors

LIKES_MAX = 1_000
BODY_BYTES_MAX = 1024 * 1024
LIKE_BYTES_MAX = 16 * 1024  # the longest valid like has 14 KiB, each character as an escape
_ENVELOPE_BYTES_MAX = 8 * 1024
_STEP_BYTES = 4 * 1024  # of likes that are read in one step
_KEYS_MAX = 20_000  # a thousand valid likes have 14,004
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

    likes: Annotated[list[LikeEvent], Field(max_length=LIKES_MAX), FailFast()]


@with_config(_STRICT)
class DeliveryBody(TypedDict):
    """A delivery's body in which every event is valid."""

    type: Literal["likes"]
    timestamp: Moment
    data: LikesPayload


_BODY = TypeAdapter(DeliveryBody)
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


Events = list[LikeEvent | InvalidEvent]


def parse_body(body: bytes) -> Events:
    """Return the events of a body, in order. Raises UnreadableBody or InvalidEnvelope. Pure."""
    return run_steps(parse_body_in_steps(body))


def parse_body_in_steps(body: bytes) -> Steps[Events]:
    """Return the events of a body, in order. Raises UnreadableBody or InvalidEnvelope. Pure.

    A body with faults is read like by like. The generator yields every few milliseconds, so that
    the event loop can serve others in between.
    """
    events = _parse_valid(body)
    if events is None:
        try:
            events = yield from _parse_singly(body)
        except NotJson:
            raise UnreadableBody("the body is not JSON") from None
    return events


def _parse_valid(body: bytes) -> Events | None:
    """Return the events of a body without a fault; None if it needs to be read like by like."""
    keys = body.count(b'":')
    if keys > _KEYS_MAX or body.count(b"[") + body.count(b"{") > _KEYS_MAX:
        return None  # a parser would take long to find that out
    try:
        events: Events = list(_BODY.validate_json(body)["data"]["likes"])
    except ValidationError:
        return None
    return events if keys == 4 + sum(map(_count_keys, events)) and not _has_space_before_colon(body) else None


def _count_keys(event: Any) -> int:
    """Return the number of different keys; a parser drops all but the last of those repeated."""
    return len(event) + len(event.get("signals", ()))


def _has_space_before_colon(body: bytes) -> bool:
    return any(pair in body for pair in (b" :", b"\n:", b"\t:", b"\r:"))


def _parse_singly(body: bytes) -> Steps[Events]:
    spans, likes = yield from _find_likes(body)
    envelope = body if likes is None else body[: likes.start] + b"[]" + body[likes.end :]
    _check_envelope(envelope)
    events: Events = []
    step_end = 0
    for span in spans:
        events.append(_parse_event(body[span.start : span.end]))
        if span.end > step_end:
            step_end = span.end + _STEP_BYTES
            yield
    return events


def _find_likes(body: bytes) -> Steps[tuple[list[Span], Span | None]]:
    """Return the bounds of each like and of their array; None if the body has no such array."""
    start = skip_space(body, 0)
    data, end = yield from _find_member(body, start, b'"data"')
    if skip_space(body, end) != len(body):
        raise NotJson
    likes = None if data is None else (yield from _find_member(body, data.start, b'"likes"'))[0]
    if likes is None or body[likes.start : likes.start + 1] != b"[":
        return [], None
    try:
        return (yield from scan_array(body, likes.start, LIKES_MAX)), likes
    except TooManyValues:
        error = FieldError("data.likes", "too_long", {"max_length": LIKES_MAX})
        raise InvalidEnvelope([error]) from None


def _find_member(body: bytes, start: int, key: bytes) -> Steps[tuple[Span | None, int]]:
    """Return the bounds of a member of the value at a position, None without it, and the value's end."""
    if body[start : start + 1] != b"{":
        return None, (yield from scan_value(body, start))
    try:
        members, end = yield from scan_object(body, start)
    except TooManyValues:
        error = FieldError("the body", "envelope_too_large", {"most_bytes": _ENVELOPE_BYTES_MAX})
        raise InvalidEnvelope([error]) from None
    return next((member.value for member in members if _is_key(member.key, key)), None), end


def _is_key(written: bytes, key: bytes) -> bool:
    """Tell whether a key of the body, perhaps with escapes, is this one."""
    if written == key or b"\\" not in written:
        return written == key
    try:
        return bool(from_json(written) == from_json(key))
    except ValueError:
        return False


def _check_envelope(envelope: bytes) -> None:
    """Check the envelope around the likes. Raises InvalidEnvelope, or UnreadableBody."""
    if len(envelope) > _ENVELOPE_BYTES_MAX:
        error = FieldError("the body", "envelope_too_large", {"most_bytes": _ENVELOPE_BYTES_MAX})
        raise InvalidEnvelope([error])
    try:
        from_json(envelope, allow_inf_nan=False)
        _BODY.validate_json(envelope)
    except ValidationError as error:
        raise InvalidEnvelope(field_errors(error, "the body")) from None
    except ValueError as error:
        raise UnreadableBody("the body is not JSON") from error
    if repeated := _find_repeated_key(envelope):
        raise InvalidEnvelope([FieldError(repeated, "repeated_member")])


def _parse_event(value: bytes) -> LikeEvent | InvalidEvent:
    if len(value) > LIKE_BYTES_MAX:
        return InvalidEvent(f"the like: It is longer than {LIKE_BYTES_MAX} bytes")
    try:
        event = _EVENT.validate_json(value)
    except ValidationError as error:
        member_error = _find_member_error(value) if _is_json_invalid(error) else None
        path, reason = validation_errors(member_error or error, "the like")[0]
        return InvalidEvent(f"{path}: {reason}"[:_REASON_CHARS_MAX])
    repeated = _find_repeated_key(value)
    return InvalidEvent(f"{repeated}: The member is given more than once") if repeated else event


def _is_json_invalid(error: ValidationError) -> bool:
    return (
        error.error_count() == 1 and error.errors(include_url=False, include_input=False)[0]["type"] == "json_invalid"
    )


def _find_member_error(value: bytes) -> ValidationError | None:
    """Return the error of a member that Python can read but pydantic's parser cannot, with its path. Pure."""
    try:
        _EVENT.validate_python(json.loads(value))
    except ValidationError as error:
        return error
    except (ValueError, RecursionError):
        return None
    return None


class _RepeatedKey(ValueError):
    pass


def _find_repeated_key(text: bytes) -> str | None:
    """Return a key that an object of a valid text has twice; None if there is none. Pure."""
    try:
        json.loads(text, object_pairs_hook=_refuse_repeated_key)
    except _RepeatedKey as error:
        return str(error)
    return None


def _refuse_repeated_key(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        names = [name for name, _ in pairs]
        raise _RepeatedKey(next(name for name in names if names.count(name) > 1))
    return members


def validation_errors(error: ValidationError, root_path: str = "the body") -> list[tuple[str, str]]:
    """Return each error's path and reason, without the value that was sent."""
    details = error.errors(include_url=False, include_input=False, include_context=False)
    return [(".".join(map(str, detail["loc"])) or root_path, detail["msg"]) for detail in details]
