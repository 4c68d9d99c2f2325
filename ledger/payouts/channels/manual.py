"""The channel `manual`: a person pays at the bank, then enters its reference and the file that shows it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import rfc8785

from ledger.money import text
from ledger.payouts.channels import Answer, Instruction, Message, Outcome

_ASK_A_PERSON = Answer(Outcome.UNKNOWN, reason="waits for a person to enter the bank's reference")


@dataclass(frozen=True, slots=True)
class Manual:
    """Nothing is sent: only a person knows what became of it."""

    name: str = "manual"
    payouts_together: bool = False

    def compose(self, message_id: str, instructions: Sequence[Instruction], now: datetime) -> bytes:
        """Return what is to be paid, as RFC 8785 JSON."""
        paid: list[dict[str, Any]] = [
            {
                "end_to_end_id": one.end_to_end_id,
                "amount": text(one.amount_minor, one.currency),
                "currency": one.currency,
                "name": one.name,
                "account": one.account,
                "reference": one.reference,
            }
            for one in instructions
        ]
        return rfc8785.dumps({"message": message_id, "made_at": now.isoformat(), "pay": paid})

    async def send(self, message: Message) -> Answer:  # noqa: ARG002
        """Leave it to a person."""
        return _ASK_A_PERSON

    async def ask(self, message: Message) -> Answer:  # noqa: ARG002
        """Leave it to a person."""
        return _ASK_A_PERSON
