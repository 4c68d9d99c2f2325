"""A file of content as CSV (RFC 4180): one id a line, in UTF-8; a first line that says `content` is its header.

Pure: bytes in; every content once, or every fault with its line.
"""

import csv
from collections.abc import Iterable, Iterator
from io import StringIO

from campaigns.catalogue.enrolment import content_error
from campaigns.errors import FieldError, ValidationFailed

FILE_BYTES_MAX = 16 * 1024 * 1024
CONTENTS_MAX = 500_000
ERRORS_MAX = 100
_HEADER = "content"
_ROOT_PATH = "file"


def parse_contents(file: bytes) -> list[str]:
    """Return the file's contents once each, in order. Faulty names the wrong lines: nothing of it is used then."""
    if len(file) > FILE_BYTES_MAX:
        raise ValidationFailed(
            [FieldError(_ROOT_PATH, f"it has {len(file):,} bytes, at most {FILE_BYTES_MAX:,} are read")]
        )
    lines, faults = _iterate_lines(_decode(file)), list[FieldError]()
    found: dict[str, int] = {}
    for line, content, fault in lines:
        if fault is None:
            found.setdefault(content, line)
        else:
            faults.append(fault)
    if faults:
        raise ValidationFailed(truncate_errors(faults))
    if not 1 <= len(found) <= CONTENTS_MAX:
        raise ValidationFailed(
            [FieldError(_ROOT_PATH, f"it names {len(found):,} contents, and may name 1 to {CONTENTS_MAX:,}")]
        )
    return sorted(found)


def format_contents(contents: Iterable[str]) -> bytes:
    """Return the file that reads as these."""
    file = StringIO(newline="")
    writer = csv.writer(file)
    writer.writerow([_HEADER])
    writer.writerows([content] for content in contents)
    return file.getvalue().encode()


def truncate_errors(errors: list[FieldError]) -> list[FieldError]:
    """Return the first faults, and how many there are beside them."""
    more = len(errors) - ERRORS_MAX
    return [*errors[:ERRORS_MAX], *([FieldError(_ROOT_PATH, f"and {more:,} faults more")] if more > 0 else [])]


def _decode(file: bytes) -> str:
    try:
        return file.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = file.count(b"\n", 0, error.start) + 1
        raise ValidationFailed([FieldError(f"line {line}", "it is not UTF-8")]) from None


def _iterate_lines(text: str) -> Iterator[tuple[int, str, FieldError | None]]:
    """Yield each line that says something: its number, what it says, and what is wrong with it."""
    rows, is_first = csv.reader(StringIO(text, newline=""), strict=True), True
    while True:
        try:
            row = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            yield rows.line_num, "", FieldError(f"line {rows.line_num}", f"it is no CSV: {error}")
            return
        fields = [field.strip() for field in row]
        if any(fields) and not (is_first and fields == [_HEADER]):
            yield rows.line_num, fields[0], _line_error(rows.line_num, fields)
        is_first = is_first and not any(fields)


def _line_error(line: int, fields: list[str]) -> FieldError | None:
    reason = content_error(fields[0])
    if len(fields) > 1:
        reason = f"it has {len(fields)} fields instead of one: put an id that holds a comma into quotes"
    return FieldError(f"line {line}", reason) if reason else None
