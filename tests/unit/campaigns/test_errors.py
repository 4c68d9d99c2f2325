"""Refusals of requests: codes with typed values, also from pydantic's validators."""

import json
from typing import Annotated

import pytest
from pydantic import TypeAdapter, ValidationError
from pydantic.functional_validators import AfterValidator

from campaigns.errors import FieldError, PromiseRefused, invalid_value, printable


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("video", "video"),
        ("视频", "视频"),
        ("a\nb", "a\\nb"),
        ("\x1b[31m", "\\x1b[31m"),
        ("\udc80", "\\udc80"),
        ("\u202e", "\\u202e"),
        ("", ""),
    ],
)
def test_a_text_from_outside_is_printable(text: str, expected: str):
    assert printable(text) == expected
    assert json.dumps(printable(text), ensure_ascii=False).encode()


def refuse(_: int) -> int:
    raise invalid_value("shares_not_whole", total_bp=9_999)


def test_a_validator_keeps_its_code_and_values():
    with pytest.raises(ValidationError) as refusal:
        TypeAdapter(Annotated[int, AfterValidator(refuse)]).validate_python(1)
    [error] = refusal.value.errors()
    assert (error["type"], error["ctx"]) == ("shares_not_whole", {"total_bp": 9_999})


def test_a_refusal_of_fields_reads_as_lines():
    errors = [FieldError("a.b", "missing"), FieldError("line 2", "too_long", {"max_length": 3})]
    assert str(PromiseRefused(errors)) == "a.b: missing\nline 2: too_long: max_length=3"
