"""A payout's receipt: what became of the money in words, and by what anyone can check it; no account whole."""

from typing import Any, NamedTuple
from uuid import UUID

import orjson

from campaigns.reporting.settlements import rules
from campaigns.reporting.snapshot import Standing, instant
from ledger.settlements.model import Envelope, HeldShare, Payout
from ledger.settlements.payout_transfers import transfers
from ops.http.web.payouts_view import charity_names
from ops.i18n import formats
from ops.i18n.language import Language, of
from ops.i18n.payout_states import words_of

_SHOWN_CHARS_MAX = 4
_SHOWN_PART = 3  # of an account's characters at most every third is shown


class StepRow(NamedTuple):
    """A row of the table of steps."""

    state: str
    iso: str
    when: str
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
    words: str
    period: str
    cut_off: str
    payout: str
    attempt: int
    settlement: str
    envelope_hash: str
    bank_reference: str | None
    evidence: list[str]
    steps: list[StepRow]
    as_of: str
    as_of_exact: str


def payout_receipt(standing: Standing, payout_id: str, language: Language) -> PayoutReceipt | None:
    """Return the receipt of one of the campaign's payouts; None where there is none of that id."""
    for envelope in standing.envelopes:
        for share in envelope.shares:
            if share.payout is not None and share.payout.payout_id == payout_id:
                return _receipt(standing, envelope, share, share.payout, language)
    return None


def _receipt(
    standing: Standing, envelope: Envelope, share: HeldShare, payout: Payout, language: Language
) -> PayoutReceipt:
    own, zone = standing.campaign.promise.campaign, standing.campaign.calendar.timezone
    payee: dict[str, Any] = orjson.loads(payout.now.payee)
    brought = formats.amount(share.brought_minor, envelope.currency, language) if share.brought_minor else None
    return PayoutReceipt(
        slug=standing.slug,
        title=of(own.title, language),
        sponsor=own.sponsor,
        charity=charity_names(standing, language).get(payout.charity, payout.charity),
        name=payee["name"][language],
        account_end=end_of(payee["account"]),
        amount=formats.amount(payout.amount_minor, envelope.currency, language),
        brought=brought,
        words=words_of(payout, envelope.missing_approvals(rules(standing.campaign)), language),
        period=formats.day(envelope.period, language),
        cut_off=formats.day(envelope.cut_off, language),
        payout=payout.payout_id,
        attempt=payout.now.attempt,
        settlement=envelope.settlement_id,
        envelope_hash=envelope.hash.hex(),
        bank_reference=payout.now.bank_reference,
        evidence=payout.evidence,
        steps=_steps(standing, share, payout, language),
        as_of=formats.minute(standing.as_of, zone, language),
        as_of_exact=instant(standing.as_of),
    )


def end_of(account: dict[str, Any]) -> str:
    """Return the last characters of an account, too few to tell it: its holder knows it by them."""
    number = "".join(filter(str.isalnum, str(account.get("iban") or account["id"])))
    shown = min(_SHOWN_CHARS_MAX, len(number) // _SHOWN_PART)
    return "…" + number[len(number) - shown :]


def _steps(standing: Standing, share: HeldShare, payout: Payout, language: Language) -> list[StepRow]:
    moved, zone = transfers(payout, share.transfer_id), standing.campaign.calendar.timezone
    return [
        StepRow(
            step.state.value,
            instant(step.at),
            formats.minute(step.at, zone, language),
            moved[step.number],
            None if step.leaf_index is None else formats.number(step.leaf_index, language),
        )
        for step in payout.steps
    ]
