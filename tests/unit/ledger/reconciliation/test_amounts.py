"""Amounts of bank files: every form that XML Schema allows, exactly in minor units, or refused."""

import pytest

from ledger.reconciliation.statements import StatementRefused
from ledger.reconciliation.statements.amounts import AmountNotExact, parse_date, parse_minor


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [
        ("24.5", "CNY", 2450),
        ("24.50000", "CNY", 2450),
        ("+24.50", "EUR", 2450),
        (".50", "EUR", 50),
        ("+.5", "EUR", 50),
        ("5.", "EUR", 500),
        ("0024.50", "EUR", 2450),
        ("0000000000000024.50", "EUR", 2450),
        (" \n24.50\t", "EUR", 2450),
        ("0", "CNY", 0),
        ("0.00", "CNY", 0),
        ("24", "JPY", 24),
        ("24.00", "JPY", 24),
        ("1.234", "KWD", 1234),
        ("90071992547409.91", "EUR", 2**53 - 1),
    ],
)
def test_an_amount_is_exact(text: str, currency: str, minor: int):
    assert parse_minor(text, currency) == minor


@pytest.mark.parametrize("text", ["", "+", ".", "+.", "-1", "1,50", "1 000", "1e3", "0x1", "NaN", "INF", "１"])
def test_a_text_that_the_standard_does_not_allow_is_refused(text: str):
    with pytest.raises(StatementRefused, match=r"^statement_amount_invalid") as refused:
        parse_minor(text, "EUR")
    assert not isinstance(refused.value, AmountNotExact)


@pytest.mark.parametrize(
    ("text", "currency"),
    [("24.505", "EUR"), ("0.5", "JPY"), ("90071992547409.92", "EUR"), ("999999999999999999", "EUR")],
)
def test_an_amount_that_minor_units_cannot_carry_is_told_apart(text: str, currency: str):
    with pytest.raises(AmountNotExact):
        parse_minor(text, currency)


@pytest.mark.parametrize(
    "text", ["2026-12-01", "2026-12-01Z", "2026-12-01+08:00", "2026-12-01T23:59:59.999-05:00", " 2026-12-01\n"]
)
def test_a_day_stays_the_day_that_the_bank_writes(text: str):
    assert parse_date(text).isoformat() == "2026-12-01"
