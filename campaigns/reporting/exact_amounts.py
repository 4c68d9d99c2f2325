"""Exact amounts of the public API: a fraction for programs, a rounded text for people.

`exact` is an integer or a fraction in lowest terms (`"23368/3"`), so that sums stay exact. `text`
is rounded half to even, for display only.
"""

from fractions import Fraction

from typing_extensions import TypedDict

from ledger.money import format_minor

_HUNDREDTHS = 100


class ExactLikes(TypedDict):
    """A number of likes, not always whole: `{"exact": "23368/3", "text": "7789.33"}`."""

    exact: str
    text: str


class ExactMoney(TypedDict):
    """Minor units exactly, major units as text: `{"exact_minor": "23368/3", "text": "77.89"}`."""

    exact_minor: str
    text: str


def format_exact_likes(likes: Fraction) -> ExactLikes:
    """Return a number of likes in both forms.

    The text has two decimals unless the number is whole.
    """
    if likes.denominator == 1:
        return {"exact": str(likes), "text": str(likes)}
    hundredths = round(likes * _HUNDREDTHS)
    whole, rest = divmod(abs(hundredths), _HUNDREDTHS)
    return {"exact": str(likes), "text": f"{'-' if hundredths < 0 else ''}{whole}.{rest:02}"}


def format_exact_money(minor: Fraction, currency: str) -> ExactMoney:
    """Return an amount of minor units in both forms."""
    return {"exact_minor": str(minor), "text": format_minor(round(minor), currency)}
