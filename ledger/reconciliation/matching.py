"""Which payout a statement line is of: by its EndToEndId first, then by amount and reference, and why. Pure."""

import re
from collections.abc import Sequence
from datetime import date, timedelta
from enum import StrEnum
from typing import NamedTuple

from ledger.reconciliation.statements import StatementLine
from ledger.settlements.payout_steps import PayoutState


class Candidate(NamedTuple):
    """One attempt of a payout that a bank was told of."""

    payout_id: str
    end_to_end_id: str
    amount_minor: int
    currency: str
    state: PayoutState  # State.CANCELLED: an attempt that another has followed
    references: tuple[str, ...]  # what a bank may repeat of it
    sent_on: date  # UTC


class MatchRule(StrEnum):
    """Why a line is of a payout, or of none; the value is what people read."""

    BY_ID = "its EndToEndId"
    BY_AMOUNT_AND_REFERENCE = "its amount and reference"
    UNKNOWN_ID = "no payout has its EndToEndId"
    WRONG_AMOUNT = "another amount than the payout of its EndToEndId"
    WRONG_STATE = "the payout of its EndToEndId is not where this could happen"
    AMBIGUOUS = "several payouts have its amount and reference"
    NO_CANDIDATE = "no payout has its amount and reference"


class Match(NamedTuple):
    """A line, and the payout it is of; none: it is listed as unmatched."""

    line: StatementLine
    payout_id: str | None
    rule: MatchRule


_DAY = timedelta(days=1)  # the bank's day may be the one before ours
_DEBIT_STATES = {PayoutState.SENDING, PayoutState.SENT}
_CREDIT_STATES = {PayoutState.SENDING, PayoutState.SENT, PayoutState.PAID}


def match_line(line: StatementLine, currency: str, candidates: Sequence[Candidate]) -> Match:
    """Return which of the candidates, as they are now, the line is of."""
    if line.end_to_end_id is not None:
        return _match_by_id(line, currency, candidates)
    if line.is_credit and line.reason is None:  # a transfer to us may repeat a reference; a return says why it comes
        return Match(line, None, MatchRule.NO_CANDIDATE)
    fitting = [
        c
        for c in candidates
        if _has_same_amount(line, currency, c) and fits_state(line, c.state) and _names_reference(line, c)
    ]
    if len(fitting) == 1:
        return Match(line, fitting[0].payout_id, MatchRule.BY_AMOUNT_AND_REFERENCE)
    return Match(line, None, MatchRule.AMBIGUOUS if fitting else MatchRule.NO_CANDIDATE)


def _match_by_id(line: StatementLine, currency: str, candidates: Sequence[Candidate]) -> Match:
    found = next((c for c in candidates if c.end_to_end_id == line.end_to_end_id), None)
    if found is None:
        return Match(line, None, MatchRule.UNKNOWN_ID)
    if not _has_same_amount(line, currency, found):
        return Match(line, None, MatchRule.WRONG_AMOUNT)
    if not fits_state(line, found.state):
        return Match(line, None, MatchRule.WRONG_STATE)
    return Match(line, found.payout_id, MatchRule.BY_ID)


def _has_same_amount(line: StatementLine, currency: str, candidate: Candidate) -> bool:
    return (line.amount_minor, currency) == (candidate.amount_minor, candidate.currency)


def fits_state(line: StatementLine, state: PayoutState) -> bool:
    """Tell whether a payout can be where the line says that it went from."""
    return state in (_CREDIT_STATES if line.is_credit else _DEBIT_STATES)


def _names_reference(line: StatementLine, candidate: Candidate) -> bool:
    """Tell whether a line repeats a reference as a word of its own, and was not booked before the bank was told."""
    said = f"{line.text} {line.bank_reference or ''}"
    words = "|".join(re.escape(reference) for reference in candidate.references)
    is_named = re.search(rf"(?<![\w-])(?:{words})(?![\w-])", said, re.ASCII | re.IGNORECASE) is not None
    return is_named and line.booked_on >= candidate.sent_on - _DAY
