"""Readers of like files: `ndjson` has the intake's like object a line, `kuairand` is the data set.

Pure readers from bytes to likes and bad lines, with line numbers. Memory does not grow with the
file. NDJSON: https://github.com/ndjson/ndjson-spec. KuaiRand (Gao et al., CIKM 2022):
https://kuairand.com
"""

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import partial
from itertools import count
from typing import BinaryIO, NamedTuple

from pydantic import TypeAdapter, ValidationError

from campaigns.intake.delivery_body import LikeEvent
from campaigns.intake.payload import validation_errors

LINE_BYTES_MAX = 64 * 1024
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_WHOLE_NUMBER = re.compile(r"[0-9]{1,18}")
_LIKE_ADAPTER = TypeAdapter(LikeEvent)

# Columns that we read, and the other columns of the data set. Any other column means another file.
_REQUIRED_COLUMNS = (
    "user_id",
    "video_id",
    "time_ms",
    "play_time_ms",
    "duration_ms",
    "comment_stay_time",
    "is_follow",
    "is_comment",
    "is_forward",
    "is_profile_enter",
)
_OPTIONAL_COLUMNS = {
    "date",
    "hourmin",
    "is_click",
    "is_like",
    "is_hate",
    "long_view",
    "profile_stay_time",
    "is_rand",
    "tab",
}


class Format(StrEnum):
    """The supported formats."""

    NDJSON = "ndjson"
    KUAIRAND = "kuairand"


class Like(NamedTuple):
    """A like or unlike of the file: its line, its time and its JSON to be sent."""

    line: int
    event_at: datetime
    json: bytes


class BadLine(NamedTuple):
    """A line that is not a like, and the reason."""

    line: int
    reason: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.reason}"


class UnknownFormat(Exception):
    """The header shows that the file has another format."""


class _MalformedLine(ValueError):
    """A line is malformed; the message is the reason."""


class _Line(NamedTuple):
    number: int
    raw: bytes
    is_truncated: bool  # no newline: the file may be truncated


def read_likes(file_format: Format, file: BinaryIO, campaign: str) -> Iterator[Like | BadLine]:
    """Yield the like or the bad line of each line, in order; `campaign` is the default campaign.

    Raises UnknownFormat at the first step if a KuaiRand file's header does not match.
    """
    lines = _read_lines(file)
    if file_format is Format.NDJSON:
        return _parse_lines(lines, partial(_parse_ndjson, campaign))
    return _read_kuairand(lines, campaign)


def _read_lines(file: BinaryIO) -> Iterator[_Line]:
    for number in count(1):
        raw = file.readline(LINE_BYTES_MAX)
        if not raw:
            return
        has_newline = raw.endswith(b"\n")
        is_too_long = len(raw) == LINE_BYTES_MAX and not has_newline
        if is_too_long:
            _skip_rest(file)
        yield _Line(number, raw.rstrip(b"\r\n"), not has_newline and not is_too_long)


def _skip_rest(file: BinaryIO) -> None:
    while (rest := file.readline(LINE_BYTES_MAX)) and not rest.endswith(b"\n"):
        pass


def _parse_lines(lines: Iterator[_Line], parse: Callable[[str], LikeEvent | None]) -> Iterator[Like | BadLine]:
    """Yield likes and bad lines; skip empty lines, as NDJSON allows."""
    for line in lines:
        if not line.raw:
            continue
        try:
            like = parse(_decode_line(line))
        except _MalformedLine as error:
            prefix = "the file is truncated here: " if line.is_truncated else ""
            yield BadLine(line.number, f"{prefix}{error}")
            continue
        if like is not None:
            yield Like(line.number, like["event_at"], _LIKE_ADAPTER.dump_json(like))


def _decode_line(line: _Line) -> str:
    if len(line.raw) >= LINE_BYTES_MAX:
        raise _MalformedLine(f"longer than {LINE_BYTES_MAX} bytes")
    try:
        return line.raw.decode().removeprefix("\ufeff" if line.number == 1 else "")
    except UnicodeDecodeError as error:
        raise _MalformedLine("not UTF-8") from error


def _parse_ndjson(campaign: str, text: str) -> LikeEvent:
    try:
        like = _LIKE_ADAPTER.validate_json(text)
    except ValidationError as error:
        raise _MalformedLine(_first_error(error)) from error
    like.setdefault("campaign", campaign)
    return like


def _first_error(error: ValidationError) -> str:
    if error.errors(include_url=False, include_input=False)[0]["type"] == "json_invalid":
        return "not JSON"
    return ": ".join(validation_errors(error)[0]).removeprefix("the body: ")


def _read_kuairand(lines: Iterator[_Line], campaign: str) -> Iterator[Like | BadLine]:
    header = next(lines, None)
    if header is None:
        raise UnknownFormat("line 1: the file is empty; a header was expected")
    columns = _parse_header(header)
    yield from _parse_lines(lines, partial(_parse_kuairand, campaign, columns))


def _parse_header(header: _Line) -> list[str]:
    try:
        columns = _decode_line(header).split(",")
    except _MalformedLine as error:
        raise UnknownFormat(f"line 1: {error}") from error
    unknown = [name for name in columns if name not in _REQUIRED_COLUMNS and name not in _OPTIONAL_COLUMNS]
    if unknown:
        raise UnknownFormat(f"line 1: unknown column {unknown[0][:100]!r}")
    missing = [name for name in _REQUIRED_COLUMNS if name not in columns]
    if missing:
        raise UnknownFormat(f"line 1: missing column {missing[0]!r}")
    if len(set(columns)) < len(columns):
        raise UnknownFormat("line 1: a column is repeated")
    return columns


def _parse_kuairand(campaign: str, columns: list[str], text: str) -> LikeEvent | None:
    """Return the row's like; None if the row is not a like."""
    values = text.split(",")
    if len(values) != len(columns):
        raise _MalformedLine(f"{len(values)} columns, but the header has {len(columns)}")
    row = dict(zip(columns, values, strict=True))
    numbers = {name: _parse_integer(name, row[name]) for name in _REQUIRED_COLUMNS}
    if "is_like" in row and not _parse_flag("is_like", row):
        return None
    return {
        "action": "like",
        "content": row["video_id"],
        "person": row["user_id"],
        "event_at": _parse_instant(numbers["time_ms"]),
        "campaign": campaign,
        "signals": {
            "watch_ms": numbers["play_time_ms"],
            "duration_ms": numbers["duration_ms"],
            "followed": _parse_flag("is_follow", row),
            "commented": _parse_flag("is_comment", row),
            "shared": _parse_flag("is_forward", row),
        },
    }


def _parse_integer(name: str, text: str) -> int:
    if not _WHOLE_NUMBER.fullmatch(text):
        raise _MalformedLine(f"{name}: not a whole number of at most 18 digits")
    return int(text)


def _parse_flag(name: str, row: Mapping[str, str]) -> bool:
    if row[name] not in ("0", "1"):
        raise _MalformedLine(f"{name}: neither 0 nor 1")
    return row[name] == "1"


def _parse_instant(milliseconds: int) -> datetime:
    """Return the time in integer arithmetic: a float would lose milliseconds."""
    try:
        return _EPOCH + timedelta(milliseconds=milliseconds)
    except OverflowError as error:
        raise _MalformedLine("time_ms: out of range") from error
