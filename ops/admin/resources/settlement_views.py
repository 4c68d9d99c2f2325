"""Settlements and payouts as those who pay see them: where each is, in words; who approved; accounts for finance."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import orjson
from typing_extensions import TypedDict

from campaigns.catalogue.cache import Campaign
from campaigns.reporting.settlements import CarriedAmount, approval_rules, published_settlement
from ledger.money import Money, to_money
from ledger.settlements.model import ApprovalRules, Payout, Settlement, SettlementState
from ledger.settlements.payout_steps import PayoutState
from ops.i18n.payout_states import payout_state_text

_STATE_TEXTS = {
    SettlementState.APPROVED: "may be sent",
    SettlementState.SENDING: "is being sent",
    SettlementState.SENT: "was sent; not all of it is known to have been paid",
    SettlementState.RECONCILED: "all of it was paid, or waits for a later settlement",
    SettlementState.CANCELLED: "was cancelled; the next period takes its money",
}


class PayoutView(TypedDict):
    """Money to one charity, and where it is; `says` in words."""

    payout: str
    settlement: str
    campaign: str
    period: str
    made_at: str
    charity: str
    currency: str
    amount: Money
    state: PayoutState
    says: str
    attempt: int
    since: str
    by: str
    channel: str | None
    bank_reference: str | None
    paid_on: str | None
    returned_because: str | None
    evidence: list[str]


class PayoutDetail(PayoutView):
    """The same with whom it goes to; the account is shown to finance and auditors only."""

    name: dict[str, str]
    account: dict[str, str] | None


class SettlementView(TypedDict):
    """One envelope; `approvals` counts people who approved it as it is now."""

    settlement: str
    campaign: str
    period: str
    cut_off: str
    currency: str
    state: SettlementState
    says: str
    total: Money
    to_send: Money
    counts: dict[str, int]
    last: bool
    made_by: str
    made_at: str
    hash: str
    approval_count: int
    approvals_missing: int


class ApprovalView(TypedDict):
    """Who approved, and whether it counts for what the envelope is now."""

    person: str
    at: str
    hash: str
    counts: bool


class SettlementDetail(SettlementView):
    """The same with all that its hash is of, and who approved it."""

    threshold: Money
    approvals: list[ApprovalView]
    carried: list[CarriedAmount]
    payouts: list[PayoutDetail]


def settlement_view(campaign: Campaign, settlement: Settlement) -> SettlementView:
    """Return an envelope as a row."""
    own = approval_rules(campaign)
    found = published_settlement(settlement, own)
    return {
        "settlement": found["id"],
        "campaign": settlement.campaign,
        "period": found["period"],
        "cut_off": found["cut_off"],
        "currency": settlement.currency,
        "state": found["state"],
        "says": describe_state(settlement, own),
        "total": found["total"],
        "to_send": to_money(settlement.to_send_minor, settlement.currency),
        "counts": found["counts"],
        "last": found["last"],
        "made_by": settlement.made_by,
        "made_at": settlement.made_at.isoformat(),
        "hash": found["hash"],
        "approval_count": found["approval_count"],
        "approvals_missing": found["approvals_missing"],
    }


def describe_state(settlement: Settlement, rules: ApprovalRules) -> str:
    """Return in words where an envelope is. Pure."""
    state = settlement.state(rules)
    if state is SettlementState.OPEN:
        return f"waits for {settlement.missing_approvals(rules)} more people to approve it"
    return _STATE_TEXTS[state]


def settlement_detail(
    campaign: Campaign,
    settlement: Settlement,
    approvals: Sequence[tuple[str, datetime, bytes]],
    *,
    with_accounts: bool,
) -> SettlementDetail:
    """Return all that is known of an envelope; `given` are who approved it, when, and by which hash."""
    own, found = approval_rules(campaign), published_settlement(settlement, approval_rules(campaign))
    return {
        **settlement_view(campaign, settlement),
        "threshold": to_money(own.threshold_minor, settlement.currency),
        "approvals": [
            {
                "person": person,
                "at": at.isoformat(),
                "hash": digest.hex(),
                "counts": digest == settlement.hash and person in settlement.approvers,
            }
            for person, at, digest in approvals
        ],
        "carried": found["carried"],
        "payouts": [_payout_detail(campaign, settlement, p, with_accounts=with_accounts) for p in settlement.payouts],
    }


def payout_view(campaign: Campaign, settlement: Settlement, payout: Payout) -> PayoutView:
    """Return a payout as a row."""
    now, is_paid = payout.latest_step, payout.state is PayoutState.PAID
    return {
        "payout": payout.payout_id,
        "settlement": settlement.settlement_id,
        "campaign": settlement.campaign,
        "period": settlement.period.isoformat(),
        "made_at": settlement.made_at.isoformat(),
        "charity": payout.charity,
        "currency": settlement.currency,
        "amount": to_money(payout.amount_minor, settlement.currency),
        "state": payout.state,
        "says": payout_state_text(payout, settlement.missing_approvals(approval_rules(campaign)), "en"),
        "attempt": now.attempt,
        "since": now.at.isoformat(),
        "by": now.by,
        "channel": now.channel,
        "bank_reference": now.bank_reference,
        "paid_on": now.bank_day.isoformat() if is_paid and now.bank_day else None,
        "returned_because": now.reason if payout.state is PayoutState.RETURNED else None,
        "evidence": payout.evidence,
    }


def _payout_detail(
    campaign: Campaign, settlement: Settlement, payout: Payout, *, with_accounts: bool
) -> PayoutDetail:
    payee: dict[str, Any] = orjson.loads(payout.latest_step.payee)
    account = payee["account"] if with_accounts else None
    return {**payout_view(campaign, settlement, payout), "name": payee["name"], "account": account}


def audit_view(settlement: Settlement, rules: ApprovalRules) -> dict[str, Any]:
    """Return what the audit keeps of an envelope: what a command about it can change."""
    return {
        "state": settlement.state(rules).value,
        "hash": settlement.hash.hex(),
        "approvals": settlement.approvers,
        "payouts": {
            p.payout_id: {"amount_minor": p.amount_minor, "state": p.state.value, "attempt": p.latest_step.attempt}
            for p in settlement.payouts
        },
    }
