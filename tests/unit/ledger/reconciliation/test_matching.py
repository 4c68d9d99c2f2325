"""Matching a line: by EndToEndId, else by the amount and reference of one payout only."""

from datetime import date, timedelta

import pytest

from ledger.reconciliation.matching import Candidate, MatchRule, match_line
from ledger.reconciliation.statements import StatementLine
from ledger.settlements.payout_steps import PayoutState

SENT_ON = date(2026, 11, 9)
REFERENCE = "rural-education 2026-11-09"


def candidate(
    name: str = "A", *references: str, state: PayoutState = PayoutState.SENT, amount_minor: int = 70
) -> Candidate:
    return Candidate(f"pay_{name}", f"PAY{name}-1", amount_minor, "CNY", state, references or (REFERENCE,), SENT_ON)


def debit(text: str = REFERENCE, payment_id: str | None = None, **more: object) -> StatementLine:
    fields = {"booked_on": SENT_ON, "is_credit": False} | more
    return StatementLine(1, 70, end_to_end_id=payment_id, text=text, **fields)  # type: ignore[arg-type]


def credit(text: str = REFERENCE, payment_id: str | None = None, **more: object) -> StatementLine:
    return debit(text, payment_id, is_credit=True, **more)


CASES = [
    ("by its id, whatever the text", debit("", "PAYA-1"), [candidate()], MatchRule.BY_ID),
    ("an unknown id", debit(payment_id="PAYX-1"), [candidate()], MatchRule.UNKNOWN_ID),
    ("another amount", debit(payment_id="PAYA-1"), [candidate(amount_minor=71)], MatchRule.WRONG_AMOUNT),
    (
        "a state that does not fit",
        debit(payment_id="PAYA-1"),
        [candidate(state=PayoutState.PAID)],
        MatchRule.WRONG_STATE,
    ),
    (
        "an attempt that another followed",
        debit(payment_id="PAYA-1"),
        [candidate(state=PayoutState.CANCELLED)],
        MatchRule.WRONG_STATE,
    ),
    ("by amount and reference", debit(), [candidate()], MatchRule.BY_AMOUNT_AND_REFERENCE),
    (
        "in capitals, among words",
        debit(f"No. {REFERENCE.upper()}."),
        [candidate()],
        MatchRule.BY_AMOUNT_AND_REFERENCE,
    ),
    ("between Chinese words", debit(f"转账{REFERENCE}谢谢"), [candidate()], MatchRule.BY_AMOUNT_AND_REFERENCE),
    ("the bank's own", debit("", bank_reference="B1"), [candidate("A", "B1")], MatchRule.BY_AMOUNT_AND_REFERENCE),
    ("several", debit(), [candidate("A"), candidate("B")], MatchRule.AMBIGUOUS),
    ("another amount without an id", debit(), [candidate(amount_minor=71)], MatchRule.NO_CANDIDATE),
    ("paid already", debit(), [candidate(state=PayoutState.PAID)], MatchRule.NO_CANDIDATE),
    # similar texts do not match
    (
        "a campaign whose name ends alike",
        debit(),
        [candidate("A", "education 2026-11-09")],
        MatchRule.NO_CANDIDATE,
    ),
    ("a number that begins alike", debit("", bank_reference="B12"), [candidate("A", "B1")], MatchRule.NO_CANDIDATE),
    ("a number within another", debit("see 991B1"), [candidate("A", "B1")], MatchRule.NO_CANDIDATE),
    # the lines of an earlier statement under another id, after the payout was retried
    (
        "booked before it was sent",
        debit(booked_on=SENT_ON - timedelta(days=2)),
        [candidate()],
        MatchRule.NO_CANDIDATE,
    ),
    (
        "on the day before",
        debit(booked_on=SENT_ON - timedelta(days=1)),
        [candidate()],
        MatchRule.BY_AMOUNT_AND_REFERENCE,
    ),
    (
        "by its id on any day",
        debit("", "PAYA-1", booked_on=SENT_ON - timedelta(days=9)),
        [candidate()],
        MatchRule.BY_ID,
    ),
    # incoming money: a return has a reason, a sponsor's transfer has none
    ("a return by its id", credit("", "PAYA-1"), [candidate(state=PayoutState.PAID)], MatchRule.BY_ID),
    (
        "a return with a reason",
        credit(reason_code="AC04"),
        [candidate(state=PayoutState.PAID)],
        MatchRule.BY_AMOUNT_AND_REFERENCE,
    ),
    ("the sponsor's, of the same amount", credit(), [candidate(state=PayoutState.PAID)], MatchRule.NO_CANDIDATE),
]


@pytest.mark.parametrize(
    ("line", "candidates", "rule"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_a_line_is_matched_by_rule(line: StatementLine, candidates: list[Candidate], rule: MatchRule):
    match = match_line(line, "CNY", candidates)
    assert match.rule is rule
    assert match.is_matched is (match.payout_ids == ("pay_A",))
    assert match.is_matched is (rule in {MatchRule.BY_ID, MatchRule.BY_AMOUNT_AND_REFERENCE})


def test_another_currency_is_another_amount():
    assert match_line(debit(payment_id="PAYA-1"), "EUR", [candidate()]).rule is MatchRule.WRONG_AMOUNT
    assert match_line(debit(), "EUR", [candidate()]).rule is MatchRule.NO_CANDIDATE
