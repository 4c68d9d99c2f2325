"""Which payouts a send command claims, and by which channels it resumes, without a database."""

from datetime import UTC, date, datetime

import pytest

from ledger.payouts.sending import channels_in_use, needs_claim
from ledger.settlements.model import ApprovalRules, Payout, Settlement, SettlementShare
from ledger.settlements.payout_steps import PayoutState, PayoutStep

NOW = datetime(2026, 11, 9, tzinfo=UTC)
APPROVED = ApprovalRules(approvals_min=2, threshold_minor=1_000)  # too little money to need approvals
UNAPPROVED = ApprovalRules(approvals_min=2, threshold_minor=0)
WAITING, SENDING, SENT = PayoutState.WAITING, PayoutState.SENDING, PayoutState.SENT


def settlement(*states: PayoutState, channels: tuple[str, ...] = ()) -> Settlement:
    shares = []
    for number, state in enumerate(states):
        channel = channels[number] if number < len(channels) else None
        step = PayoutStep(f"pay_{number}", 1, state, 1, "{}", "ann", NOW, channel=channel, message_id="M-1")
        shares.append(SettlementShare("schools", 70, 0, None, Payout(f"pay_{number}", "schools", 70, (step,))))
    day = date(2026, 11, 9)
    return Settlement("stl_a", "c", day, day, "CNY", 70, False, "ann", NOW, tuple(shares), ())  # noqa: FBT003


@pytest.mark.parametrize(
    ("states", "rules", "is_claimed"),
    [
        ((WAITING, WAITING), APPROVED, True),
        ((WAITING, SENT), APPROVED, True),
        ((WAITING, SENDING), APPROVED, True),
        ((WAITING, WAITING), UNAPPROVED, True),  # the claim refuses it: approvals are missing
        ((WAITING, SENDING), UNAPPROVED, False),  # a retry voided the approvals; the rest is resumed
        ((SENDING, SENT), APPROVED, False),
        ((SENT, SENT), APPROVED, False),
        ((PayoutState.CANCELLED,), APPROVED, False),
        ((PayoutState.RETURNED,), APPROVED, False),
        ((), APPROVED, False),
    ],
)
def test_waiting_payouts_are_claimed_unless_only_earlier_ones_may_be_resumed(
    states: tuple[PayoutState, ...], rules: ApprovalRules, is_claimed: bool
):
    assert needs_claim(settlement(*states), rules) is is_claimed


def test_sending_resumes_by_the_channels_of_payouts_being_sent_only():
    sending = settlement(SENDING, SENT, SENDING, SENDING, channels=("pain001", "manual", "http", "http"))
    assert channels_in_use(sending) == ["http", "pain001"]
    assert channels_in_use(settlement(WAITING, SENT)) == []
