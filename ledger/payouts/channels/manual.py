"""The channel `manual`: a person pays at the bank, then enters its reference and the file that shows it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import rfc8785

from ledger.money import format_minor
from ledger.payouts.channels import Instruction, Message, PaymentOutcome, PaymentResult

_AWAITS_MANUAL_RESULT = PaymentResult(
    PaymentOutcome.UNKNOWN, reason="waits for a person to enter the bank's reference"
)


@dataclass(frozen=True, slots=True)
class ManualChannel:
    """Nothing is sent: only a person knows what became of it."""

    name: str = "manual"
    combines_payouts: bool = False

    def compose(self, message_id: str, instructions: Sequence[Instruction], now: datetime) -> bytes:
        """Return what is to be paid, as RFC 8785 JSON."""
        paid: list[dict[str, Any]] = [
            {
                "end_to_end_id": one.end_to_end_id,
                "amount": format_minor(one.amount_minor, one.currency),
                "currency": one.currency,
                "name": one.name,
                "account": one.account,
                "reference": one.reference,
            }
            for one in instructions
        ]
        return rfc8785.dumps({"message": message_id, "made_at": now.isoformat(), "pay": paid})

    async def send(self, message: Message) -> PaymentResult:  # noqa: ARG002
        """Leave it to a person."""
        return _AWAITS_MANUAL_RESULT

    async def query_result(self, message: Message) -> PaymentResult:  # noqa: ARG002
        """Leave it to a person."""
        return _AWAITS_MANUAL_RESULT
