"""The request of a preview: accepted whole, or refused with the path of every error."""

import json
from datetime import date
from typing import Any

import pytest

from campaigns.errors import PromiseRefused
from campaigns.preview.request import (
    CURVE_BYTES_MAX,
    REQUEST_BYTES_MAX,
    CurvePointInput,
    build_request,
    parse_curve_csv,
    parse_request,
)
from promises import promise

PROMISE = promise().model_dump(mode="json")
CURVE = [{"day": "2026-12-01", "likes": 100}, {"day": "2026-12-03", "likes": 300}]


def body(**changes: Any) -> bytes:
    fields = {"promise": PROMISE, "funded_minor": 700_000, "forecast": {"likes_per_day": 1_000}, **changes}
    return json.dumps({name: value for name, value in fields.items() if value is not ...}).encode()


@pytest.mark.parametrize(
    "forecast",
    [{"likes_per_day": 1_000, "fakes_bp": 300}, {"likes_per_day": 0}, {"curve": CURVE}, {"like_campaign": "spring"}],
)
def test_each_forecast_is_read(forecast: dict[str, Any]):
    request = parse_request(body(forecast=forecast))
    assert request.promise == promise()
    assert request.forecast.model_dump(mode="json", exclude_none=True) == {"fakes_bp": 0, **forecast}


def test_the_budget_may_be_left_out():
    assert parse_request(body(funded_minor=...)).funded_minor is None


def wrong_account() -> dict[str, Any]:
    changed = json.loads(json.dumps(PROMISE))
    changed["terms"]["beneficiaries"][1]["account"]["iban"] = "GB00WEST12345698765432"
    changed["terms"]["rate"]["per_likes"] = 0
    return dict(changed)


LATER_CURVE = [CURVE[0], {"day": "x", "likes": -1}]
TWO_METHODS = {"likes_per_day": 1, "like_campaign": "spring"}


@pytest.mark.parametrize(
    ("request_body", "codes"),
    [
        (b"{", {"preview": "json_invalid"}),
        (b"[]", {"preview": "model_type"}),
        (b"{}", {"promise": "missing", "forecast": "missing"}),
        (body(more=1), {"more": "extra_forbidden"}),
        (b" " * (REQUEST_BYTES_MAX + 1), {"preview": "request_too_large"}),
        (body(funded_minor=-1), {"funded_minor": "greater_than_equal"}),
        (body(funded_minor=2**53), {"funded_minor": "less_than_equal"}),
        (body(funded_minor=1.0), {"funded_minor": "int_type"}),
        (body(funded_minor="1"), {"funded_minor": "int_type"}),
        (
            body(promise=wrong_account()),
            {
                "promise.terms.rate.per_likes": "greater_than_equal",
                "promise.terms.beneficiaries.1.account.iban": "iban_check_digits",
            },
        ),
        (body(forecast={}), {"forecast": "forecast_needs_one_method"}),
        (body(forecast={"fakes_bp": 3}), {"forecast": "forecast_needs_one_method"}),
        (body(forecast=TWO_METHODS), {"forecast": "forecast_needs_one_method"}),
        (
            body(forecast={"likes_per_day": 1, "curve": CURVE}),
            {"forecast": "forecast_needs_one_method"},
        ),
        (body(forecast={"likes_per_day": -1}), {"forecast.likes_per_day": "greater_than_equal"}),
        (
            body(forecast={"likes_per_day": 10**12 + 1}),
            {"forecast.likes_per_day": "less_than_equal"},
        ),
        (body(forecast={"likes_per_day": True}), {"forecast.likes_per_day": "int_type"}),
        (
            body(forecast={"likes_per_day": 1, "fakes_bp": 10_001}),
            {"forecast.fakes_bp": "less_than_equal"},
        ),
        (
            body(forecast={"like_campaign": "No Slug"}),
            {"forecast.like_campaign": "string_pattern_mismatch"},
        ),
        (body(forecast={"curve": []}), {"forecast.curve": "too_short"}),
        (body(forecast={"curve": CURVE * 2}), {"forecast.curve": "curve_days_not_ascending"}),
        (body(forecast={"curve": CURVE[::-1]}), {"forecast.curve": "curve_days_not_ascending"}),
        (
            body(forecast={"curve": [{"day": "2026-02-30", "likes": 1}]}),
            {"forecast.curve.0.day": "date_parsing"},
        ),
        (
            body(forecast={"curve": [{"day": "1999-12-31", "likes": 1}]}),
            {"forecast.curve.0.day": "year_out_of_range"},
        ),
        (body(forecast={"curve": [{"day": "2026-12-01"}]}), {"forecast.curve.0.likes": "missing"}),
        (
            body(forecast={"curve": LATER_CURVE}),
            {
                "forecast.curve.1.day": "date_parsing",
                "forecast.curve.1.likes": "greater_than_equal",
            },
        ),
    ],
)
def test_every_error_has_its_path_and_code(request_body: bytes, codes: dict[str, str]):
    with pytest.raises(PromiseRefused) as refusal:
        parse_request(request_body)
    assert [(error.path, error.code) for error in refusal.value.field_errors] == list(codes.items())


def test_a_curve_is_read_from_csv():
    points = parse_curve_csv(b"\xef\xbb\xbfday,likes\r\n2026-12-01,100\r\n\r\n2026-12-03, 300\r\n")
    curve = build_request(promise(), None, {"curve": points}).forecast.curve
    assert curve == [
        CurvePointInput(day=date(2026, 12, 1), likes=100),
        CurvePointInput(day=date(2026, 12, 3), likes=300),
    ]


@pytest.mark.parametrize(
    ("file", "paths", "code"),
    [
        (b"", ["line 1"], "curve_columns"),
        (b"2026-12-01,100\n", ["line 1"], "curve_columns"),
        (b"day,likes\n2026-12-01\n2026-12-02,1\n2026-12-03,-1\n", ["line 2", "line 4"], "curve_line_malformed"),
        (b"day,likes\n2026-12-01,1.5\n", ["line 2"], "curve_line_malformed"),
        ("day,likes\n2026-12-01,１\n".encode(), ["line 2"], "curve_line_malformed"),
        (b"day,likes\nx,1\n", ["line 2"], "curve_line_malformed"),
        (b"day,likes\n2026-12-01,1,2\n", ["line 2"], "curve_line_malformed"),
        (
            b"day,likes\n" + b"2026-12-01," + b"9" * 5_000,
            ["line 2"],
            "curve_line_malformed",
        ),  # more digits than Python reads
        (b"\xff\xfe", ["curve"], "curve_not_csv"),
        (b'day,likes\n"2026', ["curve"], "curve_not_csv"),
        (b"x" * (CURVE_BYTES_MAX + 1), ["curve"], "file_too_large"),
    ],
)
def test_a_wrong_curve_is_refused_line_by_line(file: bytes, paths: list[str], code: str):
    with pytest.raises(PromiseRefused) as refusal:
        parse_curve_csv(file)
    assert [(error.path, error.code) for error in refusal.value.field_errors] == [(path, code) for path in paths]


def test_values_from_the_command_line_meet_the_same_bounds():
    with pytest.raises(PromiseRefused, match=r"forecast\.like_campaign"):
        build_request(promise(), None, {"like_campaign": "No Slug"})
