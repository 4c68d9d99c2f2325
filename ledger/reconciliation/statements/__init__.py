"""Bank statements as values, independent of the file format. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from typing import Any

import rfc8785

from ledger.errors import SettlementRefused
from ledger.money import MINOR_MAX, exponent

FILE_BYTES_MAX = 32 * 1024**2
LINES_MAX = 100_000
_ACCOUNT_CHARS_MAX, _ID_CHARS_MAX = 40, 140
_AMOUNT = re.compile(r"([0-9]{1,16})(?:\.([0-9]{1,5}))?")


class StatementRefused(SettlementRefused):
    """The bank file is refused whole; nothing of it was stored."""


@dataclass(frozen=True, slots=True)
class StatementLine:
    """Money that left the account or came in."""

    number: int  # its position in the statement, from 1
    amount_minor: int
    is_credit: bool
    booked_on: date
    end_to_end_id: str | None = None
    bank_reference: str | None = None
    reason: str | None = None  # the reason of a return
    text: str = ""

    @property
    def signed_minor(self) -> int:
        """Return the change of the balance."""
        return self.amount_minor if self.is_credit else -self.amount_minor


@dataclass(frozen=True, slots=True)
class Statement:
    """The lines of one account between an opening and a closing balance."""

    account: str
    statement_id: str
    currency: str
    opening_minor: int
    closing_minor: int
    lines: tuple[StatementLine, ...]

    @property
    def digest(self) -> bytes:
        """Return the SHA-256 of the content, equal for the same statement in another file."""
        lines: list[list[Any]] = [
            [s.number, s.amount_minor, s.is_credit, s.booked_on.isoformat(), s.end_to_end_id, s.bank_reference]
            for s in self.lines
        ]
        head: list[Any] = [self.account, self.statement_id, self.currency, self.opening_minor, self.closing_minor]
        return sha256(rfc8785.dumps([*head, lines])).digest()


@dataclass(frozen=True, slots=True)
class PaymentStatus:
    """A bank's status of an instruction before booking: accepted, or refused with a reason."""

    message_id: str
    end_to_end_id: str | None  # None if the status is of the whole message
    is_refused: bool
    reason: str | None = None


def validate_statements(statements: Sequence[Statement]) -> Sequence[Statement]:
    """Return the statements. Raises StatementRefused if one does not add up or exceeds a limit."""
    for statement in statements:
        if not (
            1 <= len(statement.account) <= _ACCOUNT_CHARS_MAX and 1 <= len(statement.statement_id) <= _ID_CHARS_MAX
        ):
            raise StatementRefused(
                "statement_name_length", account_chars_number=_ACCOUNT_CHARS_MAX, id_chars_number=_ID_CHARS_MAX
            )
        if len(statement.lines) > LINES_MAX:
            raise StatementRefused("statement_too_long", statement=statement.statement_id, lines_number=LINES_MAX)
        _require_balanced(statement)
    return statements


def _require_balanced(statement: Statement) -> None:
    computed_minor = statement.opening_minor + sum(line.signed_minor for line in statement.lines)
    if abs(computed_minor) > MINOR_MAX:  # no balance is that large, and JSON could not carry the sum
        raise StatementRefused("statement_amount_out_of_range", text=str(computed_minor)[:40])
    if computed_minor != statement.closing_minor:
        raise StatementRefused(
            "statement_does_not_add_up",
            statement=statement.statement_id,
            currency=statement.currency,
            opening_minor=statement.opening_minor,
            computed_minor=computed_minor,
            closing_minor=statement.closing_minor,
        )


def parse_minor(amount_text: str, currency: str) -> int:
    """Return an amount such as `24.50` in minor units, exactly.

    Raises StatementRefused if the text is not an amount of the currency, or is out of range.
    """
    match = _AMOUNT.fullmatch(amount_text.strip())
    digits = _minor_digits(currency)
    fraction = ((match and match[2]) or "").rstrip("0")
    if match is None or len(fraction) > digits:
        raise StatementRefused("statement_amount_invalid", text=amount_text[:40], currency=currency)
    minor: int = int(match[1]) * 10**digits + int(fraction.ljust(digits, "0") or "0")
    if minor > MINOR_MAX:
        raise StatementRefused("statement_amount_out_of_range", text=amount_text[:40])
    return minor


def _minor_digits(currency: str) -> int:
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
