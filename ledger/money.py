"""Amounts: integers of minor units of an ISO 4217 currency, and their text in major units."""

from functools import cache

from iso4217 import Currency
from typing_extensions import TypedDict

MINOR_MAX = 2**53 - 1  # the largest integer that every JSON reader keeps exactly (RFC 8259, section 6)


class Money(TypedDict):
    """An amount as the public API shows it: `{"minor": 6455, "text": "64.55"}`."""

    minor: int
    text: str


@cache
def exponent(currency: str) -> int:
    """Return the digits after the point: CNY 2, JPY 0, KWD 3.

    Raises ValueError if ISO 4217 has no such currency, or the currency has no minor unit.
    """
    digits = Currency(currency).exponent
    if digits is None:
        raise ValueError(f"{currency} has no minor unit in ISO 4217")
    return digits


def format_minor(minor: int, currency: str) -> str:
    """Return the amount in major units, without grouping: 6455 CNY is `64.55`, 6455 JPY `6455`."""
    digits = exponent(currency)
    sign, figures = "-" if minor < 0 else "", str(abs(minor)).zfill(digits + 1)
    return f"{sign}{figures[:-digits]}.{figures[-digits:]}" if digits else f"{sign}{figures}"


def to_money(minor: int, currency: str) -> Money:
    """Return the amount as an integer of minor units and as text."""
    return {"minor": minor, "text": format_minor(minor, currency)}
