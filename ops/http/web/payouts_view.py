"""What a page tells charities of their money: each share of a settlement, and in words what became of it."""

from typing import NamedTuple

from campaigns.reporting.settlements import next_settlement, offset_minor, rules
from campaigns.reporting.snapshot import Standing
from ledger.settlements.model import Envelope, HeldShare
from ops.i18n import formats
from ops.i18n.language import Language, of, say
from ops.i18n.payout_states import words_of


class PayoutRow(NamedTuple):
    """A row of the table of settlements."""

    iso: str
    period: str
    charity: str
    amount: str
    words: str
    payout: str | None  # its id; None: there is no payout yet, the share is carried over


class Payouts(NamedTuple):
    """What was settled, and what is still to come."""

    rows: list[PayoutRow]
    expected: str
    offset: str | None


def payouts(standing: Standing, language: Language) -> Payouts:
    """Return every share of every settlement, newest first, and what is expected next."""
    names = charity_names(standing, language)
    rows = [
        _row(standing, envelope, share, names.get(share.charity, share.charity), language)
        for envelope in reversed(standing.envelopes)
        for share in envelope.shares
    ]
    offset = offset_minor(standing)
    return Payouts(
        rows, _expected(standing, language), _amount(offset, standing.currency, language) if offset else None
    )


def charity_names(standing: Standing, language: Language) -> dict[str, str]:
    """Return what each charity of any version of the terms is called."""
    return {b.charity: of(b.name, language) for v in standing.campaign.versions for b in v.beneficiaries}


def _amount(minor: int, currency: str, language: Language) -> str:
    return formats.amount(minor, currency, language)


def _row(standing: Standing, envelope: Envelope, share: HeldShare, name: str, language: Language) -> PayoutRow:
    period, minor = envelope.period, share.share_minor + share.brought_minor
    words = words_of(share.payout, envelope.missing_approvals(rules(standing.campaign)), language)
    amount = _amount(minor, envelope.currency, language)
    payout_id = share.payout.payout_id if share.payout else None
    return PayoutRow(period.isoformat(), formats.day(period, language), name, amount, words, payout_id)


def _expected(standing: Standing, language: Language) -> str:
    following = next_settlement(standing)
    amount = _amount(standing.line.pledged.minor, standing.currency, language)
    if following is None:
        return say("payout_expected_by_hand", language, amount=amount)
    return say("payout_expected", language, amount=amount, day=following)
