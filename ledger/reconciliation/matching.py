"""Which payout a statement line is of: by its EndToEndId first, then by amount and reference, and why. Pure."""

import re
from collections.abc import Sequence
from datetime import date, timedelta
from enum import StrEnum
from typing import NamedTuple

from ledger.reconciliation.statements import StatementLine
from ledger.settlements.payout_steps import State


class Candidate(NamedTuple):
    """One attempt of a payout that a bank was told of."""

    payout_id: str
    end_to_end_id: str
    amount_minor: int
    currency: str
    state: State  # State.CANCELLED: an attempt that another has followed
    references: tuple[str, ...]  # what a bank may repeat of it
    told_on: date  # UTC


class How(StrEnum):
    """Why a line is of a payout, or of none; the value is what people read."""

    BY_ID = "its EndToEndId"
    BY_AMOUNT_AND_REFERENCE = "its amount and reference"
    UNKNOWN_ID = "no payout has its EndToEndId"
    OTHER_AMOUNT = "another amount than the payout of its EndToEndId"
    OTHER_STATE = "the payout of its EndToEndId is not where this could happen"
    SEVERAL = "several payouts have its amount and reference"
    NONE = "no payout has its amount and reference"


class Match(NamedTuple):
    """A line, and the payout it is of; none: it is listed as unmatched."""

    line: StatementLine
    payout_id: str | None
    how: How


_DAY = timedelta(days=1)  # the bank's day may be the one before ours
_LEAVES = {State.SENDING, State.SENT}
_COMES_BACK = {State.SENDING, State.SENT, State.PAID}


def match(line: StatementLine, currency: str, candidates: Sequence[Candidate]) -> Match:
    """Return which of the candidates, as they are now, the line is of."""
    if line.end_to_end_id is not None:
        return _by_id(line, currency, candidates)
    if line.is_credit and line.reason is None:  # a transfer to us may repeat a reference; a return says why it comes
        return Match(line, None, How.NONE)
    fitting = [c for c in candidates if _fits(line, currency, c) and may_be_of(line, c.state) and _tells(line, c)]
    if len(fitting) == 1:
        return Match(line, fitting[0].payout_id, How.BY_AMOUNT_AND_REFERENCE)
    return Match(line, None, How.SEVERAL if fitting else How.NONE)


def _by_id(line: StatementLine, currency: str, candidates: Sequence[Candidate]) -> Match:
    found = next((c for c in candidates if c.end_to_end_id == line.end_to_end_id), None)
    if found is None:
        return Match(line, None, How.UNKNOWN_ID)
    if not _fits(line, currency, found):
        return Match(line, None, How.OTHER_AMOUNT)
    if not may_be_of(line, found.state):
        return Match(line, None, How.OTHER_STATE)
    return Match(line, found.payout_id, How.BY_ID)


def _fits(line: StatementLine, currency: str, candidate: Candidate) -> bool:
    return (line.amount_minor, currency) == (candidate.amount_minor, candidate.currency)


def may_be_of(line: StatementLine, state: State) -> bool:
    """Tell whether a payout can be where the line says that it went from."""
    return state in (_COMES_BACK if line.is_credit else _LEAVES)


def _tells(line: StatementLine, candidate: Candidate) -> bool:
    """Tell whether a line repeats a reference as a word of its own, and was not booked before the bank was told."""
    said = f"{line.text} {line.bank_reference or ''}"
    words = "|".join(re.escape(reference) for reference in candidate.references)
    is_named = re.search(rf"(?<![\w-])(?:{words})(?![\w-])", said, re.ASCII | re.IGNORECASE) is not None
    return is_named and line.booked_on >= candidate.told_on - _DAY
