"""What a preview is asked with: read whole, or refused with every fault and its path."""

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
    asked = {"promise": PROMISE, "funded_minor": 700_000, "forecast": {"likes_per_day": 1_000}, **changes}
    return json.dumps({name: value for name, value in asked.items() if value is not ...}).encode()


@pytest.mark.parametrize(
    "forecast",
    [{"likes_per_day": 1_000, "fakes_bp": 300}, {"likes_per_day": 0}, {"curve": CURVE}, {"like_campaign": "spring"}],
)
def test_each_forecast_is_read(forecast: dict[str, Any]):
    found = parse_request(body(forecast=forecast))
    assert found.promise == promise()
    assert found.forecast.model_dump(mode="json", exclude_none=True) == {"fakes_bp": 0, **forecast}


def test_the_budget_may_be_left_out():
    assert parse_request(body(funded_minor=...)).funded_minor is None


def wrong_account() -> dict[str, Any]:
    changed = json.loads(json.dumps(PROMISE))
    changed["terms"]["beneficiaries"][1]["account"]["iban"] = "GB00WEST12345698765432"
    changed["terms"]["rate"]["per_likes"] = 0
    return dict(changed)


@pytest.mark.parametrize(
    ("asked", "paths"),
    [
        (b"{", ["preview"]),
        (b"[]", ["preview"]),
        (b"{}", ["promise", "forecast"]),
        (body(more=1), ["more"]),
        (b" " * (REQUEST_BYTES_MAX + 1), ["preview"]),
        (body(funded_minor=-1), ["funded_minor"]),
        (body(funded_minor=2**53), ["funded_minor"]),
        (body(funded_minor=1.0), ["funded_minor"]),
        (body(funded_minor="1"), ["funded_minor"]),
        (
            body(promise=wrong_account()),
            ["promise.terms.rate.per_likes", "promise.terms.beneficiaries.1.account.iban"],
        ),
        (body(forecast={}), ["forecast"]),
        (body(forecast={"fakes_bp": 3}), ["forecast"]),
        (body(forecast={"likes_per_day": 1, "like_campaign": "spring"}), ["forecast"]),
        (body(forecast={"likes_per_day": 1, "curve": CURVE}), ["forecast"]),
        (body(forecast={"likes_per_day": -1}), ["forecast.likes_per_day"]),
        (body(forecast={"likes_per_day": 10**12 + 1}), ["forecast.likes_per_day"]),
        (body(forecast={"likes_per_day": True}), ["forecast.likes_per_day"]),
        (body(forecast={"likes_per_day": 1, "fakes_bp": 10_001}), ["forecast.fakes_bp"]),
        (body(forecast={"like_campaign": "No Slug"}), ["forecast.like_campaign"]),
        (body(forecast={"curve": []}), ["forecast.curve"]),
        (body(forecast={"curve": CURVE * 2}), ["forecast.curve"]),
        (body(forecast={"curve": CURVE[::-1]}), ["forecast.curve"]),
        (body(forecast={"curve": [{"day": "2026-02-30", "likes": 1}]}), ["forecast.curve.0.day"]),
        (body(forecast={"curve": [{"day": "1999-12-31", "likes": 1}]}), ["forecast.curve.0.day"]),
        (body(forecast={"curve": [{"day": "2026-12-01"}]}), ["forecast.curve.0.likes"]),
        (
            body(forecast={"curve": [CURVE[0], {"day": "x", "likes": -1}]}),
            ["forecast.curve.1.day", "forecast.curve.1.likes"],
        ),
    ],
)
def test_every_fault_has_its_path(asked: bytes, paths: list[str]):
    with pytest.raises(PromiseRefused) as refused:
        parse_request(asked)
    assert [fault.path for fault in refused.value.field_errors] == paths
    assert all(fault.reason for fault in refused.value.field_errors)


def test_a_curve_is_read_from_csv():
    points = parse_curve_csv(b"\xef\xbb\xbfday,likes\r\n2026-12-01,100\r\n\r\n2026-12-03, 300\r\n")
    found = build_request(promise(), None, {"curve": points}).forecast.curve
    assert found == [
        CurvePointInput(day=date(2026, 12, 1), likes=100),
        CurvePointInput(day=date(2026, 12, 3), likes=300),
    ]


@pytest.mark.parametrize(
    ("file", "paths"),
    [
        (b"", ["line 1"]),
        (b"2026-12-01,100\n", ["line 1"]),
        (b"day,likes\n2026-12-01\n2026-12-02,1\n2026-12-03,-1\n", ["line 2", "line 4"]),
        (b"day,likes\n2026-12-01,1.5\n", ["line 2"]),
        ("day,likes\n2026-12-01,１\n".encode(), ["line 2"]),
        (b"day,likes\nx,1\n", ["line 2"]),
        (b"day,likes\n2026-12-01,1,2\n", ["line 2"]),
        (b"day,likes\n" + b"2026-12-01," + b"9" * 5_000, ["line 2"]),  # more digits than Python reads
        (b"\xff\xfe", ["curve"]),
        (b'day,likes\n"2026', ["curve"]),
        (b"x" * (CURVE_BYTES_MAX + 1), ["curve"]),
    ],
)
def test_a_wrong_curve_is_refused_line_by_line(file: bytes, paths: list[str]):
    with pytest.raises(PromiseRefused) as refused:
        parse_curve_csv(file)
    assert [fault.path for fault in refused.value.field_errors] == paths


def test_values_from_the_command_line_meet_the_same_bounds():
    with pytest.raises(PromiseRefused, match=r"forecast\.like_campaign"):
        build_request(promise(), None, {"like_campaign": "No Slug"})
