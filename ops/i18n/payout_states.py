"""The state of a payout in words."""

from ledger.settlements.model import Payout
from ledger.settlements.payout_steps import State
from ops.i18n import formats
from ops.i18n.language import Language, say

_WORDS = {
    State.WAITING: "payout_waiting",
    State.SENDING: "payout_sending",
    State.SENT: "payout_sent",
    State.CANCELLED: "payout_cancelled",
}


def words_of(payout: Payout | None, missing: int, language: Language) -> str:
    """Return in words where a charity's share is."""
    if payout is None:
        return say("payout_carried", language)
    if payout.state is State.WAITING and missing:
        return say("payout_waits_for_approval", language, people=missing)
    if payout.state is State.PAID and payout.now.bank_day:
        told = {"day": formats.day(payout.now.bank_day, language), "reference": payout.now.bank_reference or "–"}
        return say("payout_paid", language, **told)
    if payout.state is State.RETURNED:
        return say("payout_returned", language, reason=payout.now.reason)
    return say(_WORDS[payout.state], language)
