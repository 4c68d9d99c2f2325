"""Exact amounts, and how they are rounded for the eye."""

from fractions import Fraction

import pytest

from campaigns.reporting.exact_amounts import format_exact_likes, format_exact_money


@pytest.mark.parametrize(
    ("likes", "exact", "text"),
    [
        (Fraction(23_368, 3), "23368/3", "7789.33"),
        (Fraction(7), "7", "7"),
        (Fraction(0), "0", "0"),
        (Fraction(-1, 3), "-1/3", "-0.33"),
        (Fraction(-1, 300), "-1/300", "0.00"),
        (Fraction(1, 200), "1/200", "0.00"),  # half to even
        (Fraction(3, 200), "3/200", "0.02"),
        (Fraction(199_999, 200), "199999/200", "1000.00"),
    ],
)
def test_likes(likes: Fraction, exact: str, text: str) -> None:
    assert format_exact_likes(likes) == {"exact": exact, "text": text}


@pytest.mark.parametrize(
    ("minor", "currency", "exact", "text"),
    [
        (Fraction(23_368, 3), "CNY", "23368/3", "77.89"),
        (Fraction(23_368, 3), "JPY", "23368/3", "7789"),
        (Fraction(23_368, 3), "KWD", "23368/3", "7.789"),
        (Fraction(5, 2), "JPY", "5/2", "2"),  # half to even
        (Fraction(7, 2), "JPY", "7/2", "4"),
        (Fraction(-1, 3), "CNY", "-1/3", "0.00"),
        (Fraction(10**18), "CNY", "1000000000000000000", "10000000000000000.00"),
    ],
)
def test_money(minor: Fraction, currency: str, exact: str, text: str) -> None:
    assert format_exact_money(minor, currency) == {"exact_minor": exact, "text": text}
