"""What a page tells charities of their money: each share of a settlement, and in words what became of it."""

from typing import NamedTuple

from campaigns.reporting.settlements import approval_rules, next_settlement_day, offset_minor
from campaigns.reporting.snapshot import CampaignSnapshot
from ledger.settlements.model import Settlement, SettlementShare
from ops.i18n import formats
from ops.i18n.language import Language, localize, translate
from ops.i18n.payout_states import payout_state_text


class PayoutRow(NamedTuple):
    """A row of the table of settlements."""

    iso: str
    period: str
    charity: str
    amount: str
    state_text: str
    payout_id: str | None  # its id; None: there is no payout yet, the share is carried over


class Payouts(NamedTuple):
    """What was settled, and what is still to come."""

    rows: list[PayoutRow]
    expected_text: str
    offset: str | None


def build_payouts(snapshot: CampaignSnapshot, language: Language) -> Payouts:
    """Return every share of every settlement, newest first, and what is expected next."""
    names = charity_names(snapshot, language)
    rows = [
        _payout_row(snapshot, envelope, share, names.get(share.charity, share.charity), language)
        for envelope in reversed(snapshot.settlements)
        for share in envelope.shares
    ]
    offset = offset_minor(snapshot)
    return Payouts(
        rows, _expected_text(snapshot, language), _amount(offset, snapshot.currency, language) if offset else None
    )


def charity_names(snapshot: CampaignSnapshot, language: Language) -> dict[str, str]:
    """Return what each charity of any version of the terms is called."""
    return {b.charity: localize(b.name, language) for v in snapshot.campaign.versions for b in v.beneficiaries}


def _amount(minor: int, currency: str, language: Language) -> str:
    return formats.amount(minor, currency, language)


def _payout_row(
    snapshot: CampaignSnapshot, settlement: Settlement, share: SettlementShare, name: str, language: Language
) -> PayoutRow:
    period, minor = settlement.period, share.share_minor + share.brought_minor
    words = payout_state_text(share.payout, settlement.missing_approvals(approval_rules(snapshot.campaign)), language)
    amount = _amount(minor, settlement.currency, language)
    payout_id = share.payout.payout_id if share.payout else None
    return PayoutRow(period.isoformat(), formats.day(period, language), name, amount, words, payout_id)


def _expected_text(snapshot: CampaignSnapshot, language: Language) -> str:
    following = next_settlement_day(snapshot)
    amount = _amount(snapshot.balances.pledged.minor, snapshot.currency, language)
    if following is None:
        return translate("payout_expected_by_hand", language, amount=amount)
    return translate("payout_expected", language, amount=amount, day=following)
