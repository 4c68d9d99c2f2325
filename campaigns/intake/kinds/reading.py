"""Read values out of a parsed body: each has one form, and a fault names path and form, never the value."""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, NoReturn

from campaigns.intake.kinds.model import Unreadable

CONTENT_CHARS_MAX = 128
_ID_CHARS_MAX = 128
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECONDS_MAX = 4_102_444_800  # the year 2100: a larger number is in another unit
_GITLAB_TIME = re.compile(r"(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d(?:\.\d{1,6})?) (?:UTC|\+00:?00)")


class UnexpectedForm(Exception):
    """A value is missing or has another form; the text is its path and what was expected."""


def parse_json(body: bytes) -> Any:
    """Return the body's JSON.

    Raises Unreadable. Integers keep every digit: ids have more than a float holds.
    """
    try:
        return json.loads(body.decode(), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise Unreadable from error


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


def member(value: Any, path: str) -> Any:
    """Return the member of nested objects at a dotted path. Raises UnexpectedForm."""
    for name in path.split("."):
        if not isinstance(value, Mapping) or name not in value:
            raise UnexpectedForm(f"{path}: missing")
        value = value[name]
    return value


def text_id(value: Any, path: str) -> str:
    """Return the id of a person at a path, at most 128 characters. Raises UnexpectedForm."""
    element = content_part(value, path)
    if len(element) > _ID_CHARS_MAX:
        raise UnexpectedForm(f"{path}: an id of at most {_ID_CHARS_MAX} characters is expected")
    return element


def _is_clean(text: str) -> bool:
    return all(" " <= character != "\x7f" and not "\ud800" <= character <= "\udfff" for character in text)


def content_id(platform: str, *parts: str) -> str:
    """Return a content id in the namespace of a kind; a long one is hashed. Pure."""
    return shorten_content(f"{platform}:{'/'.join(parts)}")


def shorten_content(content: str, chars_max: int = CONTENT_CHARS_MAX) -> str:
    """Return a content id of at most so many characters: `sha256:` and hex in place of a longer one. Pure."""
    if len(content) <= chars_max:
        return content
    return f"sha256:{sha256(content.encode()).hexdigest()}"


def content_part(value: Any, path: str) -> str:
    """Return the id at a path as text: a text without control characters, or an integer. Raises UnexpectedForm."""
    element = member(value, path)
    if isinstance(element, int) and not isinstance(element, bool):
        element = str(element)
    if not isinstance(element, str) or not element or not _is_clean(element):
        raise UnexpectedForm(f"{path}: an id is expected")
    return element


def integer(value: Any, path: str) -> int:
    """Return the integer at a path, also one written as text. Raises UnexpectedForm."""
    element = member(value, path)
    if isinstance(element, str) and re.fullmatch(r"-?[0-9]{1,18}", element):
        element = int(element)
    if not isinstance(element, int) or isinstance(element, bool) or abs(element) > 2**63:
        raise UnexpectedForm(f"{path}: an integer is expected")
    return element


def unix_seconds(value: Any, path: str) -> datetime:
    """Return the moment at a path, in seconds since 1970. Raises UnexpectedForm."""
    seconds = integer(value, path)
    if not 0 < seconds <= _SECONDS_MAX:
        raise UnexpectedForm(f"{path}: seconds since 1970 are expected")
    return _EPOCH + timedelta(seconds=seconds)


def unix_milliseconds(value: Any, path: str) -> datetime:
    """Return the moment at a path, in milliseconds since 1970. Raises UnexpectedForm."""
    milliseconds = integer(value, path)
    if not _SECONDS_MAX < milliseconds <= _SECONDS_MAX * 1000:
        raise UnexpectedForm(f"{path}: milliseconds since 1970 are expected")
    return _EPOCH + timedelta(milliseconds=milliseconds)


def moment(value: Any, path: str) -> datetime | None:
    """Return the moment written at a path, as RFC 3339 or as `2026-05-04 07:00:00 UTC`; None for null.

    Raises UnexpectedForm.
    """
    element = member(value, path)
    if element is None:
        return None
    if isinstance(element, str):
        text = _GITLAB_TIME.sub(r"\1T\2+00:00", element.strip())
        try:
            parsed = datetime.fromisoformat(text)
            if parsed.tzinfo is not None:
                return parsed.astimezone(UTC)
        except (ValueError, OverflowError):  # no moment, or one before the first year in UTC
            pass
    raise UnexpectedForm(f"{path}: a moment with its time zone is expected")


def items(value: Any, path: str) -> Sequence[Any]:
    """Return the list at a path. Raises UnexpectedForm."""
    element = member(value, path)
    if not isinstance(element, list):
        raise UnexpectedForm(f"{path}: a list is expected")
    return element


def text(value: Any, path: str) -> str:
    """Return the text at a path. Raises UnexpectedForm."""
    element = member(value, path)
    if not isinstance(element, str):
        raise UnexpectedForm(f"{path}: a text is expected")
    return element


def is_member(value: Any, path: str, expected: object) -> bool:
    """Tell whether the member at a path equals a value of the same type. Pure."""
    try:
        element = member(value, path)
    except UnexpectedForm:
        return False
    return type(element) is type(expected) and bool(element == expected)
