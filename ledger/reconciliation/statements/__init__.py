"""Bank statements as values, independent of the file format. Pure."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from hashlib import sha256
from typing import Any

import rfc8785

from ledger.errors import Refusal, SettlementRefused

FILE_BYTES_MAX = 32 * 1024**2
_REFERENCE_CHARS_MAX = 140
# Texts that banks write where there is no reference.
_NO_REFERENCES = frozenset(
    {"", "NOTPROVIDED", "NOT-PROVIDED", "NOT_PROVIDED", "NOTAVAILABLE", "NONREF", "NOREF", "NONE", "N/A", "NULL", "-"}
)


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
        kind = [] if self.kind is DocumentKind.STATEMENT else [self.kind.value]
        return sha256(rfc8785.dumps([*head, lines, *kind])).digest()


@dataclass(frozen=True, slots=True)
class BankFile:
    """The content of a bank file that concerns the payer's account, and the parts that do not."""

    statements: tuple[Statement, ...] = ()
    statuses: tuple["PaymentStatus", ...] = ()
    skipped: tuple[Skipped, ...] = ()

    def __add__(self, other: "BankFile") -> "BankFile":
        """Return the content of both."""
        return BankFile(
            self.statements + other.statements, self.statuses + other.statuses, self.skipped + other.skipped
        )


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


def is_reference(text: str) -> bool:
    """Tell whether a text is a reference, and not a word for having none."""
    return normalize_reference(text) not in _NO_REFERENCES


def normalize_references(*texts: str | None) -> tuple[str, ...]:
    """Return every reference once, without those that say that there is none."""
    normal = (normalize_reference(text)[:_REFERENCE_CHARS_MAX] for text in texts if text and is_reference(text))
    return tuple(dict.fromkeys(normal))
