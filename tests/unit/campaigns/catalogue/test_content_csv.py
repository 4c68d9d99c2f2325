"""A file of content: the ids in it, or the lines with errors."""

import pytest

from campaigns.catalogue import content_csv
from campaigns.errors import ValidationFailed


@pytest.mark.parametrize(
    ("file", "contents"),
    [
        (b"a\nb\n", ["a", "b"]),
        (b"\xef\xbb\xbfcontent\r\nb\r\n\r\n a \r\nb", ["a", "b"]),
        (b"\n\ncontent\na", ["a"]),
        (b"a\ncontent", ["a", "content"]),
        (b'"content"\n"a,b"\n"say ""c"""', ["a,b", 'say "c"']),
        ("内容\n".encode(), ["内容"]),
    ],
)
def test_the_contents_of_a_file(file: bytes, contents: list[str]):
    assert content_csv.parse_contents(file) == contents
    assert content_csv.parse_contents(content_csv.format_contents(contents)) == contents


@pytest.mark.parametrize(
    ("file", "errors"),
    [
        (b"a\n\xff", ["line 2: file_not_utf8"]),
        (b"a,b\n\nc\n", ["line 1: content_line_has_fields: fields_number=2"]),
        (b"a\n" + b"b" * 129, ["line 2: string_too_long: max_length=128"]),
        (b'a\n"b" c\n', ["line 2: csv_invalid: detail=',' expected after '\"'"]),
        (b"content\n\n", ["file: contents_out_of_range: contents_number=0, most_number=500000"]),
        (b"", ["file: contents_out_of_range: contents_number=0, most_number=500000"]),
    ],
)
def test_an_error_has_its_line(file: bytes, errors: list[str]):
    with pytest.raises(ValidationFailed) as refusal:
        content_csv.parse_contents(file)
    assert [str(error) for error in refusal.value.field_errors] == errors


def test_of_many_errors_the_first_are_listed_and_the_rest_counted():
    with pytest.raises(ValidationFailed) as refusal:
        content_csv.parse_contents(b"a,b\n" * 150 + b"good\n")
    assert len(refusal.value.field_errors) == content_csv.ERRORS_MAX + 1
    assert str(refusal.value.field_errors[-1]) == "file: more_errors: errors_number=50"


def test_a_file_that_is_too_large_is_refused():
    with pytest.raises(ValidationFailed, match=r"^file: file_too_large: file_bytes=\d+, most_bytes=16777216$"):
        content_csv.parse_contents(b"a\n" * (content_csv.FILE_BYTES_MAX // 2) + b"a")
