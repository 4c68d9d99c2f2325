"""Match a statement line to payouts: by our ids, by our message, else by amount and reference. Pure.

A line that several answers fit stays unmatched, because money must not move by a guess.
"""

import re
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from enum import StrEnum
from typing import NamedTuple

from ledger.reconciliation.statements import StatementLine, normalize_reference
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
    message_id: str = ""  # of the message that carried it


class MatchRule(StrEnum):
    """The rule that matched a line, or why none did; a code of the refusals catalogue."""

    BY_ID = "end_to_end_id_matches"
    BY_MESSAGE = "message_id_matches"
    BY_AMOUNT_AND_REFERENCE = "amount_and_reference_match"
    CHARGE = "bank_charge"
    REPORTED_BEFORE = "reported_before"
    UNKNOWN_ID = "end_to_end_id_unknown"
    WRONG_AMOUNT = "amount_differs"
    WRONG_STATE = "payout_state_does_not_fit"
    AMBIGUOUS = "several_payouts_match"
    NO_CANDIDATE = "no_payout_matches"


MATCHING_RULES = {
    MatchRule.BY_ID,
    MatchRule.BY_MESSAGE,
    MatchRule.BY_AMOUNT_AND_REFERENCE,
    MatchRule.CHARGE,
    MatchRule.REPORTED_BEFORE,
}


class Match(NamedTuple):
    """A line and the ids of its payouts, none if unmatched.

    `charge_minor` is the part of the line that is the bank's charge and no payout.
    """

    line: StatementLine
    payout_ids: tuple[str, ...]
    rule: MatchRule
    charge_minor: int = 0

    @property
    def is_matched(self) -> bool:
        """Tell whether a rule matched the line."""
        return self.rule in MATCHING_RULES


_DAY = timedelta(days=1)  # the bank's day may be the day before ours
_DEBIT_STATES = {PayoutState.SENDING, PayoutState.SENT}
_CREDIT_STATES = {PayoutState.SENDING, PayoutState.SENT, PayoutState.PAID}
_OUR_ID = re.compile(r"(?=((PAY|STL)[0-9A-Z]{20}))")  # overlapping: blanks are gone
_OUR_PAYMENT_ID = re.compile(r"PAY[0-9A-Z]{20}-?[0-9]*")
_SUMS_MAX = 10_000
_SEPARATOR = " | "  # no id continues behind it


def match_line(line: StatementLine, currency: str, candidates: Sequence[Candidate]) -> Match:
    """Return the match of a line among the candidates."""
    named = [c for c in candidates if names_id(line, c.end_to_end_id)]
    in_message = [c for c in candidates if _names_message(line, c)]
    if named:
        return _match_named(line, currency, named, in_message)
    if line.end_to_end_id is not None and _OUR_PAYMENT_ID.fullmatch(normalize_reference(line.end_to_end_id)):
        return Match(line, (), MatchRule.UNKNOWN_ID)
    if in_message:
        return _match_message(line, currency, in_message)
    if line.end_to_end_id is not None:
        return Match(line, (), MatchRule.UNKNOWN_ID)
    # An incoming transfer may repeat a reference by chance; a return says that it is one.
    if line.is_credit and not line.is_return:
        return Match(line, (), MatchRule.NO_CANDIDATE)
    return _match_by_reference(line, currency, candidates)


def _match_named(
    line: StatementLine, currency: str, named: Sequence[Candidate], in_message: Sequence[Candidate]
) -> Match:
    """Match a line that repeats the ids of payouts: to all of them, or to none.

    Some banks give the sum of a message the id of its first payout.
    """
    if _is_charge_only(line):
        return _match_charge(line, named)
    payout_ids = tuple(c.payout_id for c in named)
    match = _match_sum(line, currency, named, MatchRule.BY_ID)
    if match.is_matched and match.payout_ids != payout_ids:
        return Match(line, (), MatchRule.AMBIGUOUS)
    if match.rule is MatchRule.WRONG_AMOUNT and in_message:
        by_message = _match_message(line, currency, in_message)
        return by_message if set(payout_ids) <= set(by_message.payout_ids) else match
    return match


def _match_message(line: StatementLine, currency: str, in_message: Sequence[Candidate]) -> Match:
    """Match a line that repeats the id of a message."""
    if _is_charge_only(line):
        return _match_charge(line, in_message)
    return _match_sum(line, currency, in_message, MatchRule.BY_MESSAGE)


def _match_sum(line: StatementLine, currency: str, candidates: Sequence[Candidate], rule: MatchRule) -> Match:
    """Match a line to the only candidates whose sum it is."""
    fitting = [c for c in candidates if fits_state(line, c.state) and c.currency == currency]
    answers = _list_answers(line, fitting)
    if len(answers) == 1:
        return Match(line, answers[0][0], rule, answers[0][1])
    if answers:
        return Match(line, (), MatchRule.AMBIGUOUS)
    is_of_other_state = _list_answers(line, [c for c in candidates if c.currency == currency])
    return Match(line, (), MatchRule.WRONG_STATE if is_of_other_state else MatchRule.WRONG_AMOUNT)


def _list_answers(line: StatementLine, candidates: Sequence[Candidate]) -> list[tuple[tuple[str, ...], int]]:
    """Return payouts whose sum the line is, each with the charge beside them."""
    return [
        (payout_ids, charge_minor)
        for payout_minor, charge_minor in _payout_amounts(line)
        for payout_ids in _fitting_payouts(candidates, payout_minor)
    ]


def _match_by_reference(line: StatementLine, currency: str, candidates: Sequence[Candidate]) -> Match:
    answers = [
        (c.payout_id, charge_minor)
        for c in candidates
        if (charge_minor := _charge_minor(line, currency, c)) is not None
        and fits_state(line, c.state)
        and _names_reference(line, c)
    ]
    if len(answers) == 1:
        return Match(line, (answers[0][0],), MatchRule.BY_AMOUNT_AND_REFERENCE, answers[0][1])
    return Match(line, (), MatchRule.AMBIGUOUS if answers else MatchRule.NO_CANDIDATE)


def _is_charge_only(line: StatementLine) -> bool:
    return not line.is_credit and 0 < line.charges_minor == line.amount_minor


def _match_charge(line: StatementLine, named: Sequence[Candidate]) -> Match:
    """Match the charge that a bank booked beside payouts; it moves no payout."""
    payout_ids = tuple(dict.fromkeys(c.payout_id for c in named))
    return Match(line, payout_ids, MatchRule.CHARGE, line.amount_minor)


def _payout_amounts(line: StatementLine) -> list[tuple[int, int]]:
    """Return the sums of payouts that a line may be of, each with the charge beside it."""
    without_charge = (line.principal_minor, line.charges_minor)
    return list(dict.fromkeys([without_charge, (line.amount_minor, 0)]))


def _charge_minor(line: StatementLine, currency: str, candidate: Candidate) -> int | None:
    """Return the charge within a line if the rest is the payout, None if it is not."""
    if currency != candidate.currency:
        return None
    return dict(reversed(_payout_amounts(line))).get(candidate.amount_minor)


def _fitting_payouts(candidates: Sequence[Candidate], sum_minor: int) -> list[tuple[str, ...]]:
    """Return the combinations with this sum: all if there are none or one, else two of them."""
    if sum_minor and sum_minor == sum(candidate.amount_minor for candidate in candidates):
        return [tuple(candidate.payout_id for candidate in candidates)]  # fewer are less
    combinations: dict[int, list[tuple[str, ...]]] = {0: [()]}
    for candidate in candidates:
        for minor, found in list(combinations.items()):
            total = minor + candidate.amount_minor
            if total <= sum_minor:
                more = [(*payout_ids, candidate.payout_id) for payout_ids in found]
                combinations[total] = (combinations.get(total, []) + more)[:2]
        if len(combinations) > _SUMS_MAX:  # too many to be sure
            return [(), ()]
    return combinations.get(sum_minor, []) if sum_minor else []


def fits_state(line: StatementLine, state: PayoutState) -> bool:
    """Tell whether a payout in this state can have moved the way the line says."""
    if line.is_reversal and not line.is_credit:  # money that came back left again: a person must look
        return False
    return state in (_CREDIT_STATES if line.is_credit else _DEBIT_STATES)


def list_own_ids(texts: Iterable[str]) -> list[str]:
    """Return the ids of payouts and settlements that texts contain, as the ledger writes them."""
    normal = normalize_reference(_SEPARATOR.join(texts))
    return sorted({f"{own[:3]}_{own[3:]}".lower() for own, _ in _OUR_ID.findall(normal)})


def line_texts(line: StatementLine) -> list[str]:
    """Return every text of a line in which a bank may repeat one of our ids."""
    ids = line.end_to_end_id, line.message_id, line.payment_information_id, line.bank_reference
    return [*line.references, *filter(None, ids), line.text]


def names_id(line: StatementLine, own_id: str) -> bool:
    """Tell whether a line repeats an id of ours, as a whole and perhaps broken by blanks."""
    normal_id, texts = normalize_reference(own_id), _SEPARATOR.join(line_texts(line))
    if normal_id in line.references:
        return True
    if normal_id not in normalize_reference(texts):  # quicker than the pattern below
        return False
    pattern = r"\s*".join(re.escape(character) for character in own_id)
    return re.search(rf"(?<![0-9A-Za-z]){pattern}(?![0-9A-Za-z])", texts, re.ASCII | re.IGNORECASE) is not None


def _names_message(line: StatementLine, candidate: Candidate) -> bool:
    return bool(candidate.message_id) and names_id(line, candidate.message_id)


def _names_reference(line: StatementLine, candidate: Candidate) -> bool:
    """Tell whether a line has a reference as a whole word, and was not booked before sending."""
    texts = _SEPARATOR.join([line.text, line.bank_reference or ""])
    words = "|".join(re.escape(reference) for reference in candidate.references)
    is_named = re.search(rf"(?<![\w-])(?:{words})(?![\w-])", texts, re.ASCII | re.IGNORECASE) is not None
    return is_named and line.booked_on >= candidate.sent_on - _DAY
