"""Retry decisions by status, and the growth of waits."""

from datetime import UTC, datetime

import pytest

from ops.replay.retries import Verdict, classify_status, parse_retry_after, wait_seconds

NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (200, Verdict.DELIVERED),
        (204, Verdict.DELIVERED),
        (301, Verdict.REFUSED),
        (400, Verdict.REFUSED),
        (401, Verdict.REFUSED),
        (404, Verdict.REFUSED),
        (408, Verdict.RETRY),
        (409, Verdict.REFUSED),
        (410, Verdict.REFUSED),
        (413, Verdict.REFUSED),
        (429, Verdict.RETRY),
        (500, Verdict.RETRY),
        (503, Verdict.RETRY),
    ],
)
def test_the_verdict_on_a_status(status: int, expected: Verdict):
    assert classify_status(status) is expected


@pytest.mark.parametrize(
    ("tries", "retry_after", "shortest", "longest"),
    [
        (1, None, 0.25, 0.5),
        (2, None, 0.5, 1.0),
        (5, None, 4.0, 8.0),
        (7, None, 15.0, 30.0),
        (1_000, None, 15.0, 30.0),
        (1, 2.0, 2.0, 2.25),
        (4, 0.0, 0.0, 2.0),
        (1, 10.0**9, 300.0, 300.25),
    ],
)
def test_waits_grow_and_differ_between_senders(
    tries: int, retry_after: float | None, shortest: float, longest: float
):
    assert (wait_seconds(tries, retry_after, 0.0), wait_seconds(tries, retry_after, 1.0)) == (shortest, longest)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, None),
        ("0", 0),
        (" 7 ", 7),
        ("-1", None),
        ("1.5", None),
        ("soon", None),
        ("Mon, 23 Nov 2026 08:00:30 GMT", 30.0),
        ("Mon, 23 Nov 2026 07:00:00 GMT", 0.0),
        ("Mon, 23 Nov 2026 08:00:30", None),
        ("9" * 5_000, 999_999_999_999),
    ],
    ids=lambda value: str(value)[:32],
)
def test_retry_after_is_parsed_as_the_standard_defines(header: str | None, expected: float | None):
    assert parse_retry_after(header, NOW) == expected
