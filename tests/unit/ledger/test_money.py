"""Text of minor units in currencies with any number of digits."""

import pytest

from ledger.money import MINOR_MAX, exponent, format_minor, to_money


@pytest.mark.parametrize(
    ("minor", "currency", "text"),
    [
        (6455, "CNY", "64.55"),
        (6400, "CNY", "64.00"),
        (5, "CNY", "0.05"),
        (0, "CNY", "0.00"),
        (-5, "CNY", "-0.05"),
        (-6455, "CNY", "-64.55"),
        (6455, "JPY", "6455"),
        (0, "JPY", "0"),
        (-1, "JPY", "-1"),
        (6455, "KWD", "6.455"),
        (-5, "KWD", "-0.005"),
        (1, "CLF", "0.0001"),
        (MINOR_MAX, "CNY", "90071992547409.91"),
        (10**30 + 1, "EUR", "1" + "0" * 28 + ".01"),
    ],
)
def test_an_amount_is_formatted_in_major_units(minor: int, currency: str, text: str):
    assert format_minor(minor, currency) == text
    assert to_money(minor, currency) == {"minor": minor, "text": text}


@pytest.mark.parametrize(("currency", "digits"), [("CNY", 2), ("JPY", 0), ("KRW", 0), ("BHD", 3), ("UYW", 4)])
def test_a_currency_has_the_digits_of_iso_4217(currency: str, digits: int):
    assert exponent(currency) == digits


@pytest.mark.parametrize("currency", ["XAU", "XXX", "cny", "CN", "", "EUR ", "ZZZ"])
def test_a_currency_without_a_minor_unit_is_refused(currency: str):
    with pytest.raises(ValueError, match=r"no minor unit|not a valid Currency"):
        exponent(currency)
