"""Content ids: valid, or refused by code with a printable form of the id."""

import pytest

from campaigns.catalogue.enrolment import content_error, validate_contents
from campaigns.errors import EnrolmentRefused
from ledger.errors import Refusal


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("4854", None),
        ("内容", None),
        ("a" * 128, None),
        ("", "string_too_short"),
        ("a" * 129, "string_too_long"),
        ("a\nb", "string_pattern_mismatch"),
        ("a\x00", "string_pattern_mismatch"),
        ("\udc80", "string_unicode"),
    ],
)
def test_a_content_id_is_checked(text: str, code: str | None):
    refusal = content_error(text)
    assert (refusal and refusal.code) == code


@pytest.mark.parametrize(
    ("content", "shortened"),
    [("a\nb", "a\\nb"), ("\udc80", "\\udc80"), ("b" * 129, "b" * 40)],
)
def test_an_invalid_id_is_named_in_printable_form(content: str, shortened: str):
    with pytest.raises(EnrolmentRefused, match=r"^content_invalid: ") as refusal:
        validate_contents(["good", content])
    assert refusal.value.params["content"] == shortened
    assert isinstance(refusal.value.params["reason"], Refusal)


def test_contents_come_once_each_and_sorted():
    assert validate_contents(["b", "a", "b"]) == ["a", "b"]
