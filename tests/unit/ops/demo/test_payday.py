"""What the demonstration expects of its payday: an arithmetic of its own, and a bank account that is one."""

from collections import Counter
from datetime import UTC, date, datetime

import pytest
from pydantic import TypeAdapter

from campaigns.promise.bank_account import BankAccount
from ledger.accounting.apportionment import apportion
from ops.demo import bank
from ops.demo.comparison import compare_payday
from ops.demo.expected import Funds, PaydayTotals, PledgeRules, SettlementTerms, apportion_minor, expect_payday
from ops.demo.reader import PublicFigures

RULES = PledgeRules(amount_minor=1, per_likes=1, daily_cap_minor=100, likes_per_person_per_day=20)
SHARES = SettlementTerms({"schools": 7_000, "libraries": 3_000}, hold_days=3)
COUNTED = Counter({date(2026, 11, 2): 45, date(2026, 11, 3): 300, date(2026, 11, 6): 7})


@pytest.mark.parametrize("total_minor", [0, 1, 2, 5, 45, 99, 6_455, 10**12 + 7])
def test_its_split_is_the_ledgers(total_minor: int):
    parts = {"a": 7_000, "b": 2_999, "c": 1}
    assert list(apportion_minor(total_minor, parts).values()) == apportion(total_minor, list(parts.values()))


@pytest.mark.parametrize(
    ("days", "before_minor", "expected"),
    [
        ([], 30, PaydayTotals(30, 0, 0)),
        ([5], 0, PaydayTotals(0, 0, 0)),  # nothing is mature
        ([6], 0, PaydayTotals(45, 32, 13)),  # 31.5 and 13.5: the tie goes to the one listed first
        ([6, 7], 0, PaydayTotals(145, 115, 30)),  # of the second alone: 43.5 of 145 are 43, less 13
        ([10], 45, PaydayTotals(152, 74, 33)),  # 45.6 of 152 are 46, less 13
    ],
)
def test_what_a_payday_must_come_to(days: list[int], before_minor: int, expected: PaydayTotals):
    periods = [date(2026, 11, day) for day in days]
    assert expect_payday(RULES, SHARES, COUNTED, periods, Funds(10_000, before_minor), "libraries") == expected


def test_a_sum_that_is_one_off_is_told():
    before = PublicFigures({}, Counter(), 10_000, 50, settled_minor=10, in_flight_minor=0, paid_minor=10)
    right = PublicFigures({}, Counter(), 10_000, 50, settled_minor=45, in_flight_minor=0, paid_minor=42)
    wrong = PublicFigures({}, Counter(), 10_000, 50, settled_minor=45, in_flight_minor=3, paid_minor=40)
    expected = PaydayTotals(45, 32, 3)
    assert all(figure.holds for figure in compare_payday(expected, before, right, "CNY"))
    wrong_figures = [figure.name for figure in compare_payday(expected, before, wrong, "CNY") if not figure.holds]
    assert wrong_figures == ["paid, by the bank's statements", "returned by the bank", "in flight"]


@pytest.mark.parametrize("number", [0, 1, 1_763_942_400, 10**10 - 1, 10**10])
def test_the_account_is_an_iban(number: int):
    account = TypeAdapter(BankAccount).validate_python({"iban": bank.make_iban(number)})
    assert account.iban == bank.make_iban(number)


async def test_a_bank_opens_an_account_and_ends_with_who_started_it():
    async with bank.run_bank(datetime(2026, 11, 23, tzinfo=UTC)) as counterparty:
        await counterparty.open_account("Example Foundation", "CNY", 100)
        assert counterparty.iban.encode() in await counterparty.call("GET", "/_mock/accounts")
        await counterparty.advance_day()
        (statement,) = await counterparty.collect_messages(bank.STATEMENTS)
        assert counterparty.iban.encode() in statement
        assert await counterparty.collect_messages(bank.STATEMENTS) == []
    assert counterparty.session.closed


def test_a_bank_that_is_not_installed_is_asked_for(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(bank, "find_spec", lambda _: None)
    with pytest.raises(bank.BankMissing, match=r"^demo_bank_missing"):
        bank.require_bank()
