"""What a payment service says of its own accord: the answer to a message, taken in once, however often it is said.

It is the same answer as to the request or to a question, so it ends in the same step of the payout: whichever comes
first is written down, and what comes after must say the same.
"""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

from ledger.payouts.channels import Answer, Outcome
from ledger.payouts.sending import answered
from ledger.settlements.approvals import locked
from ledger.settlements.model import Envelope, Payout
from ledger.settlements.payout_steps import PayoutStep, State
from sql import Connection, query

_FIND_SETTLEMENTS_OF_MESSAGE = query("find_settlements_of_message")


class Heard(StrEnum):
    """What became of an answer; the value is the public name."""

    RECORDED = "recorded"
    AGAIN = "duplicate"  # it was known, and nothing changed
    CONTRADICTS = "conflict"  # something else is known: nothing changed, a person must look
    UNKNOWN = "unknown_message"  # no message of that id was sent by this channel


async def hear(
    conn: Connection, channel: str, message_id: str, answer: Answer, by: str, now: datetime, evidence: bytes
) -> Heard:
    """Take in an answer about a message of the channel, in the caller's transaction."""
    rows = await conn.fetch(_FIND_SETTLEMENTS_OF_MESSAGE, message_id)
    meant = [
        (envelope, payout)
        for envelope in [await locked(conn, row["settlement_id"]) for row in rows]
        for payout in envelope.payouts
        if told_in(payout, channel, message_id)
    ]
    verdicts = [await _hear(conn, *one, message_id, answer, by, now, evidence) for one in meant]
    return max(verdicts, key=_GRAVITY.index, default=Heard.UNKNOWN)


_GRAVITY = [Heard.AGAIN, Heard.RECORDED, Heard.CONTRADICTS]


def told_in(payout: Payout, channel: str, message_id: str) -> bool:
    """Tell whether some attempt of a payout was told in a message of the channel. Pure."""
    return any((step.channel, step.message_id) == (channel, message_id) for step in payout.steps)


async def _hear(
    conn: Connection,
    envelope: Envelope,
    payout: Payout,
    message_id: str,
    answer: Answer,
    by: str,
    now: datetime,
    evidence: bytes,
) -> Heard:
    verdict = judged([step for step in payout.steps if step.message_id == message_id], answer)
    if verdict is Heard.RECORDED:
        await answered(conn, envelope, [payout], answer, by, now, evidence)
    return verdict


def judged(steps: Sequence[PayoutStep], answer: Answer) -> Heard:
    """Return what an answer is beside the steps that a payout took since it was told in the message. Pure.

    A bank's return after the service took the payout is no refusal of the service's.
    """
    known = next((step for step in steps if step.state is not State.SENDING), None)
    if known is None:
        return Heard.RECORDED
    was_refused = known.state is State.RETURNED
    if was_refused is not (answer.outcome is Outcome.REFUSED):
        return Heard.CONTRADICTS
    if known.state is State.SENT and None not in (references := {known.bank_reference, answer.bank_reference}):
        return Heard.AGAIN if len(references) == 1 else Heard.CONTRADICTS
    return Heard.AGAIN
