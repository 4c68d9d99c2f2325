"""T4, paying: claim (payable→in_flight) · tell the counterparty, outside any transaction · record what it said.

The message is stored with the claim. After a crash at any point the next run finds payouts that are `sending`, asks
about their message, and sends the same bytes under the same id only where the counterparty has never seen it. No
answer is no refusal: such a payout stays `sending` until somebody knows.
"""

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from hashlib import sha256
from typing import Any, NamedTuple

import orjson

from ledger.accounting.journal import Account, Posting, TransferStep, post_transfer, transfer_id
from ledger.errors import ConcurrentUpdate, SettlementRefused
from ledger.payouts.channels import Channel, Instruction, Message, PaymentOutcome, PaymentResult
from ledger.settlements.approvals import lock_settlement
from ledger.settlements.model import ApprovalRules, Payout, Settlement
from ledger.settlements.payout_steps import PayoutState
from ledger.settlements.payout_transfers import STATE_BY_STEP, correction_key, transfer_key
from ledger.settlements.transitions import record_step
from sql import Connection, Pool, query

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
    """A settlement with a payout that is `sending`, and the channel that it is sent by."""

    settlement_id: str
    channel: str


async def send_settlement(
    pool: Pool, channel: Channel, settlement_id: str, rules: ApprovalRules, by: str, now: datetime
) -> Settlement:
    """Send what an envelope has waiting, after finding out about what may have been sent; return it as it is then.

    SettlementRefused where it is not approved; Raced where another sends it now. Again: sends nothing twice.
    """
    async with _exclusive(pool, settlement_id) as alone:
        await recover_messages(pool, alone, channel, settlement_id, by, now)
        async with pool.acquire() as conn, conn.transaction():
            claimed = await claim_payouts(conn, channel, settlement_id, rules, by, now)
        for message in claimed:
            await _send_message(pool, alone, channel, settlement_id, message, by, now)
    async with pool.acquire() as conn, conn.transaction():
        return await lock_settlement(conn, settlement_id)


async def claim_for_sending(
    conn: Connection, channel: Channel, settlement_id: str, rules: ApprovalRules, by: str, now: datetime
) -> list[Message]:
    """Claim what waits, in the caller's transaction: after its commit, `go_on` tells the counterparty.

    SettlementRefused where it is not approved; Raced where another sends it now.
    """
    if not await conn.fetchval(_TRY_LOCK_SETTLEMENT, settlement_id):
        raise ConcurrentUpdate(f"{settlement_id} is being sent by another at this moment")
    return await claim_payouts(conn, channel, settlement_id, rules, by, now)


async def resume_sending(pool: Pool, channel: Channel, settlement_id: str, by: str, now: datetime) -> None:
    """Find out about what was claimed, and send what the counterparty never saw. Raced where another does it now."""
    async with _exclusive(pool, settlement_id) as alone:
        await recover_messages(pool, alone, channel, settlement_id, by, now)


async def list_unfinished(
    conn: Connection, channels: Sequence[str], before: datetime, after: UnfinishedSettlement, count_max: int
) -> list[UnfinishedSettlement]:
    """Return, behind one of them, what a crash or a time-out has left for `go_on` before a moment."""
    return [
        UnfinishedSettlement(*row)
        for row in await conn.fetch(_LIST_UNFINISHED_SETTLEMENTS, channels, before, *after, count_max)
    ]


@asynccontextmanager
async def _exclusive(pool: Pool, settlement_id: str) -> AsyncIterator[Connection]:
    """Keep others from sending the same envelope meanwhile; a lock of the connection, so it ends with the process."""
    async with pool.acquire() as conn:
        if not await conn.fetchval(_TRY_LOCK_SETTLEMENT_FOR_SESSION, settlement_id):
            raise ConcurrentUpdate(f"{settlement_id} is being sent by another at this moment")
        try:
            yield conn
        finally:
            await conn.execute(_UNLOCK_SETTLEMENT, settlement_id)


async def recover_messages(
    pool: Pool, lock_conn: Connection, channel: Channel, settlement_id: str, by: str, now: datetime
) -> None:
    """Find out about messages of the channel that were composed and perhaps sent; send what was never seen."""
    async with pool.acquire() as conn, conn.transaction():
        envelope = await lock_settlement(conn, settlement_id)
        composed = await list_messages(conn, settlement_id)
    is_open = {
        p.latest_step.message_id for p in envelope.payouts if p.latest_step.channel == channel.name and is_sending(p)
    }
    for message in composed:
        if message.message_id in is_open:
            answer = await channel.query_result(message)
            if answer.outcome is PaymentOutcome.NOT_FOUND:
                await _send_message(pool, lock_conn, channel, settlement_id, message, by, now)
            else:
                await _record_message_results(pool, settlement_id, message, answer, by, now)


async def _send_message(
    pool: Pool,
    lock_conn: Connection,
    channel: Channel,
    settlement_id: str,
    message: Message,
    by: str,
    now: datetime,
) -> None:
    """Send a message, unless somebody has said meanwhile what became of it; while this lasts nobody can say it."""
    await lock_conn.execute(_LOCK_MESSAGE, message.message_id)
    try:
        async with pool.acquire() as conn, conn.transaction():
            envelope = await lock_settlement(conn, settlement_id)
        if any(is_sending(payout, message.message_id) for payout in envelope.payouts):
            await _record_message_results(pool, settlement_id, message, await channel.send(message), by, now)
    finally:
        await lock_conn.execute(_UNLOCK_MESSAGE, message.message_id)


def is_sending(payout: Payout, message_id: str | None = None) -> bool:
    """Tell whether nobody knows yet what became of a payout, told in this message or in whichever. Pure."""
    return payout.state is PayoutState.SENDING and message_id in (None, payout.latest_step.message_id)


async def ensure_not_being_sent(conn: Connection, payout: Payout) -> None:
    """Keep a payout from being told until the caller's transaction ends, which says that it was refused or came back.

    Raced where a counterparty is told of it at this very moment: what is said of it was said too early.
    """
    if is_sending(payout) and not await conn.fetchval(_TRY_LOCK_MESSAGE, payout.latest_step.message_id):
        raise ConcurrentUpdate(f"{payout.payout_id} is told to a counterparty at this moment: look again")


async def claim_payouts(
    conn: Connection, channel: Channel, settlement_id: str, rules: ApprovalRules, by: str, now: datetime
) -> list[Message]:
    """T4a: move what waits to `in_flight` and store what will be told, in the caller's transaction."""
    envelope = await lock_settlement(conn, settlement_id)
    waiting = [payout for payout in envelope.payouts if payout.state is PayoutState.WAITING]
    missing = envelope.missing_approvals(rules)
    if not waiting:
        return []
    if missing:
        raise SettlementRefused(f"{settlement_id} waits for {missing} more people to approve {envelope.hash.hex()}")
    told = len(await conn.fetch(_LIST_MESSAGES, settlement_id))
    groups = [waiting] if channel.combines_payouts else [[payout] for payout in waiting]
    return [
        await _claim_message(conn, channel, envelope, group, number, by, now)
        for number, group in enumerate(groups, told + 1)
    ]


async def _claim_message(
    conn: Connection,
    channel: Channel,
    settlement: Settlement,
    payouts: Sequence[Payout],
    number: int,
    by: str,
    now: datetime,
) -> Message:
    message_id = f"{_bank_safe_id(settlement.settlement_id)}-{number}"
    body = channel.compose(message_id, [build_instruction(settlement, payout) for payout in payouts], now)
    await conn.execute(_ADD_MESSAGE, message_id, channel.name, body, now)
    for payout in payouts:
        await move_money(conn, settlement, payout, TransferStep.SEND, message_id)
        step = payout.latest_step.next_step(PayoutState.SENDING, by, now, channel=channel.name, message_id=message_id)
        await record_step(conn, settlement, payout, step)
    return Message(message_id, body)


def _bank_safe_id(name: str) -> str:
    """Return an id in the characters that every bank takes: capitals and digits."""
    return name.replace("_", "").upper()


def end_to_end_id(payout_id: str, attempt: int) -> str:
    """Return what a bank gives back with an attempt of a payout: at most 35 characters, never the same again."""
    return f"{_bank_safe_id(payout_id)}-{attempt}"


def build_instruction(settlement: Settlement, payout: Payout) -> Instruction:
    """Return a payout as a counterparty is told of it. Pure."""
    payee: dict[str, Any] = orjson.loads(payout.latest_step.payee)
    name = payee["name"]["zh" if settlement.currency == "CNY" else "en"]
    reference = f"{settlement.campaign[:63]} {settlement.period.isoformat()}"
    own_id = end_to_end_id(payout.payout_id, payout.latest_step.attempt)
    return Instruction(
        payout.payout_id, own_id, payout.amount_minor, settlement.currency, name, payee["account"], reference
    )


_ACCOUNT_KINDS = {TransferStep.SEND: ("payable", "in_flight"), TransferStep.CONFIRM: ("in_flight", "paid")}


async def move_money(
    conn: Connection, settlement: Settlement, payout: Payout, step: TransferStep, reference: str
) -> None:
    """Move a payout's money one step right, once for each message or try."""
    source, target = (
        Account(kind, settlement.currency, settlement.campaign, payout.charity) for kind in _ACCOUNT_KINDS[step]
    )
    own_key = transfer_key(step, payout.payout_id, payout.latest_step.number)
    await post_transfer(conn, Posting(own_key, step, source, target, payout.amount_minor, reference))


async def move_money_back(conn: Connection, settlement: Settlement, payout: Payout, step: TransferStep) -> None:
    """Move a payout's money one step left: a correction that names the transfer which moved it right.

    Why it came back stands in the payout's step, not here: a transfer is told to the public log for ever, and
    a bank's words may name an account or a person.
    """
    target, source = (
        Account(kind, settlement.currency, settlement.campaign, payout.charity) for kind in _ACCOUNT_KINDS[step]
    )
    number = max(s.number for s in payout.steps if s.state is STATE_BY_STEP[step]) - 1
    moved = transfer_id(transfer_key(step, payout.payout_id, number))
    reference = f"{payout.payout_id} came back"
    await post_transfer(
        conn, Posting(correction_key(moved), step, source, target, payout.amount_minor, reference, moved)
    )


async def _record_message_results(
    pool: Pool, settlement_id: str, message: Message, result: PaymentResult, by: str, now: datetime
) -> None:
    """T4b: write down what the counterparty said of every payout in a message; what is unknown stays as it is."""
    async with pool.acquire() as conn, conn.transaction():
        envelope = await lock_settlement(conn, settlement_id)
        mine = [payout for payout in envelope.payouts if is_sending(payout, message.message_id)]
        await record_results(conn, envelope, mine, result, by, now, sha256(message.body).digest())


async def record_results(
    conn: Connection,
    settlement: Settlement,
    payouts: Iterable[Payout],
    result: PaymentResult,
    by: str,
    now: datetime,
    evidence: bytes | None,
) -> None:
    """Write down an answer about payouts that are `sending`, in the caller's transaction."""
    for payout in payouts:
        if result.outcome is PaymentOutcome.ACCEPTED:
            known = {"bank_reference": result.bank_reference, "evidence": evidence}
            await record_step(
                conn, settlement, payout, payout.latest_step.next_step(PayoutState.SENT, by, now, **known)
            )
        elif result.outcome is PaymentOutcome.REFUSED:
            reason = result.reason or "refused without a reason"
            await move_money_back(conn, settlement, payout, TransferStep.SEND)
            await record_step(
                conn, settlement, payout, payout.latest_step.next_step(PayoutState.RETURNED, by, now, reason=reason)
            )


async def list_messages(conn: Connection, settlement_id: str) -> list[Message]:
    """Return every message of an envelope, oldest first."""
    return [Message(row["message_id"], row["body"]) for row in await conn.fetch(_LIST_MESSAGES, settlement_id)]
