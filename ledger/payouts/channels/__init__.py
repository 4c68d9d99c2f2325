"""Payout channels: each tells one kind of counterparty what to pay. Here is what all have in common."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple, Protocol


@dataclass(frozen=True, slots=True)
class Instruction:
    """One payout as a counterparty is told of it."""

    payout_id: str
    end_to_end_id: str  # own of each attempt; what the bank gives back with it is matched by this
    amount_minor: int
    currency: str
    name: str
    account: dict[str, Any]  # iban and bic, or scheme and id
    reference: str


class Message(NamedTuple):
    """What is sent as one; the same bytes under the same id, however often."""

    message_id: str
    body: bytes


class PaymentOutcome(StrEnum):
    """What is known of a message once it was sent, or asked about."""

    ACCEPTED = "accepted"  # the counterparty has it
    REFUSED = "refused"  # it has it and will not do it
    UNKNOWN = "unknown"  # no answer: it may have it. Never sent anew, only asked about
    NOT_FOUND = "unseen"  # it says that it never got it: may be sent


class PaymentResult(NamedTuple):
    """A counterparty's answer."""

    outcome: PaymentOutcome
    bank_reference: str | None = None
    reason: str | None = None


class Channel(Protocol):
    """A way to a counterparty. No call of it is ever made inside a database transaction."""

    @property
    def name(self) -> str:
        """What the settings call it."""

    @property
    def combines_payouts(self) -> bool:
        """Tell whether one message tells of a whole envelope, or one of each payout."""

    def compose(self, message_id: str, instructions: Sequence[Instruction], now: datetime) -> bytes:
        """Return the message's bytes. Pure. SettlementRefused where the counterparty could not take it."""

    async def send(self, message: Message) -> PaymentResult:
        """Send it; the same message again must not be done twice by the counterparty."""

    async def query_result(self, message: Message) -> PaymentResult:
        """Find out what became of a message that may have been sent."""
