"""A payout's steps: append-only, numbered, a leaf for every step; the newest gives the state.

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
import orjson

from ledger.errors import ConcurrentUpdate
from ledger.log.account_hash import hash_account
from ledger.publication.account_salts import ensure_salts
from ledger.publication.outbox import enqueue_leaf
from ledger.settlements.return_reasons import public_reason
from sql import Connection, query

_ADD_PAYOUT_STEP = query("add_payout_step")


class PayoutState(StrEnum):
    """The state of a payout; the value is the public name."""

    WAITING = "waiting"
    SENDING = "sending"
    SENT = "sent"
    PAID = "paid"
    RETURNED = "returned"
    CANCELLED = "cancelled"


ALLOWED_TRANSITIONS = {
    None: {PayoutState.WAITING},
    PayoutState.WAITING: {PayoutState.SENDING, PayoutState.CANCELLED},
    PayoutState.SENDING: {PayoutState.SENT, PayoutState.PAID, PayoutState.RETURNED},
    PayoutState.SENT: {PayoutState.PAID, PayoutState.RETURNED},
    PayoutState.PAID: {PayoutState.RETURNED},
    PayoutState.RETURNED: {PayoutState.WAITING},
    PayoutState.CANCELLED: set(),
}


@dataclass(frozen=True, slots=True)
class PayoutStep:
    """One stored step."""

    payout_id: str
    number: int
    state: PayoutState
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
    leaf_index: int | None = None  # its index in the public log; None if not sequenced yet

    def next_step(self, state: PayoutState, by: str, at: datetime, **changes: Any) -> "PayoutStep":
        """Return the next step; channel, message and bank reference last until another attempt.

        Raises ConcurrentUpdate if the payout cannot go to `state`.
        """
        if state not in ALLOWED_TRANSITIONS[self.state]:
            raise ConcurrentUpdate(
                "payout_transition_not_allowed",
                payout=self.payout_id,
                state=self.state.value,
                next_state=state.value,
            )
        carried: dict[str, Any] = {} if state is PayoutState.WAITING else self._message_fields()
        fields: dict[str, Any] = {"attempt": self.attempt, "payee": self.payee} | carried | changes
        return PayoutStep(self.payout_id, self.number + 1, state, by=by, at=at, **fields)

    def _message_fields(self) -> dict[str, Any]:
        return {"channel": self.channel, "message_id": self.message_id, "bank_reference": self.bank_reference}


async def insert_step(
    conn: Connection, step: PayoutStep, campaign: str, settlement_id: str, charity: str, amount_minor: int
) -> None:
    """Store a step and enqueue its leaf. Joins the caller's transaction.

    Raises ConcurrentUpdate if another transaction stored a step with the same number.
    """
    head = (step.payout_id, step.number, step.state, step.attempt, step.payee, step.by, step.at)
    details = (step.channel, step.message_id, step.bank_reference, step.bank_day, step.reason, step.evidence)
    try:
        await conn.execute(_ADD_PAYOUT_STEP, *head, *details)
    except asyncpg.UniqueViolationError as error:
        raise ConcurrentUpdate("payout_changed_meanwhile", payout=step.payout_id) from error
    account = orjson.loads(step.payee)["account"]
    body = {
        "campaign": campaign,
        "settlement": settlement_id,
        "payout": step.payout_id,
        "charity": charity,
        "amount_minor": amount_minor,
        "account_sha256": hash_account(account, await ensure_salts(conn, [account])),
        **_leaf_members(step),
    }
    await enqueue_leaf(conn, "payout", f"payout/{step.payout_id}/{step.number}", body)


def _leaf_members(step: PayoutStep) -> dict[str, Any]:
    """Return the members of a step's leaf that come from the step. A bank's words never do. Pure."""
    is_paid, is_returned = step.state is PayoutState.PAID, step.state is PayoutState.RETURNED
    members = {
        "state": step.state.value,
        "attempt": step.attempt,
        "bank_reference": step.bank_reference,
        "paid_on": step.bank_day.isoformat() if is_paid and step.bank_day else None,
        "reason": public_reason(step.reason) if is_returned else None,
        "evidence": step.evidence.hex() if step.evidence else None,
    }
    return {name: value for name, value in members.items() if value is not None}
