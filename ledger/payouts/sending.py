"""T4: send payouts. Claim them (payable→in_flight), call the counterparty, record its result.

The claim stores the message, commits and is replicated before any call. `resume_sending` then asks
about every open message and sends the same bytes under the same id, but only if the counterparty
has never received it. So the first send, a retry and the recovery after a crash are the same code.
Without a clear result a payout stays `sending`.
"""

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from hashlib import sha256
from typing import Any, NamedTuple

import orjson

from ledger.accounting.journal import TransferStep
from ledger.errors import ConcurrentUpdate, SettlementRefused
from ledger.payouts.channels import Channel, Instruction, Message, PaymentOutcome, PaymentResult
from ledger.payouts.transfers import move_money, move_money_back
from ledger.settlements.approvals import lock_settlement
from ledger.settlements.model import ApprovalRules, Payout, Settlement
from ledger.settlements.payout_steps import PayoutState
from ledger.settlements.return_reasons import REFUSED_WITHOUT_REASON
from ledger.settlements.transitions import record_step
from sql import Connection, Pool, query
from sql.replication import wait_until_replicated

_ADD_MESSAGE = query("add_message")
_TRY_LOCK_SETTLEMENT_FOR_SESSION = query("try_lock_settlement_for_session")
_LOCK_MESSAGE = query("lock_message")
_UNLOCK_SETTLEMENT = query("unlock_settlement")
_UNLOCK_MESSAGE = query("unlock_message")
_TRY_LOCK_MESSAGE = query("try_lock_message")
_TRY_LOCK_SETTLEMENT = query("try_lock_settlement")
_LIST_MESSAGES = query("list_messages")
_LIST_UNFINISHED_SETTLEMENTS = query("list_unfinished_settlements")


class UnfinishedSettlement(NamedTuple):
    """A settlement with a payout that is `sending`, and the payout's channel."""

    settlement_id: str
    channel: str


def needs_claim(settlement: Settlement, rules: ApprovalRules) -> bool:
    """Tell whether sending a settlement claims its waiting payouts. Pure.

    After a retry the approvals are void, but payouts claimed before may still be finished.
    """
    states = {payout.state for payout in settlement.payouts}
    is_only_resumed = PayoutState.SENDING in states and settlement.missing_approvals(rules) > 0
    return PayoutState.WAITING in states and not is_only_resumed


def channels_in_use(settlement: Settlement) -> list[str]:
    """Return the names of the channels that payouts are being sent by, sorted. Pure."""
    steps = [payout.latest_step for payout in settlement.payouts if is_sending(payout)]
    return sorted({step.channel for step in steps if step.channel})


async def claim_for_sending(
    conn: Connection, channel: Channel, settlement_id: str, rules: ApprovalRules, by: str, now: datetime
) -> Settlement:
    """Claim the waiting payouts, for `resume_sending` after the commit; return the settlement.

    `now` is in the campaign's time zone: banks are asked to execute on its day. Raises
    SettlementRefused if approvals are missing, ConcurrentUpdate if another call sends the
    settlement. Joins the caller's transaction.
    """
    settlement = await lock_settlement(conn, settlement_id)
    if not needs_claim(settlement, rules):
        return settlement
    if not await conn.fetchval(_TRY_LOCK_SETTLEMENT, settlement_id):
        raise ConcurrentUpdate("settlement_being_sent", settlement=settlement_id)
    missing = settlement.missing_approvals(rules)
    if missing:
        raise SettlementRefused(
            "approvals_missing",
            settlement=settlement_id,
            approvals_number=missing,
            hash=settlement.hash.hex(),
        )
    await _claim_waiting(conn, channel, settlement, by, now)
    return await lock_settlement(conn, settlement_id)


async def _claim_waiting(conn: Connection, channel: Channel, settlement: Settlement, by: str, now: datetime) -> None:
    """T4a: move waiting payouts to `in_flight` and store their messages."""
    waiting = [payout for payout in settlement.payouts if payout.state is PayoutState.WAITING]
    message_count = len(await conn.fetch(_LIST_MESSAGES, settlement.settlement_id))
    groups = [waiting] if channel.combines_payouts else [[payout] for payout in waiting]
    for number, group in enumerate(groups, message_count + 1):
        await _claim_message(conn, channel, settlement, group, number, by, now)


async def _claim_message(
    conn: Connection,
    channel: Channel,
    settlement: Settlement,
    payouts: Sequence[Payout],
    number: int,
    by: str,
    now: datetime,
) -> None:
    message_id = f"{_bank_safe_id(settlement.settlement_id)}-{number}"
    body = channel.compose(message_id, [build_instruction(settlement, payout) for payout in payouts], now)
    await conn.execute(_ADD_MESSAGE, message_id, channel.name, body, now)
    for payout in payouts:
        await move_money(conn, settlement, payout, TransferStep.SEND, message_id)
        step = payout.latest_step.next_step(PayoutState.SENDING, by, now, channel=channel.name, message_id=message_id)
        await record_step(conn, settlement, payout, step)


async def resume_sending(pool: Pool, channel: Channel, settlement_id: str, by: str, now: datetime) -> None:
    """Ask about the channel's open messages of a settlement, and send those that it never received.

    Raises ConcurrentUpdate if another call sends the settlement, SettlementRefused after the last
    message if the channel knows another body under the id of one.
    """
    async with _exclusive(pool, settlement_id) as lock_conn:
        async with pool.acquire() as conn, conn.transaction():
            settlement = await lock_settlement(conn, settlement_id)
            messages = await list_messages(conn, settlement_id)
        # The claims may be visible here alone: a promoted standby without them would send again.
        await wait_until_replicated(lock_conn)
        steps = [p.latest_step for p in settlement.payouts if is_sending(p)]
        open_ids = {step.message_id for step in steps if step.channel == channel.name}
        refusals: list[SettlementRefused] = []
        for message in messages:
            if message.message_id in open_ids:
                try:
                    await _resume_message(pool, lock_conn, channel, settlement_id, message, by, now)
                except SettlementRefused as refusal:  # of this message alone
                    refusals.append(refusal)
        if refusals:
            raise refusals[0]


async def list_unfinished(
    conn: Connection, channels: Sequence[str], before: datetime, after: UnfinishedSettlement, count_max: int
) -> list[UnfinishedSettlement]:
    """Return settlements left unfinished before a moment, in order, behind `after`."""
    return [
        UnfinishedSettlement(*row)
        for row in await conn.fetch(_LIST_UNFINISHED_SETTLEMENTS, channels, before, *after, count_max)
    ]


@asynccontextmanager
async def _exclusive(pool: Pool, settlement_id: str) -> AsyncIterator[Connection]:
    """Lock the settlement for sending; the lock ends with the connection, so with the process."""
    async with pool.acquire() as conn:
        if not await conn.fetchval(_TRY_LOCK_SETTLEMENT_FOR_SESSION, settlement_id):
            raise ConcurrentUpdate("settlement_being_sent", settlement=settlement_id)
        try:
            yield conn
        finally:
            await conn.execute(_UNLOCK_SETTLEMENT, settlement_id)


async def _resume_message(
    pool: Pool,
    lock_conn: Connection,
    channel: Channel,
    settlement_id: str,
    message: Message,
    by: str,
    now: datetime,
) -> None:
    result = await channel.query_result(message)
    if result.outcome is PaymentOutcome.NOT_FOUND:
        await _send_message(pool, lock_conn, channel, settlement_id, message, by, now)
    else:
        await _record_message_results(pool, settlement_id, message, result, by, now)


async def _send_message(
    pool: Pool,
    lock_conn: Connection,
    channel: Channel,
    settlement_id: str,
    message: Message,
    by: str,
    now: datetime,
) -> None:
    """Send a message unless a result was recorded meanwhile; hold off results until it is sent."""
    await lock_conn.execute(_LOCK_MESSAGE, message.message_id)
    try:
        async with pool.acquire() as conn, conn.transaction():
            settlement = await lock_settlement(conn, settlement_id)
        if any(is_sending(payout, message.message_id) for payout in settlement.payouts):
            await _record_message_results(pool, settlement_id, message, await channel.send(message), by, now)
    finally:
        await lock_conn.execute(_UNLOCK_MESSAGE, message.message_id)


def is_sending(payout: Payout, message_id: str | None = None) -> bool:
    """Tell whether a payout is `sending`, in this message or in any if None. Pure."""
    return payout.state is PayoutState.SENDING and message_id in (None, payout.latest_step.message_id)


async def ensure_not_being_sent(conn: Connection, payout: Payout) -> None:
    """Lock the payout's message so that it cannot be sent before the caller's transaction ends.

    Call it before recording that a payout was refused or returned. Raises ConcurrentUpdate if the
    message is being sent right now. Joins the caller's transaction.
    """
    if is_sending(payout) and not await conn.fetchval(_TRY_LOCK_MESSAGE, payout.latest_step.message_id):
        raise ConcurrentUpdate("payout_being_sent", payout=payout.payout_id)


def _bank_safe_id(name: str) -> str:
    """Return the id in capitals and digits, which every bank accepts."""
    return name.replace("_", "").upper()


def end_to_end_id(payout_id: str, attempt: int) -> str:
    """Return the EndToEndId of an attempt: at most 35 characters, never used twice. Pure."""
    return f"{_bank_safe_id(payout_id)}-{attempt}"


def build_instruction(settlement: Settlement, payout: Payout) -> Instruction:
    """Return the instruction for the latest attempt of a payout. Pure."""
    payee: dict[str, Any] = orjson.loads(payout.latest_step.payee)
    return Instruction(
        payout_id=payout.payout_id,
        end_to_end_id=end_to_end_id(payout.payout_id, payout.latest_step.attempt),
        amount_minor=payout.amount_minor,
        currency=settlement.currency,
        name=payee["name"]["zh" if settlement.currency == "CNY" else "en"],
        account=payee["account"],
        reference=f"{settlement.campaign[:63]} {settlement.period.isoformat()}",
    )


async def _record_message_results(
    pool: Pool, settlement_id: str, message: Message, result: PaymentResult, by: str, now: datetime
) -> None:
    """T4b: record the result for every payout in a message; an unknown result changes nothing."""
    async with pool.acquire() as conn, conn.transaction():
        settlement = await lock_settlement(conn, settlement_id)
        payouts = [payout for payout in settlement.payouts if is_sending(payout, message.message_id)]
        await record_results(conn, settlement, payouts, result, by, now, sha256(message.body).digest())


async def record_results(
    conn: Connection,
    settlement: Settlement,
    payouts: Iterable[Payout],
    result: PaymentResult,
    by: str,
    now: datetime,
    evidence: bytes | None,
) -> None:
    """Record a result for payouts that are `sending`, or a refusal of `sent` ones. Joins the caller's transaction."""
    for payout in payouts:
        step = payout.latest_step
        if result.outcome is PaymentOutcome.ACCEPTED:
            details = {"bank_reference": result.bank_reference, "evidence": evidence}
            await record_step(conn, settlement, payout, step.next_step(PayoutState.SENT, by, now, **details))
        elif result.outcome is PaymentOutcome.REFUSED:
            reason = result.reason or REFUSED_WITHOUT_REASON
            await move_money_back(conn, settlement, payout, TransferStep.SEND)
            await record_step(conn, settlement, payout, step.next_step(PayoutState.RETURNED, by, now, reason=reason))


async def list_messages(conn: Connection, settlement_id: str) -> list[Message]:
    """Return every message of a settlement, oldest first."""
    return [Message(row["message_id"], row["body"]) for row in await conn.fetch(_LIST_MESSAGES, settlement_id)]
