"""Amounts and dates of bank files as XML Schema writes them, and the checks of a statement. Pure."""

import re
from datetime import date

from ledger.money import MINOR_MAX, exponent
from ledger.reconciliation.statements import Statement, StatementRefused

LINES_MAX = 100_000
_ACCOUNT_CHARS_MAX, _ID_CHARS_MAX = 40, 140
# xs:decimal without a minus sign: `24.50`, `+24.50`, `.50`, `24.`, `0024.5`.
_AMOUNT = re.compile(r"\+?(?=\.?[0-9])([0-9]{0,40})(?:\.([0-9]{0,40}))?", re.ASCII)
_DIGITS_MAX = 18


class AmountNotExact(StatementRefused):
    """The standard allows the amount, but minor units of the currency cannot carry it."""


def parse_minor(amount_text: str, currency: str) -> int:
    """Return an amount such as `24.50` in minor units, exactly.

    Raises AmountNotExact if the currency has no such fraction or the amount is out of range,
    StatementRefused if the text is no amount at all.
    """
    match = _AMOUNT.fullmatch(amount_text.strip())
    digits = minor_digits(currency)
    if match is None:
        raise StatementRefused("statement_amount_invalid", text=amount_text[:40], currency=currency)
    whole, fraction = match[1].lstrip("0"), (match[2] or "").rstrip("0")
    if len(fraction) > digits:
        raise AmountNotExact("statement_amount_invalid", text=amount_text[:40], currency=currency)
    if len(whole) > _DIGITS_MAX:
        raise AmountNotExact("statement_amount_out_of_range", text=amount_text[:40])
    minor: int = int(whole or "0") * 10**digits + int(fraction.ljust(digits, "0") or "0")
    if minor > MINOR_MAX:
        raise AmountNotExact("statement_amount_out_of_range", text=amount_text[:40])
    return minor


def minor_digits(currency: str) -> int:
    """Return the digits after the point. Raises StatementRefused if ISO 4217 has no such currency."""
    try:
        return exponent(currency)
    except ValueError:
        raise StatementRefused("statement_currency_unknown", currency=currency[:10]) from None


def parse_date(date_text: str) -> date:
    """Return the date of a date or date-time. Raises StatementRefused if the text is neither."""
    try:
        return date.fromisoformat(date_text.strip()[:10])
    except ValueError:
        raise StatementRefused("statement_date_invalid", text=date_text[:40]) from None


def validate_statement(statement: Statement) -> Statement:
    """Return the statement. Raises StatementRefused if it does not add up or exceeds a limit."""
    if not (1 <= len(statement.account) <= _ACCOUNT_CHARS_MAX and 1 <= len(statement.statement_id) <= _ID_CHARS_MAX):
        raise StatementRefused(
            "statement_name_length", account_chars_number=_ACCOUNT_CHARS_MAX, id_chars_number=_ID_CHARS_MAX
        )
    if len(statement.lines) > LINES_MAX:
        raise StatementRefused("statement_too_long", statement=statement.statement_id, lines_number=LINES_MAX)
    if statement.opening_minor is not None and statement.closing_minor is not None:
        _require_balanced(statement, statement.opening_minor, statement.closing_minor)
    return statement


def _require_balanced(statement: Statement, opening_minor: int, closing_minor: int) -> None:
    lines_minor = sum(line.signed_minor for line in statement.lines)
    computed_minor = opening_minor + lines_minor + statement.skipped_minor
    if abs(computed_minor) > MINOR_MAX:  # no balance is that large, and JSON could not carry the sum
        raise StatementRefused("statement_amount_out_of_range", text=str(computed_minor)[:40])
    if computed_minor != closing_minor:
        raise StatementRefused(
            "statement_does_not_add_up",
            statement=statement.statement_id,
            currency=statement.currency,
            opening_minor=opening_minor,
            computed_minor=computed_minor,
            closing_minor=closing_minor,
        )
