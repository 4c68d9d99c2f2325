"""Bank statements as values, whatever file they came in; one that does not add up is refused whole. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from typing import Any

import rfc8785

from ledger.errors import SettlementRefused
from ledger.money import MINOR_MAX, exponent, format_minor

FILE_BYTES_MAX = 32 * 1024**2
LINES_MAX = 100_000
_ACCOUNT_CHARS_MAX, _ID_CHARS_MAX = 40, 140
_AMOUNT = re.compile(r"([0-9]{1,16})(?:\.([0-9]{1,5}))?")


class StatementRefused(SettlementRefused):
    """The file is no statement that can be taken; nothing of it was kept."""


@dataclass(frozen=True, slots=True)
class StatementLine:
    """Money that left the account, or came to it."""

    number: int  # its place in the statement, from 1
    amount_minor: int
    is_credit: bool
    booked_on: date
    end_to_end_id: str | None = None
    bank_reference: str | None = None
    reason: str | None = None  # why it came back
    text: str = ""

    @property
    def signed_minor(self) -> int:
        """What it adds to the balance."""
        return self.amount_minor if self.is_credit else -self.amount_minor


@dataclass(frozen=True, slots=True)
class Statement:
    """One account's lines from an opening to a closing balance."""

    account: str
    statement_id: str
    currency: str
    opening_minor: int
    closing_minor: int
    lines: tuple[StatementLine, ...]

    @property
    def digest(self) -> bytes:
        """SHA-256 of all that it says: the same statement in another file is the same."""
        lines: list[list[Any]] = [
            [s.number, s.amount_minor, s.is_credit, s.booked_on.isoformat(), s.end_to_end_id, s.bank_reference]
            for s in self.lines
        ]
        head: list[Any] = [self.account, self.statement_id, self.currency, self.opening_minor, self.closing_minor]
        return sha256(rfc8785.dumps([*head, lines])).digest()


@dataclass(frozen=True, slots=True)
class PaymentStatus:
    """What a bank says of an instruction before it is booked: taken, or refused and why."""

    message_id: str
    end_to_end_id: str | None  # none: it speaks of the whole message
    is_refused: bool
    reason: str | None = None


def validate_statements(statements: Sequence[Statement]) -> Sequence[Statement]:
    """Return the statements; StatementRefused where one does not add up from its opening to its closing balance."""
    for one in statements:
        found_minor = one.opening_minor + sum(line.signed_minor for line in one.lines)
        if found_minor != one.closing_minor:
            opening, found, closing = (
                format_minor(minor, one.currency) for minor in (one.opening_minor, found_minor, one.closing_minor)
            )
            raise StatementRefused(
                f"statement {one.statement_id} does not add up: {opening} and its lines make {found}, not {closing}"
            )
        if not (1 <= len(one.account) <= _ACCOUNT_CHARS_MAX and 1 <= len(one.statement_id) <= _ID_CHARS_MAX):
            raise StatementRefused("a statement has an account and an id, at most 40 and 140 characters")
        if len(one.lines) > LINES_MAX:
            raise StatementRefused(f"statement {one.statement_id} has more than {LINES_MAX} lines")
    return statements


def parse_minor(amount_text: str, currency: str) -> int:
    """Return an amount such as `24.50` in minor units, exactly. StatementRefused where it is none of the currency."""
    found = _AMOUNT.fullmatch(amount_text.strip())
    digits = _minor_digits(currency)
    fraction = ((found and found[2]) or "").rstrip("0")
    if found is None or len(fraction) > digits:
        raise StatementRefused(f"{amount_text[:40]!r} is no amount of {currency}")
    minor: int = int(found[1]) * 10**digits + int(fraction.ljust(digits, "0") or "0")
    if minor > MINOR_MAX:
        raise StatementRefused(f"{amount_text[:40]!r} is out of range")
    return minor


def _minor_digits(currency: str) -> int:
    try:
        return exponent(currency)
    except ValueError:
        raise StatementRefused(f"{currency[:10]!r} is no currency of ISO 4217 with a minor unit") from None


def parse_date(date_text: str) -> date:
    """Return a date, or that of a moment. StatementRefused where it is none."""
    try:
        return date.fromisoformat(date_text.strip()[:10])
    except ValueError:
        raise StatementRefused(f"{date_text[:40]!r} is no date") from None
