"""A payout's receipt: its state in words and the values to check it by; the account is masked."""

from typing import Any, NamedTuple
from uuid import UUID

import orjson

from campaigns.catalogue.account_mask import mask_number
from campaigns.reporting.settlements import approval_rules, published_differences
from campaigns.reporting.snapshot import CampaignSnapshot, format_instant
from ledger.log.account_hash import account_number
from ledger.settlements.model import Payout, Settlement, SettlementShare
from ledger.settlements.payout_transfers import transfers_by_step
from ops.http.web.payouts_view import charity_names
from ops.i18n import formats
from ops.i18n.language import Language, localize
from ops.i18n.payout_states import difference_text, payout_state_text


class PayoutStepRow(NamedTuple):
    """A step of the payout."""

    state: str
    iso: str
    moment: str
    transfers: list[UUID]
    leaf: str | None


class PayoutReceipt(NamedTuple):
    """The values of the receipt's page."""

    slug: str
    title: str
    sponsor: str
    charity: str
    name: str  # as sent to the bank
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
    differences: list[str]
    steps: list[PayoutStepRow]
    as_of: str
    as_of_exact: str


def build_payout_receipt(snapshot: CampaignSnapshot, payout_id: str, language: Language) -> PayoutReceipt | None:
    """Return the receipt of a payout of the campaign; None if the campaign has no payout with that id."""
    for settlement in snapshot.settlements:
        for share in settlement.shares:
            if share.payout is not None and share.payout.payout_id == payout_id:
                return _build_receipt(snapshot, settlement, share, share.payout, language)
    return None


def _build_receipt(
    snapshot: CampaignSnapshot, settlement: Settlement, share: SettlementShare, payout: Payout, language: Language
) -> PayoutReceipt:
    campaign, zone = snapshot.campaign.promise.campaign, snapshot.campaign.calendar.timezone
    payee: dict[str, Any] = orjson.loads(payout.latest_step.payee)
    approvals_missing = settlement.missing_approvals(approval_rules(snapshot.campaign))
    brought = formats.amount(share.brought_minor, settlement.currency, language) if share.brought_minor else None
    return PayoutReceipt(
        slug=snapshot.slug,
        title=localize(campaign.title, language),
        sponsor=campaign.sponsor,
        charity=charity_names(snapshot, language).get(payout.charity, payout.charity),
        name=payee["name"][language],
        account_end=mask_number(account_number(payee["account"])),
        amount=formats.amount(payout.amount_minor, settlement.currency, language),
        brought=brought,
        state_text=payout_state_text(payout, approvals_missing, language),
        period=formats.day(settlement.period, language),
        cut_off=formats.day(settlement.cut_off, language),
        payout=payout.payout_id,
        attempt=payout.latest_step.attempt,
        settlement=settlement.settlement_id,
        settlement_hash=settlement.hash.hex(),
        bank_reference=payout.latest_step.bank_reference,
        evidence=payout.evidence,
        differences=[
            difference_text(difference, settlement.currency, language)
            for difference in published_differences(payout, settlement.currency)
        ],
        steps=_step_rows(snapshot, share, payout, language),
        as_of=formats.minute(snapshot.as_of, zone, language),
        as_of_exact=format_instant(snapshot.as_of),
    )


def _step_rows(
    snapshot: CampaignSnapshot, share: SettlementShare, payout: Payout, language: Language
) -> list[PayoutStepRow]:
    transfers, zone = transfers_by_step(payout, share.transfer_id), snapshot.campaign.calendar.timezone
    return [
        PayoutStepRow(
            step.state.value,
            format_instant(step.at),
            formats.minute(step.at, zone, language),
            transfers[step.number],
            None if step.leaf_index is None else formats.number(step.leaf_index, language),
        )
        for step in payout.steps
    ]
