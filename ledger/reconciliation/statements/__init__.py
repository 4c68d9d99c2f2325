"""Bank statements as values, independent of the file format. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from hashlib import sha256
from typing import Any

import rfc8785

from ledger.errors import Refusal, SettlementRefused
from ledger.money import MINOR_MAX, exponent

FILE_BYTES_MAX = 32 * 1024**2
LINES_MAX = 100_000
_ACCOUNT_CHARS_MAX, _ID_CHARS_MAX = 40, 140
_REFERENCE_CHARS_MAX = 140
# Texts that banks write where there is no reference.
_NO_REFERENCES = frozenset(
    {"", "NOTPROVIDED", "NOT-PROVIDED", "NOT_PROVIDED", "NOTAVAILABLE", "NONREF", "NOREF", "NONE", "N/A", "NULL", "-"}
)
_REASON_CODE = re.compile(r"[A-Z]{2}[0-9]{2}|[A-Z]{4}")
_AMOUNT = re.compile(r"([0-9]{1,16})(?:\.([0-9]{1,5}))?")


class StatementRefused(SettlementRefused):
    """The bank file is refused whole; nothing of it was stored."""


class Skipped(Refusal):
    """A part of a bank file that changes nothing here, with the reason; a value, never raised."""


class DocumentKind(StrEnum):
    """The kind of document that a statement came in; the value is stored."""

    STATEMENT = "statement"  # camt.053 or CSV: final
    REPORT = "report"  # camt.052: of the running day
    NOTIFICATION = "notification"  # camt.054: of single entries


@dataclass(frozen=True, slots=True)
class StatementLine:
    """Money that left the account or came in."""

    number: int  # its position in the statement, from 1
    amount_minor: int  # as it changed the balance, with the charges that the bank took off
    is_credit: bool
    booked_on: date
    end_to_end_id: str | None = None
    bank_reference: str | None = None
    reason_code: str | None = None  # of a return: an ISO 20022 external code such as AC04
    reason_text: str | None = None  # of a return: the bank's own words, which may name a person
    text: str = ""
    # Every id that the bank repeated anywhere, in the form of `normalize_reference`.
    references: tuple[str, ...] = ()
    message_id: str | None = None  # the MsgId of our message, as the bank repeated it
    payment_information_id: str | None = None  # its PmtInfId
    charges_minor: int = 0  # the bank's charges within the amount, or taken off a return
    is_reversal: bool = False  # the bank reversed an earlier entry

    @property
    def signed_minor(self) -> int:
        """Return the change of the balance."""
        return self.amount_minor if self.is_credit else -self.amount_minor

    @property
    def principal_minor(self) -> int:
        """Return the amount of the payment itself: a debit less its charges, a return plus them."""
        return self.amount_minor + (self.charges_minor if self.is_credit else -self.charges_minor)

    @property
    def is_return(self) -> bool:
        """Tell whether the bank says that a payment came back."""
        has_reason = self.reason_code is not None or self.reason_text is not None
        return self.is_credit and (has_reason or self.is_reversal)


@dataclass(frozen=True, slots=True)
class Statement:
    """The lines of one account between an opening and a closing balance.

    `edition` tells statements of one id apart: by currency, sequence number, page and period.
    """

    account: str
    statement_id: str
    currency: str
    opening_minor: int | None  # None if the bank does not state it
    closing_minor: int | None
    lines: tuple[StatementLine, ...]
    kind: DocumentKind = DocumentKind.STATEMENT
    edition: str = ""
    skipped_minor: int = 0  # the change of the balance by entries that are no lines

    @property
    def digest(self) -> bytes:
        """Return the SHA-256 of the content, equal for the same statement in another file."""
        lines: list[list[Any]] = [
            [s.number, s.amount_minor, s.is_credit, s.booked_on.isoformat(), s.end_to_end_id, s.bank_reference]
            for s in self.lines
        ]
        head: list[Any] = [self.account, self.statement_id, self.currency, self.opening_minor, self.closing_minor]
        return sha256(rfc8785.dumps([*head, lines])).digest()


class StatusOutcome(StrEnum):
    """What a bank's status code says of a payment."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    PENDING = "pending"  # no decision, or one in the parts
    UNCLEAR = "unclear"  # blocked, or a code that the standard does not have: a person must look


_STATUS_OUTCOMES = {
    **dict.fromkeys(
        ("ACCP", "ACTC", "ACSP", "ACSC", "ACCC", "ACWC", "ACWP", "ACFC", "ACPD", "ACIS"), StatusOutcome.ACCEPTED
    ),
    **dict.fromkeys(("RJCT", "CANC"), StatusOutcome.REFUSED),
    **dict.fromkeys(("RCVD", "PDNG", "PART", "PATC", "PRES"), StatusOutcome.PENDING),
}
_DUPLICATE_CODES = frozenset({"DUPL", "AM05", "DU01", "DU02", "DU03", "DU04", "DU05"})


class StatusLevel(StrEnum):
    """What a status is of."""

    MESSAGE = "message"
    PAYMENT_INFORMATION = "payment_information"
    TRANSACTION = "transaction"


@dataclass(frozen=True, slots=True)
class PaymentStatus:
    """A bank's status of an instruction before booking."""

    level: StatusLevel
    status_code: str  # as the bank sent it: ACSP, RJCT, …
    message_id: str | None = None  # the MsgId of our message, None if the bank does not repeat it
    payment_information_id: str | None = None
    # Every id of the transaction that the bank repeated, in the form of `normalize_reference`.
    references: tuple[str, ...] = ()
    reason_code: str | None = None  # an ISO 20022 external code such as AC04
    reason_text: str | None = None  # the bank's own words, which may name a person

    @property
    def outcome(self) -> StatusOutcome:
        """Return what the status code says."""
        return _STATUS_OUTCOMES.get(self.status_code, StatusOutcome.UNCLEAR)

    @property
    def is_duplicate_refusal(self) -> bool:
        """Tell whether the bank refuses the instruction because it looks like an earlier one."""
        return self.outcome is StatusOutcome.REFUSED and self.reason_code in _DUPLICATE_CODES


def normalize_reference(text: str) -> str:
    """Return a reference in the form that is compared: in capitals and without blanks."""
    return "".join(text.split()).upper()


def normalize_references(*texts: str | None) -> tuple[str, ...]:
    """Return every reference once, without those that say that there is none."""
    normal = (normalize_reference(text)[:_REFERENCE_CHARS_MAX] for text in texts if text)
    return tuple(dict.fromkeys(text for text in normal if text not in _NO_REFERENCES))


def split_reason(text: str) -> tuple[str | None, str]:
    """Return the code at the start of a reason, None if there is none, and the other words."""
    code, _, words = text.strip().partition(" ")
    return (code, words.strip()[:500]) if _REASON_CODE.fullmatch(code) else (None, text.strip()[:500])


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
    if statement.opening_minor is None or statement.closing_minor is None:
        return
    lines_minor = sum(line.signed_minor for line in statement.lines)
    computed_minor = statement.opening_minor + lines_minor + statement.skipped_minor
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
