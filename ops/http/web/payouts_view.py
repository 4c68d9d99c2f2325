"""The payouts part of a campaign's page: every share of every settlement with its state in words."""

from typing import NamedTuple

from campaigns.reporting.settlements import approval_rules, next_settlement_day, offset_minor
from campaigns.reporting.snapshot import CampaignSnapshot
from ledger.settlements.model import Settlement, SettlementShare
from ops.i18n import formats
from ops.i18n.language import Language, localize, translate
from ops.i18n.payout_states import payout_state_text


class PayoutRow(NamedTuple):
    """A charity's share of a settlement."""

    iso: str
    period: str
    charity: str
    amount: str
    state_text: str
    payout_id: str | None  # None if the share is carried over


class Payouts(NamedTuple):
    """The shares of all settlements, and the text about the next one."""

    rows: list[PayoutRow]
    expected_text: str
    offset: str | None


def build_payouts(snapshot: CampaignSnapshot, language: Language) -> Payouts:
    """Return every share of every settlement, newest first, and the text about the next settlement."""
    names = charity_names(snapshot, language)
    rows = [
        _payout_row(snapshot, settlement, share, names.get(share.charity, share.charity), language)
        for settlement in reversed(snapshot.settlements)
        for share in settlement.shares
    ]
    offset = offset_minor(snapshot)
    return Payouts(
        rows, _expected_text(snapshot, language), _amount(offset, snapshot.currency, language) if offset else None
    )


def charity_names(snapshot: CampaignSnapshot, language: Language) -> dict[str, str]:
    """Return the names of the charities in all versions of the terms, by slug."""
    return {b.charity: localize(b.name, language) for v in snapshot.campaign.versions for b in v.beneficiaries}


def _amount(minor: int, currency: str, language: Language) -> str:
    return formats.amount(minor, currency, language)


def _payout_row(
    snapshot: CampaignSnapshot, settlement: Settlement, share: SettlementShare, name: str, language: Language
) -> PayoutRow:
    period, minor = settlement.period, share.share_minor + share.brought_minor
    approvals_missing = settlement.missing_approvals(approval_rules(snapshot.campaign))
    state_text = payout_state_text(share.payout, approvals_missing, language)
    amount = _amount(minor, settlement.currency, language)
    payout_id = share.payout.payout_id if share.payout else None
    return PayoutRow(period.isoformat(), formats.day(period, language), name, amount, state_text, payout_id)


def _expected_text(snapshot: CampaignSnapshot, language: Language) -> str:
    next_day = next_settlement_day(snapshot)
    amount = _amount(snapshot.balances.pledged.minor, snapshot.currency, language)
    if next_day is None:
        return translate("payout_expected_manual", language, amount=amount)
    return translate("payout_expected", language, amount=amount, day=next_day)
