"""What a payment service says of its own accord: the answer to a message, taken in once, however often it is said.

It is the same answer as to the request or to a question, so it ends in the same step of the payout: whichever comes
first is written down, and what comes after must say the same.
"""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

from ledger.payouts.channels import PaymentOutcome, PaymentResult
from ledger.payouts.sending import record_results
from ledger.settlements.approvals import lock_settlement
from ledger.settlements.model import Payout, Settlement
from ledger.settlements.payout_steps import PayoutState, PayoutStep
from sql import Connection, query

_FIND_SETTLEMENTS_OF_MESSAGE = query("find_settlements_of_message")


class CallbackResult(StrEnum):
    """What became of an answer; the value is the public name."""

    RECORDED = "recorded"
    DUPLICATE = "duplicate"  # it was known, and nothing changed
    CONFLICT = "conflict"  # something else is known: nothing changed, a person must look
    UNKNOWN_MESSAGE = "unknown_message"  # no message of that id was sent by this channel


async def handle_callback(
    conn: Connection, channel: str, message_id: str, result: PaymentResult, by: str, now: datetime, evidence: bytes
) -> CallbackResult:
    """Take in an answer about a message of the channel, in the caller's transaction."""
    rows = await conn.fetch(_FIND_SETTLEMENTS_OF_MESSAGE, message_id)
    meant = [
        (envelope, payout)
        for envelope in [await lock_settlement(conn, row["settlement_id"]) for row in rows]
        for payout in envelope.payouts
        if was_sent_in(payout, channel, message_id)
    ]
    verdicts = [await _handle_for_payout(conn, *one, message_id, result, by, now, evidence) for one in meant]
    return max(verdicts, key=_SEVERITY.index, default=CallbackResult.UNKNOWN_MESSAGE)


_SEVERITY = [CallbackResult.DUPLICATE, CallbackResult.RECORDED, CallbackResult.CONFLICT]


def was_sent_in(payout: Payout, channel: str, message_id: str) -> bool:
    """Tell whether some attempt of a payout was told in a message of the channel. Pure."""
    return any((step.channel, step.message_id) == (channel, message_id) for step in payout.steps)


async def _handle_for_payout(
    conn: Connection,
    settlement: Settlement,
    payout: Payout,
    message_id: str,
    result: PaymentResult,
    by: str,
    now: datetime,
    evidence: bytes,
) -> CallbackResult:
    verdict = classify_result([step for step in payout.steps if step.message_id == message_id], result)
    if verdict is CallbackResult.RECORDED:
        await record_results(conn, settlement, [payout], result, by, now, evidence)
    return verdict


def classify_result(steps: Sequence[PayoutStep], result: PaymentResult) -> CallbackResult:
    """Return what an answer is beside the steps that a payout took since it was told in the message. Pure.

    A bank's return after the service took the payout is no refusal of the service's.
    """
    known = next((step for step in steps if step.state is not PayoutState.SENDING), None)
    if known is None:
        return CallbackResult.RECORDED
    was_refused = known.state is PayoutState.RETURNED
    if was_refused is not (result.outcome is PaymentOutcome.REFUSED):
        return CallbackResult.CONFLICT
    if known.state is PayoutState.SENT and None not in (references := {known.bank_reference, result.bank_reference}):
        return CallbackResult.DUPLICATE if len(references) == 1 else CallbackResult.CONFLICT
    return CallbackResult.DUPLICATE
