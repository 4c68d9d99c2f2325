"""Numbers, amounts, days and moments formatted for a language. Nothing is rounded."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_datetime, get_day_names
from babel.numbers import format_compact_decimal, format_decimal, get_currency_symbol

from ledger.money import exponent, format_minor
from ops.i18n.language import LOCALES, Language

BP_DIGITS = 2
_MINUS = "\N{MINUS SIGN}"
_COMPACT_MIN = 10_000
_NO_BREAK_SPACE = "\N{NO-BREAK SPACE}"
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def number(figure: int | str, language: Language) -> str:
    """Return a number with its digits grouped and all its decimals."""
    exact = Decimal(figure)
    digits = max(0, -int(exact.as_tuple().exponent))
    pattern = "#,##0" + (f".{'0' * digits}" if digits else "")
    return _with_sign(exact, format_decimal(abs(exact), format=pattern, locale=LOCALES[language]))


def level(figure: int, language: Language) -> str:
    """Return a round number of an axis, shortened if it is long: `2,000`, `15K`, `1.5万`."""
    if figure < _COMPACT_MIN:
        return number(figure, language)
    return format_compact_decimal(figure, locale=LOCALES[language], fraction_digits=1)


def amount(minor: int, currency: str, language: Language) -> str:
    """Return an amount with its currency: `¥7,000.00`, `KWD 1.500`."""
    return amount_from_major(format_minor(minor, currency), currency, language)


def amount_from_major(major: str, currency: str, language: Language) -> str:
    """Return an amount of major units with its currency.

    The decimals are those of ISO 4217: CLDR has fewer for some currencies and would round silently.
    """
    exact = Decimal(major)
    pattern = "#,##0" + (f".{'0' * exponent(currency)}" if exponent(currency) else "")
    symbol = get_currency_symbol(currency, LOCALES[language])
    gap = _NO_BREAK_SPACE if symbol[-1:].isalpha() else ""
    return _with_sign(exact, symbol + gap + format_decimal(abs(exact), format=pattern, locale=LOCALES[language]))


def _with_sign(exact: Decimal, formatted: str) -> str:
    return _MINUS + formatted if exact < 0 else formatted


def bp_to_percent(part: int, whole: int, language: Language) -> str:
    """Return a share in percent, rounded down to tenths: `100%` appears only when the whole is reached."""
    tenths = part * 1_000 // whole if whole else 0
    return number(f"{tenths // 10}.{tenths % 10}" if tenths % 10 else tenths // 10, language) + "%"


def share(basis_points: int, language: Language) -> str:
    """Return basis points in percent: 7000 is `70%`."""
    return number(format_minor(basis_points, "USD").rstrip("0").rstrip("."), language) + "%"


def day(moment: date, language: Language) -> str:
    """Return a day with its year."""
    return format_date(moment, "long", locale=LOCALES[language])


def short_day(moment: date, language: Language) -> str:
    """Return a day without its year, for the axis of a chart."""
    return format_date(moment, "M月d日" if language == "zh" else "d MMM", locale=LOCALES[language])


def minute(moment: datetime, timezone: ZoneInfo, language: Language) -> str:
    """Return a moment to the minute in a time zone, with its offset."""
    local = moment.astimezone(timezone)
    pattern = "y年M月d日 HH:mm" if language == "zh" else "d MMMM y, HH:mm"
    return f"{format_datetime(local, pattern, locale=LOCALES[language])} {offset(local)}"


def offset(local: datetime) -> str:
    """Return a moment's offset from UTC: `UTC+8`, `UTC+5:30`, `UTC`."""
    minutes = (local.utcoffset() or timedelta()) // timedelta(minutes=1)
    hours, rest = divmod(abs(minutes), 60)
    sign = _MINUS if minutes < 0 else "+"
    return "UTC" + (f"{sign}{hours}" if minutes else "") + (f":{rest:02}" if rest else "")


def weekday(name: str, language: Language) -> str:
    """Return the name of a weekday by its cron name, such as `mon`."""
    return str(get_day_names("wide", locale=LOCALES[language])[WEEKDAYS.index(name)])


def format_basis_points(basis_points: int) -> str:
    """Return basis points in percent: 1250 is `12.5`."""
    whole, rest = divmod(basis_points, 10**BP_DIGITS)
    return f"{whole}.{rest:02}".rstrip("0").rstrip(".")
