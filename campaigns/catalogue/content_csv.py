"""A list of content ids as CSV (RFC 4180): UTF-8, one id per line, `content` as an optional header.

Pure: bytes in; every id once, or every error with its line.
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
    """Return the content ids of a file, each once, in order. Pure.

    Raises ValidationFailed with the wrong lines; the file is accepted whole or not at all.
    """
    if len(file) > FILE_BYTES_MAX:
        size = {"file_bytes": len(file), "most_bytes": FILE_BYTES_MAX}
        raise ValidationFailed([FieldError(_ROOT_PATH, "file_too_large", size)])
    contents, errors = set[str](), list[FieldError]()
    for content, error in _iterate_lines(_decode(file)):
        if error is None:
            contents.add(content)
        else:
            errors.append(error)
    if errors:
        raise ValidationFailed(truncate_errors(errors))
    if not 1 <= len(contents) <= CONTENTS_MAX:
        counts = {"contents_number": len(contents), "most_number": CONTENTS_MAX}
        raise ValidationFailed([FieldError(_ROOT_PATH, "contents_out_of_range", counts)])
    return sorted(contents)


def format_contents(contents: Iterable[str]) -> bytes:
    """Return a file that `parse_contents` reads back as these ids. Pure."""
    file = StringIO(newline="")
    writer = csv.writer(file)
    writer.writerow([_HEADER])
    writer.writerows([content] for content in contents)
    return file.getvalue().encode()


def truncate_errors(errors: list[FieldError]) -> list[FieldError]:
    """Return the first errors, and the number of those left out. Pure."""
    more = len(errors) - ERRORS_MAX
    rest = [FieldError(_ROOT_PATH, "more_errors", {"errors_number": more})] if more > 0 else []
    return [*errors[:ERRORS_MAX], *rest]


def _decode(file: bytes) -> str:
    try:
        return file.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = file.count(b"\n", 0, error.start) + 1
        raise ValidationFailed([FieldError(f"line {line}", "file_not_utf8")]) from None


def _iterate_lines(text: str) -> Iterator[tuple[str, FieldError | None]]:
    """Yield the content id of each line that is not blank, and the line's error."""
    rows, is_first = csv.reader(StringIO(text, newline=""), strict=True), True
    while True:
        try:
            row = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            yield "", FieldError(f"line {rows.line_num}", "csv_invalid", {"detail": str(error)})
            return
        fields = [field.strip() for field in row]
        if any(fields) and not (is_first and fields == [_HEADER]):
            yield fields[0], _line_error(rows.line_num, fields)
        is_first = is_first and not any(fields)


def _line_error(line: int, fields: list[str]) -> FieldError | None:
    if len(fields) > 1:
        return FieldError(f"line {line}", "content_line_has_fields", {"fields_number": len(fields)})
    refusal = content_error(fields[0])
    return FieldError(f"line {line}", refusal.code, refusal.params) if refusal else None
