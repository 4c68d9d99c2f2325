"""Settlements and payouts as those who pay see them: where each is, in words; who approved; accounts for finance."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import orjson
from typing_extensions import TypedDict

from campaigns.catalogue.cache import Campaign
from campaigns.reporting.settlements import Carried, published_settlement, rules
from ledger.money import Money, show
from ledger.settlements.model import Envelope, EnvelopeState, Payout, Rules
from ledger.settlements.payout_steps import State
from ops.i18n.payout_states import words_of

_WORDS = {
    EnvelopeState.APPROVED: "may be sent",
    EnvelopeState.SENDING: "is being sent",
    EnvelopeState.SENT: "was sent; not all of it is known to have been paid",
    EnvelopeState.RECONCILED: "all of it was paid, or waits for a later settlement",
    EnvelopeState.CANCELLED: "was cancelled; the next period takes its money",
}


class ShownPayout(TypedDict):
    """Money to one charity, and where it is; `says` in words."""

    payout: str
    settlement: str
    campaign: str
    period: str
    made_at: str
    charity: str
    currency: str
    amount: Money
    state: State
    says: str
    attempt: int
    since: str
    by: str
    channel: str | None
    bank_reference: str | None
    paid_on: str | None
    returned_because: str | None
    evidence: list[str]


class PayoutInFull(ShownPayout):
    """The same with whom it goes to; the account is shown to finance and auditors only."""

    name: dict[str, str]
    account: dict[str, str] | None


class ShownSettlement(TypedDict):
    """One envelope; `approvals` counts people who approved it as it is now."""

    settlement: str
    campaign: str
    period: str
    cut_off: str
    currency: str
    state: EnvelopeState
    says: str
    total: Money
    to_send: Money
    counts: dict[str, int]
    last: bool
    made_by: str
    made_at: str
    hash: str
    approvals: int
    approvals_missing: int


class ShownApproval(TypedDict):
    """Who approved, and whether it counts for what the envelope is now."""

    person: str
    at: str
    hash: str
    counts: bool


class SettlementInFull(ShownSettlement):
    """The same with all that its hash is of, and who approved it."""

    threshold: Money
    given: list[ShownApproval]
    carried: list[Carried]
    payouts: list[PayoutInFull]


def shown_settlement(campaign: Campaign, envelope: Envelope) -> ShownSettlement:
    """Return an envelope as a row."""
    own = rules(campaign)
    found = published_settlement(envelope, own)
    return {
        "settlement": found["id"],
        "campaign": envelope.campaign,
        "period": found["period"],
        "cut_off": found["cut_off"],
        "currency": envelope.currency,
        "state": found["state"],
        "says": words(envelope, own),
        "total": found["total"],
        "to_send": show(envelope.to_send_minor, envelope.currency),
        "counts": found["counts"],
        "last": found["last"],
        "made_by": envelope.made_by,
        "made_at": envelope.made_at.isoformat(),
        "hash": found["hash"],
        "approvals": found["approvals"],
        "approvals_missing": found["approvals_missing"],
    }


def words(envelope: Envelope, own: Rules) -> str:
    """Return in words where an envelope is. Pure."""
    state = envelope.state(own)
    if state is EnvelopeState.OPEN:
        return f"waits for {envelope.missing_approvals(own)} more people to approve it"
    return _WORDS[state]


def settlement_in_full(
    campaign: Campaign, envelope: Envelope, given: Sequence[tuple[str, datetime, bytes]], *, with_accounts: bool
) -> SettlementInFull:
    """Return all that is known of an envelope; `given` are who approved it, when, and by which hash."""
    own, found = rules(campaign), published_settlement(envelope, rules(campaign))
    return {
        **shown_settlement(campaign, envelope),
        "threshold": show(own.threshold_minor, envelope.currency),
        "given": [
            {
                "person": person,
                "at": at.isoformat(),
                "hash": digest.hex(),
                "counts": digest == envelope.hash and person in envelope.approvers,
            }
            for person, at, digest in given
        ],
        "carried": found["carried"],
        "payouts": [_in_full(campaign, envelope, p, with_accounts=with_accounts) for p in envelope.payouts],
    }


def shown_payout(campaign: Campaign, envelope: Envelope, payout: Payout) -> ShownPayout:
    """Return a payout as a row."""
    now, is_paid = payout.now, payout.state is State.PAID
    return {
        "payout": payout.payout_id,
        "settlement": envelope.settlement_id,
        "campaign": envelope.campaign,
        "period": envelope.period.isoformat(),
        "made_at": envelope.made_at.isoformat(),
        "charity": payout.charity,
        "currency": envelope.currency,
        "amount": show(payout.amount_minor, envelope.currency),
        "state": payout.state,
        "says": words_of(payout, envelope.missing_approvals(rules(campaign)), "en"),
        "attempt": now.attempt,
        "since": now.at.isoformat(),
        "by": now.by,
        "channel": now.channel,
        "bank_reference": now.bank_reference,
        "paid_on": now.bank_day.isoformat() if is_paid and now.bank_day else None,
        "returned_because": now.reason if payout.state is State.RETURNED else None,
        "evidence": payout.evidence,
    }


def _in_full(campaign: Campaign, envelope: Envelope, payout: Payout, *, with_accounts: bool) -> PayoutInFull:
    payee: dict[str, Any] = orjson.loads(payout.now.payee)
    account = payee["account"] if with_accounts else None
    return {**shown_payout(campaign, envelope, payout), "name": payee["name"], "account": account}


def told(envelope: Envelope, own: Rules) -> dict[str, Any]:
    """Return what the audit keeps of an envelope: what a command about it can change."""
    return {
        "state": envelope.state(own).value,
        "hash": envelope.hash.hex(),
        "approvals": envelope.approvers,
        "payouts": {
            p.payout_id: {"amount_minor": p.amount_minor, "state": p.state.value, "attempt": p.now.attempt}
            for p in envelope.payouts
        },
    }
