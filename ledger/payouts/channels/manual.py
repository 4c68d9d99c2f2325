"""Channel `manual`: a person pays at the bank, then enters the bank's reference and evidence."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import rfc8785

from ledger.money import format_minor
from ledger.payouts.channels import Instruction, Message, PaymentOutcome, PaymentResult

_AWAITS_MANUAL_RESULT = PaymentResult(PaymentOutcome.UNKNOWN)


@dataclass(frozen=True, slots=True)
class ManualChannel:
    """Sends nothing; a person reports the result."""

    name: str = "manual"
    combines_payouts: bool = False

    def compose(self, message_id: str, instructions: Sequence[Instruction], now: datetime) -> bytes:
        """Return the payment order as RFC 8785 JSON."""
        orders: list[dict[str, Any]] = [
            {
                "end_to_end_id": instruction.end_to_end_id,
                "amount": format_minor(instruction.amount_minor, instruction.currency),
                "currency": instruction.currency,
                "name": instruction.name,
                "account": instruction.account,
                "reference": instruction.reference,
            }
            for instruction in instructions
        ]
        return rfc8785.dumps({"message": message_id, "made_at": now.astimezone(UTC).isoformat(), "pay": orders})

    async def send(self, message: Message) -> PaymentResult:  # noqa: ARG002
        """Return unknown: a person pays."""
        return _AWAITS_MANUAL_RESULT

    async def query_result(self, message: Message) -> PaymentResult:  # noqa: ARG002
        """Return unknown: only a person can report the result."""
        return _AWAITS_MANUAL_RESULT
