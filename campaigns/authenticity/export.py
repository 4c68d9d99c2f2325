"""Observations with their verdicts as CSV (RFC 4180): anyone can judge them again without a database.

The first line is a comment with the format's version, the time zone, the ruleset's version and the
digest of the verdicts. Then come the names of the columns, and a row for each observation:

    event_us,person,content,platform,device,network,account_age_days,watch_ms,duration_ms,followed,
    commented,shared,state,families,rules

`event_us` is in microseconds since 1970 (UTC); person, device and network are hexadecimal; booleans
are 0 or 1; an empty cell was not reported. `state` is `quarantined` or empty: what the rules decided
about the like, the same in each row of a like. Families and rules are sorted and parted by spaces.
A text that begins with an apostrophe, or that a spreadsheet would evaluate, has one before it.
"""

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from io import StringIO
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from campaigns.authenticity.engine import Judgement, Verdict, digest
from campaigns.authenticity.observation import Observation
from campaigns.csv_safe import escape_formula
from campaigns.errors import FieldError, ValidationFailed

VERSION = 1
STATE_HELD = "quarantined"
COLUMNS = (*Observation._fields, "state", "families", "rules")
_HEAD = re.compile(
    r"# observations of like-ledger; version=(?P<version>\d{1,9}); timezone=(?P<timezone>[A-Za-z0-9+_/-]{1,64});"
    r" ruleset=(?P<ruleset>\d{1,16}); digest=(?P<digest>[0-9a-f]{64})\r?\n?"
)
_INTEGER = re.compile(r"-?\d{1,18}")
_TAG_DIGITS, _PERSON_DIGITS = 16, 32
_BOOLEANS = {"": None, "0": False, "1": True}
_TEXT_CHARS_MAX = 128
_EVENT_US_MAX = 2**53  # the year 2255


class ExportHead(NamedTuple):
    """What the first line of an export says."""

    timezone: str
    ruleset: int
    digest: str


class ExportRow(NamedTuple):
    """A line of an export: the observation, and the state, families and rules beside it."""

    line: int
    observation: Observation
    decision: tuple[str, str, str]


def write_export(
    observations: Iterable[Observation], judgement: Judgement, ruleset_version: int, timezone: str
) -> Iterator[str]:
    """Yield the lines of an export, each with its line end. Pure.

    The judgement must be over these observations.
    """
    verdicts = {(verdict.person, verdict.content): verdict for verdict in judgement.verdicts}
    yield (
        f"# observations of like-ledger; version={VERSION}; timezone={timezone}; ruleset={ruleset_version};"
        f" digest={digest(judgement.verdicts)}\r\n"
    )
    yield _csv_line(COLUMNS)
    for observation in observations:
        verdict = verdicts.get((observation.person, observation.content))
        yield _csv_line([*map(_cell, observation), *describe_verdict(verdict)])


def describe_verdict(verdict: Verdict | None) -> tuple[str, str, str]:
    """Return state, families and rules as an export writes them. Pure."""
    return ("", "", "") if verdict is None else (STATE_HELD, " ".join(verdict.families), " ".join(verdict.rules))


def read_head(line: str) -> ExportHead:
    """Return what the first line says. Raises ValidationFailed if it begins no export. Pure."""
    match = _HEAD.fullmatch(line)
    if match is None:
        raise _fault(1, "export_head_malformed")
    if int(match["version"]) != VERSION:
        raise ValidationFailed([FieldError("line 1", "export_version_unknown", {"version_number": VERSION})])
    try:
        ZoneInfo(match["timezone"])
    except (ZoneInfoNotFoundError, ValueError, OSError):  # OSError: a folder of the database
        raise _fault(1, "export_head_malformed") from None
    return ExportHead(match["timezone"], int(match["ruleset"]), match["digest"])


def read_rows(lines: Iterable[str]) -> Iterator[ExportRow]:
    """Yield the rows that follow the first line.

    Raises ValidationFailed with the line of the first fault.
    """
    reader = csv.reader(lines, strict=True)
    names = next(reader, [])
    if tuple(names) != COLUMNS:
        raise ValidationFailed([FieldError("line 2", "export_columns_differ", {"columns": list(COLUMNS)})])
    while True:
        try:
            cells = next(reader, None)
        except csv.Error:
            raise _fault(reader.line_num + 1, "export_row_malformed") from None
        if cells is None:
            return
        yield _row(reader.line_num + 1, cells)


def _row(line: int, cells: list[str]) -> ExportRow:
    if len(cells) != len(COLUMNS):
        raise _fault(line, "export_row_malformed")
    try:
        return ExportRow(line, _observation(cells), (cells[-3], cells[-2], cells[-1]))
    except (ValueError, KeyError):
        raise _fault(line, "export_row_malformed") from None


def _observation(cells: Sequence[str]) -> Observation:
    """Return the observation of a row's cells. Raises ValueError or KeyError if a cell is malformed."""
    person = _bytes(cells[1], _PERSON_DIGITS)
    event_us = _integer(cells[0])
    if person is None or event_us is None or not cells[2] or max(map(len, cells[2:4])) > _TEXT_CHARS_MAX + 1:
        raise ValueError("a cell that every row has is empty, or too long")
    if not 0 <= event_us < _EVENT_US_MAX:
        raise ValueError("a time that no campaign has")
    "".join(cells).encode()  # a byte that is not UTF-8 was read as a lone surrogate
    age, watch, duration = (_count(cell) for cell in cells[6:9])
    followed, commented, shared = (_BOOLEANS[cell] for cell in cells[9:12])
    return Observation(
        event_us=event_us,
        person=person,
        content=_unprotect(cells[2]),
        platform=_unprotect(cells[3]),
        device=_bytes(cells[4], _TAG_DIGITS),
        network=_bytes(cells[5], _TAG_DIGITS),
        account_age_days=age,
        watch_ms=watch,
        duration_ms=duration,
        followed=followed,
        commented=commented,
        shared=shared,
    )


def _cell(value: bytes | str | int | None) -> str:
    match value:
        case None:
            return ""
        case bytes():
            return value.hex()
        case str():
            return f"'{value}" if value.startswith("'") or escape_formula(value) != value else value
        case _:
            return str(int(value))


def _unprotect(cell: str) -> str:
    return cell.removeprefix("'")


def _bytes(cell: str, digits: int) -> bytes | None:
    if cell and len(cell) != digits:
        raise ValueError(f"{len(cell)} digits instead of {digits}")
    return bytes.fromhex(cell) if cell else None


def _count(cell: str) -> int | None:
    value = _integer(cell)
    if value is not None and value < 0:
        raise ValueError("a count below zero")
    return value


def _integer(cell: str) -> int | None:
    if cell and (not cell.isascii() or _INTEGER.fullmatch(cell) is None):
        raise ValueError("no integer")
    return int(cell) if cell else None


def _csv_line(cells: Sequence[str]) -> str:
    out = StringIO()
    csv.writer(out).writerow(cells)
    return out.getvalue()


def _fault(line: int, code: str) -> ValidationFailed:
    return ValidationFailed([FieldError(f"line {line}", code)])
