"""A payout's steps: append-only, numbered, each told to the log. The newest says where the payout is.

waiting ─▶ sending ─▶ sent ─▶ paid
│          │         │       │
▼          └─────────┴───────┴──▶ returned ─▶ waiting (another attempt)
cancelled
"""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any

import asyncpg

from ledger.errors import Raced
from ledger.publication.outbox import queue_leaf
from sql import Connection, query

_ADD_PAYOUT_STEP = query("add_payout_step")


class State(StrEnum):
    """Where a payout is; the value is the public name."""

    WAITING = "waiting"
    SENDING = "sending"
    SENT = "sent"
    PAID = "paid"
    RETURNED = "returned"
    CANCELLED = "cancelled"


FOLLOWING = {
    None: {State.WAITING},
    State.WAITING: {State.SENDING, State.CANCELLED},
    State.SENDING: {State.SENT, State.PAID, State.RETURNED},
    State.SENT: {State.PAID, State.RETURNED},
    State.PAID: {State.RETURNED},
    State.RETURNED: {State.WAITING},
    State.CANCELLED: set(),
}


@dataclass(frozen=True, slots=True)
class PayoutStep:
    """One step, as it is stored."""

    payout_id: str
    number: int
    state: State
    attempt: int
    payee: str  # RFC 8785 JSON: name and account
    by: str
    at: datetime
    channel: str | None = None
    message_id: str | None = None
    bank_reference: str | None = None
    bank_day: date | None = None
    reason: str | None = None
    evidence: bytes | None = None
    leaf_index: int | None = None  # its place in the public log, as read; None: not there yet

    def follow(self, state: State, by: str, at: datetime, **changed: Any) -> "PayoutStep":
        """Return the next step. What channel, message and bank said holds on until another attempt begins."""
        if state not in FOLLOWING[self.state]:
            raise Raced(f"{self.payout_id} is {self.state.value}: it cannot become {state.value}")
        kept: dict[str, Any] = {} if state is State.WAITING else self._told()
        told: dict[str, Any] = {"attempt": self.attempt, "payee": self.payee} | kept | changed
        return PayoutStep(self.payout_id, self.number + 1, state, by=by, at=at, **told)

    def _told(self) -> dict[str, Any]:
        return {"channel": self.channel, "message_id": self.message_id, "bank_reference": self.bank_reference}


async def take_step(
    conn: Connection, step: PayoutStep, campaign: str, settlement: str, charity: str, amount_minor: int
) -> None:
    """Store a step and tell the log, in the caller's transaction. Raced: another has taken a step meanwhile."""
    row = (step.payout_id, step.number, step.state, step.attempt, step.payee, step.by, step.at)
    told = (step.channel, step.message_id, step.bank_reference, step.bank_day, step.reason, step.evidence)
    try:
        await conn.execute(_ADD_PAYOUT_STEP, *row, *told)
    except asyncpg.UniqueViolationError as error:
        raise Raced(f"{step.payout_id} has taken another step meanwhile") from error
    body: dict[str, Any] = {
        "campaign": campaign,
        "settlement": settlement,
        "payout": step.payout_id,
        "charity": charity,
        "amount_minor": amount_minor,
        "state": step.state.value,
    }
    if step.bank_reference is not None:
        body["bank_reference"] = step.bank_reference
    await queue_leaf(conn, "payout", f"payout/{step.payout_id}/{step.number}", body)
