"""A file of content: what is read from it, and which lines are wrong."""

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
def test_what_a_file_names(file: bytes, contents: list[str]):
    assert content_csv.parse_contents(file) == contents
    assert content_csv.parse_contents(content_csv.format_contents(contents)) == contents


@pytest.mark.parametrize(
    ("file", "faults"),
    [
        (b"a\n\xff", ["line 2: it is not UTF-8"]),
        (b"a,b\n\nc\n", ["line 1: it has 2 fields instead of one: put an id that holds a comma into quotes"]),
        (b"a\n" + b"b" * 129, ["line 2: String should have at most 128 characters"]),
        (b'a\n"b" c\n', ["line 2: it is no CSV: ',' expected after '\"'"]),
        (b"content\n\n", ["file: it names 0 contents, and may name 1 to 500,000"]),
        (b"", ["file: it names 0 contents, and may name 1 to 500,000"]),
    ],
)
def test_what_is_wrong_is_named_by_its_line(file: bytes, faults: list[str]):
    with pytest.raises(ValidationFailed) as refused:
        content_csv.parse_contents(file)
    assert [str(fault) for fault in refused.value.field_errors] == faults


def test_of_many_faults_the_first_are_told_and_how_many_there_are_beside():
    with pytest.raises(ValidationFailed) as refused:
        content_csv.parse_contents(b"a,b\n" * 150 + b"good\n")
    assert len(refused.value.field_errors) == content_csv.ERRORS_MAX + 1
    assert str(refused.value.field_errors[-1]) == "file: and 50 faults more"


def test_a_file_that_is_too_large_is_refused():
    with pytest.raises(ValidationFailed, match="at most 16,777,216 are read"):
        content_csv.parse_contents(b"a\n" * (content_csv.FILE_BYTES_MAX // 2) + b"a")
