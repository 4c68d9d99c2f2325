"""The public state of a returned payout: a code and our words, never a bank's."""

from datetime import UTC, datetime

import pytest

from campaigns.reporting.settlements import _published_payout
from ledger.settlements.model import Payout
from ledger.settlements.payout_steps import PayoutState, PayoutStep
from ops.i18n.payout_states import payout_state_text

AT = datetime(2026, 11, 1, tzinfo=UTC)
CASES = [
    ("refused_without_reason", "refused_without_reason", "refused without a reason", "被拒绝，没有说明原因"),
    ("refused without a reason", "refused_without_reason", "refused without a reason", "被拒绝，没有说明原因"),
    ("returned_without_reason", "returned_without_reason", "came back without a reason", "被退回，没有说明原因"),
    ("came back without a reason", "returned_without_reason", "came back without a reason", "被退回，没有说明原因"),
    ("AC04 holder Erika Beispiel deceased", "AC04", "the account is closed", "收款账户已销户"),
    ("Erika Beispiel, b. 1950-02-01", "returned_by_bank", "the bank returned the money", "银行退回了款项"),
]


@pytest.mark.parametrize(("stored", "code", "public", "chinese"), CASES)
def test_a_stored_reason_is_published_as_a_code_and_in_our_words(
    stored: str, code: str, public: str, chinese: str
) -> None:
    step = PayoutStep("pay_1", 1, PayoutState.RETURNED, 1, "{}", "fay", AT, reason=stored)
    payout = Payout("pay_1", "schools", 100, (step,))
    published = _published_payout(payout, "EUR")
    assert (published["return_code"], published["returned_because"]) == (code, public)
    for language, words in (("en", public), ("zh", chinese)):
        assert words in payout_state_text(payout, 0, "zh" if language == "zh" else "en")
