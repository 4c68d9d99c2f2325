"""Numbers, amounts and moments formatted for a language, with all their digits."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from ops.i18n import formats
from ops.i18n.language import Language


@pytest.mark.parametrize(
    ("minor", "currency", "language", "text"),
    [
        (700_000, "CNY", "zh", "¥7,000.00"),
        (700_000, "CNY", "en", "CN¥7,000.00"),
        (1_234, "JPY", "en", "JP¥1,234"),
        (1_500, "KWD", "en", "KWD\N{NO-BREAK SPACE}1.500"),
        (123_456, "IQD", "en", "IQD\N{NO-BREAK SPACE}123.456"),  # CLDR has no decimals for it and would round
        (-5, "EUR", "en", "\N{MINUS SIGN}€0.05"),
        (2**53 - 1, "CNY", "zh", "¥90,071,992,547,409.91"),
    ],
)
def test_amounts(minor: int, currency: str, language: Language, text: str) -> None:
    assert formats.amount(minor, currency, language) == text


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [(0, 0, "0%"), (6_455, 700_000, "0.9%"), (999_999, 1_000_000, "99.9%"), (1, 1, "100%"), (1, 2, "50%")],
)
def test_a_percentage_is_rounded_down(part: int, whole: int, text: str) -> None:
    assert formats.bp_to_percent(part, whole, "en") == text


@pytest.mark.parametrize(
    ("basis_points", "text"), [(7_000, "70%"), (1, "0.01%"), (3_333, "33.33%"), (10_000, "100%"), (50, "0.5%")]
)
def test_shares(basis_points: int, text: str) -> None:
    assert formats.share(basis_points, "en") == text


@pytest.mark.parametrize(
    ("figure", "language", "text"),
    [(0, "en", "0"), (2_500, "en", "2,500"), (15_000, "en", "15K"), (15_000, "zh", "1.5万"), (2 * 10**6, "en", "2M")],
)
def test_levels_of_an_axis(figure: int, language: Language, text: str) -> None:
    assert formats.level(figure, language) == text


@pytest.mark.parametrize(
    ("zone", "language", "text"),
    [
        ("Asia/Shanghai", "zh", "2026年11月24日 05:40 UTC+8"),
        ("Asia/Kolkata", "en", "24 November 2026, 03:10 UTC+5:30"),
        ("America/St_Johns", "en", "23 November 2026, 18:10 UTC\N{MINUS SIGN}3:30"),
        ("UTC", "en", "23 November 2026, 21:40 UTC"),
    ],
)
def test_moments_have_their_offset(zone: str, language: Language, text: str) -> None:
    assert formats.minute(datetime(2026, 11, 23, 21, 40, tzinfo=UTC), ZoneInfo(zone), language) == text
