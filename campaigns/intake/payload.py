"""The body of a delivery: bytes in, events out.

Pydantic at the edge only, and msgspec where both say the same: it reads a like in a tenth of the
time. An invalid like spoils no other, even if a JSON parser cannot read it: then the likes are told
apart by their brackets, and each is read alone.
"""

import json
import re
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import msgspec
from pydantic import TypeAdapter, ValidationError
from pydantic_core import from_json

from campaigns.errors import FieldError
from campaigns.intake.delivery_body import LIKES_MAX, DeliveryBody, LikeEvent
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
from campaigns.promise.toml_file import field_errors

BODY_BYTES_MAX = 1024 * 1024
LIKE_BYTES_MAX = 16 * 1024  # the longest valid like has 14 KiB, each character as an escape
_ENVELOPE_BYTES_MAX = 8 * 1024
_STEP_BYTES = 4 * 1024  # of likes that are read in one step
_KEYS_MAX = 20_000  # a thousand valid likes have 14,004
_REASON_CHARS_MAX = 300

_BODY = TypeAdapter(DeliveryBody)
_PLAIN_BODY = msgspec.json.Decoder(DeliveryBody)
# Where msgspec says something else: it has no patterns (a control character is an escape, or DEL) and
# rounds what is finer than a microsecond. It also skips unknown members, but those are counted.
_FINE_TIME = re.compile(rb"\.[0-9]{7}")
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
        events: Events = list(_validate_body(body)["data"]["likes"])
    except ValidationError:
        return None
    return events if keys == 4 + _count_keys(events) and not _has_space_before_colon(body) else None


def _validate_body(body: bytes) -> DeliveryBody:
    """Return a body in which every event is valid. Raises ValidationError."""
    if b"\\" not in body and b"\x7f" not in body and not _FINE_TIME.search(body):
        with suppress(msgspec.MsgspecError, UnicodeDecodeError, RecursionError):  # then pydantic says why
            return _PLAIN_BODY.decode(body)
    return _BODY.validate_json(body)


def _count_keys(events: Sequence[Any]) -> int:
    """Return the number of different keys; a parser drops all but the last of those repeated."""
    return sum(map(len, events)) + sum([len(event["signals"]) for event in events if "signals" in event])


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
    if repeated := find_repeated_key(envelope):
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
    repeated = find_repeated_key(value)
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


def find_repeated_key(text: bytes) -> str | None:
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
