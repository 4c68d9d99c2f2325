"""The state of a payout in words."""

from datetime import date

from campaigns.reporting.settlements import PublishedDifference
from ledger.settlements.model import Payout
from ledger.settlements.payout_steps import PayoutState
from ledger.settlements.return_reasons import public_reason_text
from ops.i18n import formats
from ops.i18n.language import Language, translate

_TEXT_KEYS = {
    PayoutState.WAITING: "payout_waiting",
    PayoutState.SENDING: "payout_sending",
    PayoutState.SENT: "payout_sent",
    PayoutState.CANCELLED: "payout_cancelled",
}


def payout_state_text(payout: Payout | None, approvals_missing: int, language: Language) -> str:
    """Return the state of a charity's share in words; without a payout the share is carried over."""
    if payout is None:
        return translate("payout_carried", language)
    if payout.state is PayoutState.WAITING and approvals_missing:
        return translate("payout_needs_approval", language, people=approvals_missing)
    step = payout.latest_step
    if payout.state is PayoutState.PAID and step.bank_day:
        day, reference = formats.day(step.bank_day, language), step.bank_reference or "–"
        return translate("payout_paid", language, day=day, reference=reference)
    if payout.state is PayoutState.RETURNED:
        return translate("payout_returned", language, reason=public_reason_text(payout.latest_step.reason, language))
    return translate(_TEXT_KEYS[payout.state], language)


def difference_text(difference: PublishedDifference, currency: str, language: Language) -> str:
    """Return a part of a bank's booking that is no payout, in words. Pure."""
    amount = formats.amount(difference["amount"]["minor"], currency, language)
    day = formats.day(date.fromisoformat(difference["booked_on"]), language)
    text = translate(f"payout_{difference['kind']}", language, amount=amount, day=day)
    if difference["payouts"] == 1:
        return text
    return text + translate("payout_difference_shared", language, number=difference["payouts"])
