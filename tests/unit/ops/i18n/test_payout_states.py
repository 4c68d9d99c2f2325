"""Reasons of returned payouts: the bank's words, or a sentence if it gave none."""

from datetime import UTC, datetime

import pytest

from campaigns.reporting.settlements import _published_payout
from ledger.settlements.model import Payout
from ledger.settlements.payout_steps import PayoutState, PayoutStep
from ops.i18n.payout_states import payout_state_text, return_reason_text

AT = datetime(2026, 11, 1, tzinfo=UTC)
CASES = [
    ("refused_without_reason", "refused without a reason", "被拒绝，没有说明原因"),
    ("refused without a reason", "refused without a reason", "被拒绝，没有说明原因"),
    ("returned_without_reason", "came back without a reason", "被退回，没有说明原因"),
    ("came back without a reason", "came back without a reason", "被退回，没有说明原因"),
    ("missing", "missing", "missing"),  # also a code of the catalogue: the bank's words stay
]


@pytest.mark.parametrize(("stored", "public", "chinese"), CASES)
def test_a_stored_reason_is_published_in_words(stored: str, public: str, chinese: str) -> None:
    step = PayoutStep("pay_1", 1, PayoutState.RETURNED, 1, "{}", "fay", AT, reason=stored)
    payout = Payout("pay_1", "schools", 100, (step,))
    assert _published_payout(payout, "EUR")["returned_because"] == public
    assert return_reason_text(stored, "zh") == chinese
    assert chinese in payout_state_text(payout, 0, "zh")


def test_no_reason_has_no_text() -> None:
    assert return_reason_text(None, "en") is None
