"""Callbacks of a payment service: results of messages that it sends by itself, each recorded once.

A callback carries the same result as the response to the request or to a query, so it ends in the
same step. The first result is recorded; later ones must agree with it.
"""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

from ledger.payouts.channels import PaymentOutcome, PaymentResult
from ledger.payouts.channels.sent_marks import body_digest
from ledger.payouts.sending import list_messages, record_results
from ledger.settlements.approvals import lock_settlement
from ledger.settlements.model import Payout, Settlement
from ledger.settlements.payout_steps import PayoutState, PayoutStep
from sql import Connection, query

_FIND_SETTLEMENTS_OF_MESSAGE = query("find_settlements_of_message")


class CallbackResult(StrEnum):
    """The effect of a callback; the value is the public name."""

    RECORDED = "recorded"
    DUPLICATE = "duplicate"  # the same result was recorded before; nothing changed
    CONFLICT = "conflict"  # another result was recorded before; nothing changed, a person must look
    UNKNOWN_MESSAGE = "unknown_message"  # the channel sent no message with this id


async def handle_callback(
    conn: Connection, channel: str, message_id: str, result: PaymentResult, by: str, now: datetime, evidence: bytes
) -> CallbackResult:
    """Record the result of a message of the channel; return the effect.

    Joins the caller's transaction.
    """
    rows = await conn.fetch(_FIND_SETTLEMENTS_OF_MESSAGE, message_id)
    pairs = [
        (settlement, payout)
        for settlement in [await lock_settlement(conn, row["settlement_id"]) for row in rows]
        for payout in settlement.payouts
        if was_sent_in(payout, channel, message_id)
    ]
    effects = [await _handle_for_payout(conn, *pair, message_id, result, by, now, evidence) for pair in pairs]
    return max(effects, key=_SEVERITY.index, default=CallbackResult.UNKNOWN_MESSAGE)


_SEVERITY = [CallbackResult.DUPLICATE, CallbackResult.RECORDED, CallbackResult.CONFLICT]


def was_sent_in(payout: Payout, channel: str, message_id: str) -> bool:
    """Tell whether the message of the channel carried an attempt of the payout. Pure."""
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
    if result.body_sha256 is not None:
        bodies = {message.message_id: message for message in await list_messages(conn, settlement.settlement_id)}
        if result.body_sha256 != body_digest(bodies[message_id]):
            return CallbackResult.CONFLICT  # it is about another message with this id
    effect = classify_result([step for step in payout.steps if step.message_id == message_id], result)
    if effect is CallbackResult.RECORDED:
        await record_results(conn, settlement, [payout], result, by, now, evidence)
    return effect


def classify_result(steps: Sequence[PayoutStep], result: PaymentResult) -> CallbackResult:
    """Classify a result against the payout's steps since the message was sent. Pure.

    If the bank returns a payout that the service accepted, the service did not refuse it.
    """
    conclusive_step = next((step for step in steps if step.state is not PayoutState.SENDING), None)
    if conclusive_step is None:
        return CallbackResult.RECORDED
    was_refused = conclusive_step.state is PayoutState.RETURNED
    if was_refused is not (result.outcome is PaymentOutcome.REFUSED):
        return CallbackResult.CONFLICT
    references = {conclusive_step.bank_reference, result.bank_reference}
    if conclusive_step.state is PayoutState.SENT and None not in references:
        return CallbackResult.DUPLICATE if len(references) == 1 else CallbackResult.CONFLICT
    return CallbackResult.DUPLICATE
