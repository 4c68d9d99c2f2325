"""Payout channels: the ways to instruct a counterparty, and their common types."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple, Protocol


@dataclass(frozen=True, slots=True)
class Instruction:
    """One attempt of a payout, as the counterparty receives it."""

    payout_id: str
    end_to_end_id: str  # unique for every attempt; bank statements are matched by it
    amount_minor: int
    currency: str
    name: str
    account: dict[str, Any]  # iban and bic, or scheme and id
    reference: str


class Message(NamedTuple):
    """The bytes sent to a counterparty; a retry sends the same bytes under the same id."""

    message_id: str
    body: bytes


class PaymentOutcome(StrEnum):
    """The outcome of a message, after sending it or asking about it."""

    ACCEPTED = "accepted"  # the counterparty has it
    REFUSED = "refused"  # the counterparty has it and will not pay
    UNKNOWN = "unknown"  # no clear result: the counterparty may have it. Ask again, never resend
    NOT_FOUND = "not_found"  # the counterparty never received it: it may be sent


class PaymentResult(NamedTuple):
    """A counterparty's result for a message."""

    outcome: PaymentOutcome
    bank_reference: str | None = None
    reason: str | None = None
    body_sha256: str | None = None  # of the body that the counterparty received, in hex, if it says so


class Channel(Protocol):
    """A way to a counterparty. Its methods are never called inside a database transaction."""

    @property
    def name(self) -> str:
        """Return the name that the settings use."""

    @property
    def combines_payouts(self) -> bool:
        """Tell whether one message carries all payouts of a settlement, or only one payout."""

    def compose(self, message_id: str, instructions: Sequence[Instruction], now: datetime) -> bytes:
        """Return the message's bytes; `now` is in the campaign's time zone, so its day is too.

        Raises SettlementRefused if an instruction is invalid. Pure.
        """

    async def send(self, message: Message) -> PaymentResult:
        """Send the message; the counterparty must execute the same message once.

        Raises SettlementRefused if it knows another message under the same id.
        """

    async def query_result(self, message: Message) -> PaymentResult:
        """Ask for the result of a message that may have been sent.

        Raises SettlementRefused if another message was sent under the same id.
        """
