"""Which likes look fake, and that a broken rule lets none through."""

import pytest

from campaigns.intake.delivery_body import Signals
from campaigns.intake.suspicion import RULES, suspicion_reason


@pytest.mark.parametrize(
    ("signals", "is_suspect"),
    [
        ({}, False),
        ({"watch_ms": 19_435, "duration_ms": 18_983}, False),
        ({"watch_ms": 0, "account_age_days": 0}, True),
        ({"watch_ms": 0, "account_age_days": 1}, False),
        ({"watch_ms": 1, "account_age_days": 0}, False),
        ({"account_age_days": 0}, False),  # no watch time: no ground for suspicion
        ({"watch_ms": 0}, False),
        ({"watch_ms": 1_000_000, "duration_ms": 1_000}, False),
        ({"watch_ms": 1_000_001, "duration_ms": 1_000}, True),
        ({"watch_ms": 2**53 - 1, "duration_ms": 0}, False),  # a picture: no length to compare with
    ],
)
def test_a_like_is_suspect_for_a_reason(signals: Signals, is_suspect: bool):
    assert (suspicion_reason(signals) is not None) is is_suspect


def test_a_rule_that_fails_suspects():
    def broken(signals: Signals) -> str | None:
        raise KeyError(*signals)

    assert suspicion_reason({}, (broken,)) == "a rule of authenticity failed"
    assert suspicion_reason({}, (*RULES, broken)) is not None


def test_the_first_reason_is_returned_and_no_rule_means_no_suspicion():
    assert suspicion_reason({}, (lambda _: None, lambda _: "first", lambda _: "second")) == "first"
    assert suspicion_reason({"watch_ms": 0, "account_age_days": 0}, ()) is None
