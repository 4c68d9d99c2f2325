"""A file of content as CSV (RFC 4180): one id a line, in UTF-8; a first line that says `content` is its header.

Pure: bytes in; every content once, or every fault with its line.
"""

import csv
from collections.abc import Iterable, Iterator
from io import StringIO

from campaigns.catalogue.enrolment import why_no_content
from campaigns.errors import Fault, Faulty

FILE_BYTES_MAX = 16 * 1024 * 1024
CONTENTS_MAX = 500_000
FAULTS_MAX = 100
_HEADER = "content"
_WHOLE = "file"


def read(file: bytes) -> list[str]:
    """Return the file's contents once each, in order. Faulty names the wrong lines: nothing of it is used then."""
    if len(file) > FILE_BYTES_MAX:
        raise Faulty([Fault(_WHOLE, f"it has {len(file):,} bytes, at most {FILE_BYTES_MAX:,} are read")])
    lines, faults = _lines(_decoded(file)), list[Fault]()
    found: dict[str, int] = {}
    for line, content, fault in lines:
        if fault is None:
            found.setdefault(content, line)
        else:
            faults.append(fault)
    if faults:
        raise Faulty(shortened(faults))
    if not 1 <= len(found) <= CONTENTS_MAX:
        raise Faulty([Fault(_WHOLE, f"it names {len(found):,} contents, and may name 1 to {CONTENTS_MAX:,}")])
    return sorted(found)


def write(contents: Iterable[str]) -> bytes:
    """Return the file that reads as these."""
    file = StringIO(newline="")
    writer = csv.writer(file)
    writer.writerow([_HEADER])
    writer.writerows([content] for content in contents)
    return file.getvalue().encode()


def shortened(faults: list[Fault]) -> list[Fault]:
    """Return the first faults, and how many there are beside them."""
    more = len(faults) - FAULTS_MAX
    return [*faults[:FAULTS_MAX], *([Fault(_WHOLE, f"and {more:,} faults more")] if more > 0 else [])]


def _decoded(file: bytes) -> str:
    try:
        return file.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = file.count(b"\n", 0, error.start) + 1
        raise Faulty([Fault(f"line {line}", "it is not UTF-8")]) from None


def _lines(text: str) -> Iterator[tuple[int, str, Fault | None]]:
    """Yield each line that says something: its number, what it says, and what is wrong with it."""
    rows, is_first = csv.reader(StringIO(text, newline=""), strict=True), True
    while True:
        try:
            row = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            yield rows.line_num, "", Fault(f"line {rows.line_num}", f"it is no CSV: {error}")
            return
        fields = [field.strip() for field in row]
        if any(fields) and not (is_first and fields == [_HEADER]):
            yield rows.line_num, fields[0], _fault(rows.line_num, fields)
        is_first = is_first and not any(fields)


def _fault(line: int, fields: list[str]) -> Fault | None:
    reason = why_no_content(fields[0])
    if len(fields) > 1:
        reason = f"it has {len(fields)} fields instead of one: put an id that holds a comma into quotes"
    return Fault(f"line {line}", reason) if reason else None
