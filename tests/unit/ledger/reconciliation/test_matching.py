"""Matching a line: by EndToEndId, else by the amount and reference of one payout only."""

from datetime import date, timedelta

import pytest

from ledger.reconciliation.matching import Candidate, MatchRule, match_line
from ledger.reconciliation.statements import StatementLine
from ledger.settlements.payout_steps import PayoutState

SENT_ON = date(2026, 11, 9)
MESSAGE = "STLM-1"
REFERENCE = "rural-education 2026-11-09"


def candidate(
    name: str = "A", *references: str, state: PayoutState = PayoutState.SENT, amount_minor: int = 70
) -> Candidate:
    ids = f"pay_{name}", f"PAY{name}-1"
    return Candidate(*ids, amount_minor, "CNY", state, references or (REFERENCE,), SENT_ON, MESSAGE)


def debit(text: str = REFERENCE, payment_id: str | None = None, **more: object) -> StatementLine:
    fields = {"amount_minor": 70, "booked_on": SENT_ON, "is_credit": False}
    return StatementLine(1, **fields | {"end_to_end_id": payment_id, "text": text} | more)  # type: ignore[arg-type]


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


A, B = candidate("A", amount_minor=70), candidate("B", amount_minor=30)
PAID_A, PAID_B = A._replace(state=PayoutState.PAID), B._replace(state=PayoutState.PAID)
SENTENCE = f"SEPA transfer EREF+{A.end_to_end_id} KREF+{MESSAGE} SVWZ+thanks"


def line(minor: int, **more: object) -> StatementLine:
    return debit(**{"text": "", "amount_minor": minor, **more})


MATCHES = [
    # the id stands anywhere
    ("in the text", line(70, text="EREF+PAYA-1 thanks"), [A, B], (("pay_A",), 0)),
    ("broken by the bank's line", line(70, text="EREF+PA YA-\n1 SVWZ+x"), [A, B], (("pay_A",), 0)),
    ("as another reference", line(70, references=("X9", "PAYA-1")), [A, B], (("pay_A",), 0)),
    ("as the bank's reference", line(70, bank_reference="paya-1"), [A, B], (("pay_A",), 0)),
    ("beside an id of the bank", line(70, end_to_end_id="B77", references=("PAYA-1",)), [A, B], (("pay_A",), 0)),
    ("a longer id is another", line(70, text="PAYA-12 XPAYA-1"), [A, B], None),
    ("two ids for one amount", line(70, text="PAYA-1 PAYB-1"), [A, B], None),
    ("two ids for their sum", line(100, text="PAYA-1 PAYB-1"), [A, B], (("pay_A", "pay_B"), 0)),
    # by message
    ("a batch", line(100, message_id=MESSAGE), [A, B], (("pay_A", "pay_B"), 0)),
    ("a batch by its PmtInfId", line(100, payment_information_id=MESSAGE), [A, B], (("pay_A", "pay_B"), 0)),
    ("a batch in the text", line(100, text=f"KREF+{MESSAGE}"), [A, B], (("pay_A", "pay_B"), 0)),
    ("the rest of a batch", line(30, message_id=MESSAGE), [PAID_A, B], (("pay_B",), 0)),
    ("one of a batch", line(30, message_id=MESSAGE), [A, B], (("pay_B",), 0)),
    ("a batch with the first one's id", line(100, text=SENTENCE), [A, B], (("pay_A", "pay_B"), 0)),
    ("another sum", line(99, message_id=MESSAGE), [A, B], None),
    ("two sums that fit", line(70, message_id=MESSAGE), [A, candidate("C", amount_minor=70)], None),
    (
        "one payout or two others",
        line(70, message_id=MESSAGE),
        [A, candidate("C", amount_minor=50), candidate("D", amount_minor=20)],
        None,
    ),
    (
        "a batch that came back",
        line(100, is_credit=True, message_id=MESSAGE),
        [PAID_A, PAID_B],
        (("pay_A", "pay_B"), 0),
    ),
    # charges that the bank states
    ("with a charge", line(72, references=("PAYA-1",), charges_minor=2), [A, B], (("pay_A",), 2)),
    ("beside a charge", line(70, references=("PAYA-1",), charges_minor=2), [A, B], (("pay_A",), 0)),
    ("another charge", line(72, references=("PAYA-1",), charges_minor=1), [A, B], None),
    ("a fee that is not stated", line(72, references=("PAYA-1",)), [A, B], None),
    ("a batch and its charge", line(103, message_id=MESSAGE, charges_minor=3), [A, B], (("pay_A", "pay_B"), 3)),
    (
        "back less a charge",
        line(68, is_credit=True, references=("PAYA-1",), charges_minor=2),
        [PAID_A],
        (("pay_A",), 2),
    ),
    ("a charge alone", line(3, message_id=MESSAGE, charges_minor=3), [A, B], (("pay_A", "pay_B"), 3)),
    ("a charge on others", line(3, charges_minor=3), [A, B], None),
    # reversals
    ("a reversal", line(70, is_credit=True, is_reversal=True, text=REFERENCE), [PAID_A, PAID_B], (("pay_A",), 0)),
    ("a return that is reversed", line(70, is_reversal=True, references=("PAYA-1",)), [A], None),
]


@pytest.mark.parametrize(
    ("found", "candidates", "expected"), [case[1:] for case in MATCHES], ids=[case[0] for case in MATCHES]
)
def test_a_line_is_matched_wherever_our_ids_stand(
    found: StatementLine, candidates: list[Candidate], expected: tuple[tuple[str, ...], int] | None
):
    match = match_line(found, "CNY", candidates)
    assert ((match.payout_ids, match.charge_minor) if match.is_matched else None) == expected


def test_many_equal_payouts_of_a_message_are_not_guessed_and_take_no_time():
    many = [candidate(f"{n:03}", amount_minor=2**n % 1_000_003 + 1) for n in range(200)]
    assert match_line(line(500_000, message_id=MESSAGE), "CNY", many).rule is MatchRule.AMBIGUOUS
    total = sum(c.amount_minor for c in many)
    assert len(match_line(line(total, message_id=MESSAGE), "CNY", many).payout_ids) == len(many)
