"""Match a statement line to a payout: by EndToEndId, else by amount and reference. Pure."""

import re
from collections.abc import Sequence
from datetime import date, timedelta
from enum import StrEnum
from typing import NamedTuple

from ledger.reconciliation.statements import StatementLine
from ledger.settlements.payout_steps import PayoutState


class Candidate(NamedTuple):
    """One attempt of a payout that a bank was instructed to pay."""

    payout_id: str
    end_to_end_id: str
    amount_minor: int
    currency: str
    state: PayoutState  # CANCELLED if a later attempt exists
    references: tuple[str, ...]  # texts that a bank may repeat
    sent_on: date  # UTC


class MatchRule(StrEnum):
    """The rule that matched a line, or why none did; a code of the refusals catalogue."""

    BY_ID = "end_to_end_id_matches"
    BY_AMOUNT_AND_REFERENCE = "amount_and_reference_match"
    REPORTED_BEFORE = "reported_before"
    UNKNOWN_ID = "end_to_end_id_unknown"
    WRONG_AMOUNT = "amount_differs"
    WRONG_STATE = "payout_state_does_not_fit"
    AMBIGUOUS = "several_payouts_match"
    NO_CANDIDATE = "no_payout_matches"


class Match(NamedTuple):
    """A line and the id of its payout, None if unmatched."""

    line: StatementLine
    payout_id: str | None
    rule: MatchRule


_DAY = timedelta(days=1)  # the bank's day may be the day before ours
_DEBIT_STATES = {PayoutState.SENDING, PayoutState.SENT}
_CREDIT_STATES = {PayoutState.SENDING, PayoutState.SENT, PayoutState.PAID}


def match_line(line: StatementLine, currency: str, candidates: Sequence[Candidate]) -> Match:
    """Return the match of a line among the candidates."""
    if line.end_to_end_id is not None:
        return _match_by_id(line, currency, candidates)
    # An incoming transfer may repeat a reference by chance; a return carries a reason.
    if line.is_credit and not line.is_return:
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
    candidate = next((c for c in candidates if c.end_to_end_id == line.end_to_end_id), None)
    if candidate is None:
        return Match(line, None, MatchRule.UNKNOWN_ID)
    if not _has_same_amount(line, currency, candidate):
        return Match(line, None, MatchRule.WRONG_AMOUNT)
    if not fits_state(line, candidate.state):
        return Match(line, None, MatchRule.WRONG_STATE)
    return Match(line, candidate.payout_id, MatchRule.BY_ID)


def _has_same_amount(line: StatementLine, currency: str, candidate: Candidate) -> bool:
    return (line.amount_minor, currency) == (candidate.amount_minor, candidate.currency)


def fits_state(line: StatementLine, state: PayoutState) -> bool:
    """Tell whether a payout in this state can have moved the way the line says."""
    return state in (_CREDIT_STATES if line.is_credit else _DEBIT_STATES)


def _names_reference(line: StatementLine, candidate: Candidate) -> bool:
    """Tell whether a line has a reference as a whole word, and was not booked before sending."""
    texts = f"{line.text} {line.bank_reference or ''}"
    words = "|".join(re.escape(reference) for reference in candidate.references)
    is_named = re.search(rf"(?<![\w-])(?:{words})(?![\w-])", texts, re.ASCII | re.IGNORECASE) is not None
    return is_named and line.booked_on >= candidate.sent_on - _DAY
