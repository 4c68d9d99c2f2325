"""Stored refusals: decoded as they were encoded, never longer than the bound; old sentences stay sentences."""

import json
from datetime import date

import pytest

from campaigns.errors import CampaignClosed, EnrolmentRefused, FieldError, ValidationFailed
from campaigns.stored_refusals import decode_refusal, encode_refusal, parse_refusal, refusal_object
from ledger.errors import Refusal

BOUND = 500
REFUSALS = {
    "plain": CampaignClosed("forest"),
    "without values": Refusal("last_owner"),
    "numbers and lists": Refusal("role_unknown", role="king", roles=["owner", "auditor"], count_number=3),
    "nested": EnrolmentRefused("content_invalid", content="a\0b", reason=Refusal("year_out_of_range", first_year=1)),
    "fields": ValidationFailed(
        [FieldError("terms.rate", "missing"), FieldError("name", "too_long", {"max_length": 9})]
    ),
}


@pytest.mark.parametrize("refusal", REFUSALS.values(), ids=REFUSALS)
def test_a_refusal_is_decoded_as_it_was_encoded(refusal: Refusal) -> None:
    decoded = decode_refusal(encode_refusal(refusal, BOUND))
    assert decoded is not None
    assert refusal_object(decoded) == refusal_object(refusal)
    assert str(decoded) == str(parse_refusal(refusal_object(refusal)))


def test_a_day_is_stored_as_iso_text() -> None:
    decoded = decode_refusal(encode_refusal(Refusal("terms_after_last_day", day=date(2026, 11, 30)), BOUND))
    assert decoded is not None
    assert decoded.params == {"day": "2026-11-30"}


LONG = "x" * 10_000
TOO_LONG = {
    "a long value": Refusal("upload_stopped_by", name="ann", reason=LONG),
    "many errors": ValidationFailed([FieldError(f"terms.{n}", "missing", {"value": LONG}) for n in range(1_000)]),
    "many values": Refusal("many", **{f"value_{n}": LONG for n in range(100)}),
    "a long path": ValidationFailed([FieldError(LONG, "missing")]),
}


@pytest.mark.parametrize("refusal", TOO_LONG.values(), ids=TOO_LONG)
def test_a_long_refusal_is_cut_to_the_bound(refusal: Refusal) -> None:
    text = encode_refusal(refusal, BOUND)
    assert len(text) <= BOUND
    decoded = decode_refusal(text)
    assert decoded is not None
    assert decoded.code in (refusal.code, "refusal_too_long")


def test_values_are_cut_before_field_errors_are_left_out() -> None:
    refusal = ValidationFailed([FieldError("a", "first", {"value": LONG}), FieldError("b", "second")])
    errors = json.loads(encode_refusal(refusal, BOUND))["field_errors"]
    assert [error["code"] for error in errors] == ["first", "second"]


@pytest.mark.parametrize("sentence", ["village-schools is disabled", "5", '"text"', '{"other": 1}', "", "{"])
def test_a_sentence_of_an_old_release_is_no_stored_refusal(sentence: str) -> None:
    assert decode_refusal(sentence) is None
