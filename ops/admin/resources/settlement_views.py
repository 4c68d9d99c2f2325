"""Settlements and payouts as JSON for administrators; accounts and banks' words are for finance."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import orjson
from typing_extensions import TypedDict

from campaigns.catalogue.cache import Campaign
from campaigns.reporting.settlements import (
    CarriedAmount,
    PublishedDifference,
    approval_rules,
    published_differences,
    published_settlement,
)
from ledger.money import Money, to_money
from ledger.settlements.model import ApprovalRules, Payout, Settlement, SettlementState
from ledger.settlements.payout_steps import PayoutState
from ledger.settlements.return_reasons import public_reason
from ops.i18n.payout_states import payout_state_text

_STATE_TEXTS = {
    SettlementState.APPROVED: "can be sent",
    SettlementState.SENDING: "is being sent",
    SettlementState.SENT: "was sent; some payouts are not confirmed as paid",
    SettlementState.RECONCILED: "all of it was paid, or is carried over to a later settlement",
    SettlementState.CANCELLED: "was cancelled; the next period includes its money",
}


class PayoutView(TypedDict):
    """A payout to a charity with its state; `says` is the state in words.

    `returned_because` holds the bank's words for finance and auditors, a code for other roles.
    """

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
    differences: list[PublishedDifference]


class PayoutDetail(PayoutView):
    """A payout with its payee; only finance and auditors see the account."""

    name: dict[str, str]
    account: dict[str, str] | None


class SettlementView(TypedDict):
    """A settlement; `approval_count` counts the approvals of its current hash."""

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
    """An approval; `counts` is false if the settlement has changed since."""

    person: str
    at: str
    hash: str
    counts: bool


class SettlementDetail(SettlementView):
    """A settlement with every hashed value and its approvals."""

    threshold: Money
    approvals: list[ApprovalView]
    carried: list[CarriedAmount]
    payouts: list[PayoutDetail]


def settlement_view(campaign: Campaign, settlement: Settlement) -> SettlementView:
    """Return a settlement as a row. Pure."""
    rules = approval_rules(campaign)
    published = published_settlement(settlement, rules)
    return {
        "settlement": published["id"],
        "campaign": settlement.campaign,
        "period": published["period"],
        "cut_off": published["cut_off"],
        "currency": settlement.currency,
        "state": published["state"],
        "says": describe_state(settlement, rules),
        "total": published["total"],
        "to_send": to_money(settlement.to_send_minor, settlement.currency),
        "counts": published["counts"],
        "last": published["last"],
        "made_by": settlement.made_by,
        "made_at": settlement.made_at.isoformat(),
        "hash": published["hash"],
        "approval_count": published["approval_count"],
        "approvals_missing": published["approvals_missing"],
    }


def describe_state(settlement: Settlement, rules: ApprovalRules) -> str:
    """Return the state of a settlement in English words. Pure."""
    state = settlement.state(rules)
    if state is SettlementState.OPEN:
        return f"needs {settlement.missing_approvals(rules)} more approvals"
    return _STATE_TEXTS[state]


def settlement_detail(
    campaign: Campaign,
    settlement: Settlement,
    approvals: Sequence[tuple[str, datetime, bytes]],
    *,
    is_finance: bool,
) -> SettlementDetail:
    """Return a settlement in full; `approvals` are person, time and hash of each approval. Pure.

    `is_finance` shows accounts and banks' words.
    """
    rules = approval_rules(campaign)
    return {
        **settlement_view(campaign, settlement),
        "threshold": to_money(rules.threshold_minor, settlement.currency),
        "approvals": [
            {
                "person": person,
                "at": at.isoformat(),
                "hash": digest.hex(),
                "counts": digest == settlement.hash and person in settlement.approvers,
            }
            for person, at, digest in approvals
        ],
        "carried": published_settlement(settlement, rules)["carried"],
        "payouts": [_payout_detail(campaign, settlement, p, is_finance=is_finance) for p in settlement.payouts],
    }


def payout_view(campaign: Campaign, settlement: Settlement, payout: Payout, *, is_finance: bool) -> PayoutView:
    """Return a payout as a row; `is_finance` shows the bank's words. Pure."""
    step, is_paid = payout.latest_step, payout.state is PayoutState.PAID
    reason = step.reason if payout.state is PayoutState.RETURNED else None
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
        "attempt": step.attempt,
        "since": step.at.isoformat(),
        "by": step.by,
        "channel": step.channel,
        "bank_reference": step.bank_reference,
        "paid_on": step.bank_day.isoformat() if is_paid and step.bank_day else None,
        "returned_because": reason if is_finance else public_reason(reason),
        "evidence": payout.evidence,
        "differences": published_differences(payout, settlement.currency),
    }


def _payout_detail(campaign: Campaign, settlement: Settlement, payout: Payout, *, is_finance: bool) -> PayoutDetail:
    payee: dict[str, Any] = orjson.loads(payout.latest_step.payee)
    account = payee["account"] if is_finance else None
    view = payout_view(campaign, settlement, payout, is_finance=is_finance)
    return {**view, "name": payee["name"], "account": account}


def audit_view(settlement: Settlement, rules: ApprovalRules) -> dict[str, Any]:
    """Return the values of a settlement that commands change, for the audit log. Pure."""
    return {
        "state": settlement.state(rules).value,
        "hash": settlement.hash.hex(),
        "approvals": settlement.approvers,
        "payouts": {
            p.payout_id: {"amount_minor": p.amount_minor, "state": p.state.value, "attempt": p.latest_step.attempt}
            for p in settlement.payouts
        },
    }
