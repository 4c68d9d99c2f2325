"""The state of a payout in words."""

from ledger.settlements.model import Payout
from ledger.settlements.payout_steps import REFUSED_WITHOUT_REASON, RETURNED_WITHOUT_REASON, PayoutState
from ops.i18n import formats
from ops.i18n.language import Language, translate
from ops.i18n.refusals import code_text

_TEXT_KEYS = {
    PayoutState.WAITING: "payout_waiting",
    PayoutState.SENDING: "payout_sending",
    PayoutState.SENT: "payout_sent",
    PayoutState.CANCELLED: "payout_cancelled",
}


def payout_state_text(payout: Payout | None, approvals_missing: int, language: Language) -> str:
    """Return in words where a charity's share is."""
    if payout is None:
        return translate("payout_carried", language)
    if payout.state is PayoutState.WAITING and approvals_missing:
        return translate("payout_waits_for_approval", language, people=approvals_missing)
    if payout.state is PayoutState.PAID and payout.latest_step.bank_day:
        told = {
            "day": formats.day(payout.latest_step.bank_day, language),
            "reference": payout.latest_step.bank_reference or "–",
        }
        return translate("payout_paid", language, **told)
    if payout.state is PayoutState.RETURNED:
        return translate("payout_returned", language, reason=_return_reason(payout, language))
    return translate(_TEXT_KEYS[payout.state], language)


def _return_reason(payout: Payout, language: Language) -> str | None:
    """Return the bank's own words, or in this language that it gave no reason."""
    reason = payout.latest_step.reason
    if reason in {REFUSED_WITHOUT_REASON, RETURNED_WITHOUT_REASON}:
        return code_text(reason, {}, language).rstrip("。.")
    return reason
