"""A payout's receipt: what became of the money in words, and by what anyone can check it; no account whole."""

from typing import Any, NamedTuple
from uuid import UUID

import orjson

from campaigns.reporting.settlements import approval_rules
from campaigns.reporting.snapshot import CampaignSnapshot, format_instant
from ledger.settlements.model import Payout, Settlement, SettlementShare
from ledger.settlements.payout_transfers import transfers_by_step
from ops.http.web.payouts_view import charity_names
from ops.i18n import formats
from ops.i18n.language import Language, localize
from ops.i18n.payout_states import payout_state_text

_VISIBLE_CHARS_MAX = 4
_VISIBLE_DIVISOR = 3  # of an account's characters at most every third is shown


class PayoutStepRow(NamedTuple):
    """A row of the table of steps."""

    state: str
    iso: str
    moment: str
    transfers: list[UUID]
    leaf: str | None


class PayoutReceipt(NamedTuple):
    """All that the page shows."""

    slug: str
    title: str
    sponsor: str
    charity: str
    name: str  # as the bank was told, or will be
    account_end: str
    amount: str
    brought: str | None
    state_text: str
    period: str
    cut_off: str
    payout: str
    attempt: int
    settlement: str
    settlement_hash: str
    bank_reference: str | None
    evidence: list[str]
    steps: list[PayoutStepRow]
    as_of: str
    as_of_exact: str


def build_payout_receipt(snapshot: CampaignSnapshot, payout_id: str, language: Language) -> PayoutReceipt | None:
    """Return the receipt of one of the campaign's payouts; None where there is none of that id."""
    for envelope in snapshot.settlements:
        for share in envelope.shares:
            if share.payout is not None and share.payout.payout_id == payout_id:
                return _build_receipt(snapshot, envelope, share, share.payout, language)
    return None


def _build_receipt(
    snapshot: CampaignSnapshot, settlement: Settlement, share: SettlementShare, payout: Payout, language: Language
) -> PayoutReceipt:
    own, zone = snapshot.campaign.promise.campaign, snapshot.campaign.calendar.timezone
    payee: dict[str, Any] = orjson.loads(payout.latest_step.payee)
    brought = formats.amount(share.brought_minor, settlement.currency, language) if share.brought_minor else None
    return PayoutReceipt(
        slug=snapshot.slug,
        title=localize(own.title, language),
        sponsor=own.sponsor,
        charity=charity_names(snapshot, language).get(payout.charity, payout.charity),
        name=payee["name"][language],
        account_end=mask_account(payee["account"]),
        amount=formats.amount(payout.amount_minor, settlement.currency, language),
        brought=brought,
        state_text=payout_state_text(
            payout, settlement.missing_approvals(approval_rules(snapshot.campaign)), language
        ),
        period=formats.day(settlement.period, language),
        cut_off=formats.day(settlement.cut_off, language),
        payout=payout.payout_id,
        attempt=payout.latest_step.attempt,
        settlement=settlement.settlement_id,
        settlement_hash=settlement.hash.hex(),
        bank_reference=payout.latest_step.bank_reference,
        evidence=payout.evidence,
        steps=_step_rows(snapshot, share, payout, language),
        as_of=formats.minute(snapshot.as_of, zone, language),
        as_of_exact=format_instant(snapshot.as_of),
    )


def mask_account(account: dict[str, Any]) -> str:
    """Return the last characters of an account, too few to tell it: its holder knows it by them."""
    number = "".join(filter(str.isalnum, str(account.get("iban") or account["id"])))
    shown = min(_VISIBLE_CHARS_MAX, len(number) // _VISIBLE_DIVISOR)
    return "…" + number[len(number) - shown :]


def _step_rows(
    snapshot: CampaignSnapshot, share: SettlementShare, payout: Payout, language: Language
) -> list[PayoutStepRow]:
    moved, zone = transfers_by_step(payout, share.transfer_id), snapshot.campaign.calendar.timezone
    return [
        PayoutStepRow(
            step.state.value,
            format_instant(step.at),
            formats.minute(step.at, zone, language),
            moved[step.number],
            None if step.leaf_index is None else formats.number(step.leaf_index, language),
        )
        for step in payout.steps
    ]
