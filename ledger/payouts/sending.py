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

from ledger.accounting.journal import Account, Posting, Step, post, transfer_id
from ledger.errors import Raced, SettlementRefused
from ledger.payouts.channels import Answer, Channel, Instruction, Message, Outcome
from ledger.settlements.approvals import locked
from ledger.settlements.model import Envelope, Payout, Rules
from ledger.settlements.payout_steps import State
from ledger.settlements.payout_transfers import MOVED_INTO, correction_key, key
from ledger.settlements.transitions import told
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


class Unfinished(NamedTuple):
    """A settlement with a payout that is `sending`, and the channel that it is sent by."""

    settlement_id: str
    channel: str


async def send(pool: Pool, channel: Channel, settlement_id: str, own: Rules, by: str, now: datetime) -> Envelope:
    """Send what an envelope has waiting, after finding out about what may have been sent; return it as it is then.

    SettlementRefused where it is not approved; Raced where another sends it now. Again: sends nothing twice.
    """
    async with _alone(pool, settlement_id) as alone:
        await recover(pool, alone, channel, settlement_id, by, now)
        async with pool.acquire() as conn, conn.transaction():
            claimed = await claim(conn, channel, settlement_id, own, by, now)
        for message in claimed:
            await _tell(pool, alone, channel, settlement_id, message, by, now)
    async with pool.acquire() as conn, conn.transaction():
        return await locked(conn, settlement_id)


async def begin(
    conn: Connection, channel: Channel, settlement_id: str, own: Rules, by: str, now: datetime
) -> list[Message]:
    """Claim what waits, in the caller's transaction: after its commit, `go_on` tells the counterparty.

    SettlementRefused where it is not approved; Raced where another sends it now.
    """
    if not await conn.fetchval(_TRY_LOCK_SETTLEMENT, settlement_id):
        raise Raced(f"{settlement_id} is being sent by another at this moment")
    return await claim(conn, channel, settlement_id, own, by, now)


async def go_on(pool: Pool, channel: Channel, settlement_id: str, by: str, now: datetime) -> None:
    """Find out about what was claimed, and send what the counterparty never saw. Raced where another does it now."""
    async with _alone(pool, settlement_id) as alone:
        await recover(pool, alone, channel, settlement_id, by, now)


async def unfinished(
    conn: Connection, channels: Sequence[str], before: datetime, after: Unfinished, count_max: int
) -> list[Unfinished]:
    """Return, behind one of them, what a crash or a time-out has left for `go_on` before a moment."""
    return [
        Unfinished(*row)
        for row in await conn.fetch(_LIST_UNFINISHED_SETTLEMENTS, channels, before, *after, count_max)
    ]


@asynccontextmanager
async def _alone(pool: Pool, settlement_id: str) -> AsyncIterator[Connection]:
    """Keep others from sending the same envelope meanwhile; a lock of the connection, so it ends with the process."""
    async with pool.acquire() as conn:
        if not await conn.fetchval(_TRY_LOCK_SETTLEMENT_FOR_SESSION, settlement_id):
            raise Raced(f"{settlement_id} is being sent by another at this moment")
        try:
            yield conn
        finally:
            await conn.execute(_UNLOCK_SETTLEMENT, settlement_id)


async def recover(
    pool: Pool, alone: Connection, channel: Channel, settlement_id: str, by: str, now: datetime
) -> None:
    """Find out about messages of the channel that were composed and perhaps sent; send what was never seen."""
    async with pool.acquire() as conn, conn.transaction():
        envelope = await locked(conn, settlement_id)
        composed = await messages(conn, settlement_id)
    is_open = {p.now.message_id for p in envelope.payouts if p.now.channel == channel.name and is_sending(p)}
    for message in composed:
        if message.message_id in is_open:
            answer = await channel.ask(message)
            if answer.outcome is Outcome.UNSEEN:
                await _tell(pool, alone, channel, settlement_id, message, by, now)
            else:
                await _record(pool, settlement_id, message, answer, by, now)


async def _tell(
    pool: Pool,
    alone: Connection,
    channel: Channel,
    settlement_id: str,
    message: Message,
    by: str,
    now: datetime,
) -> None:
    """Send a message, unless somebody has said meanwhile what became of it; while this lasts nobody can say it."""
    await alone.execute(_LOCK_MESSAGE, message.message_id)
    try:
        async with pool.acquire() as conn, conn.transaction():
            envelope = await locked(conn, settlement_id)
        if any(is_sending(payout, message.message_id) for payout in envelope.payouts):
            await _record(pool, settlement_id, message, await channel.send(message), by, now)
    finally:
        await alone.execute(_UNLOCK_MESSAGE, message.message_id)


def is_sending(payout: Payout, message_id: str | None = None) -> bool:
    """Tell whether nobody knows yet what became of a payout, told in this message or in whichever. Pure."""
    return payout.state is State.SENDING and message_id in (None, payout.now.message_id)


async def must_be_untold(conn: Connection, payout: Payout) -> None:
    """Keep a payout from being told until the caller's transaction ends, which says that it was refused or came back.

    Raced where a counterparty is told of it at this very moment: what is said of it was said too early.
    """
    if is_sending(payout) and not await conn.fetchval(_TRY_LOCK_MESSAGE, payout.now.message_id):
        raise Raced(f"{payout.payout_id} is told to a counterparty at this moment: look again")


async def claim(
    conn: Connection, channel: Channel, settlement_id: str, own: Rules, by: str, now: datetime
) -> list[Message]:
    """T4a: move what waits to `in_flight` and store what will be told, in the caller's transaction."""
    envelope = await locked(conn, settlement_id)
    waiting = [payout for payout in envelope.payouts if payout.state is State.WAITING]
    missing = envelope.missing_approvals(own)
    if not waiting:
        return []
    if missing:
        raise SettlementRefused(f"{settlement_id} waits for {missing} more people to approve {envelope.hash.hex()}")
    told = len(await conn.fetch(_LIST_MESSAGES, settlement_id))
    groups = [waiting] if channel.payouts_together else [[payout] for payout in waiting]
    return [
        await _claim_together(conn, channel, envelope, group, number, by, now)
        for number, group in enumerate(groups, told + 1)
    ]


async def _claim_together(
    conn: Connection,
    channel: Channel,
    envelope: Envelope,
    payouts: Sequence[Payout],
    number: int,
    by: str,
    now: datetime,
) -> Message:
    message_id = f"{_code(envelope.settlement_id)}-{number}"
    body = channel.compose(message_id, [instruction(envelope, payout) for payout in payouts], now)
    await conn.execute(_ADD_MESSAGE, message_id, channel.name, body, now)
    for payout in payouts:
        await move(conn, envelope, payout, Step.SEND, message_id)
        step = payout.now.follow(State.SENDING, by, now, channel=channel.name, message_id=message_id)
        await told(conn, envelope, payout, step)
    return Message(message_id, body)


def _code(name: str) -> str:
    """Return an id in the characters that every bank takes: capitals and digits."""
    return name.replace("_", "").upper()


def end_to_end_id(payout_id: str, attempt: int) -> str:
    """Return what a bank gives back with an attempt of a payout: at most 35 characters, never the same again."""
    return f"{_code(payout_id)}-{attempt}"


def instruction(envelope: Envelope, payout: Payout) -> Instruction:
    """Return a payout as a counterparty is told of it. Pure."""
    payee: dict[str, Any] = orjson.loads(payout.now.payee)
    name = payee["name"]["zh" if envelope.currency == "CNY" else "en"]
    reference = f"{envelope.campaign[:63]} {envelope.period.isoformat()}"
    own_id = end_to_end_id(payout.payout_id, payout.now.attempt)
    return Instruction(
        payout.payout_id, own_id, payout.amount_minor, envelope.currency, name, payee["account"], reference
    )


_LINE = {Step.SEND: ("payable", "in_flight"), Step.CONFIRM: ("in_flight", "paid")}


async def move(conn: Connection, envelope: Envelope, payout: Payout, step: Step, reference: str) -> None:
    """Move a payout's money one step right, once for each message or try."""
    source, target = (Account(kind, envelope.currency, envelope.campaign, payout.charity) for kind in _LINE[step])
    own_key = key(step, payout.payout_id, payout.now.number)
    await post(conn, Posting(own_key, step, source, target, payout.amount_minor, reference))


async def move_back(conn: Connection, envelope: Envelope, payout: Payout, step: Step) -> None:
    """Move a payout's money one step left: a correction that names the transfer which moved it right.

    Why it came back stands in the payout's step, not here: a transfer is told to the public log for ever, and
    a bank's words may name an account or a person.
    """
    target, source = (Account(kind, envelope.currency, envelope.campaign, payout.charity) for kind in _LINE[step])
    number = max(s.number for s in payout.steps if s.state is MOVED_INTO[step]) - 1
    moved = transfer_id(key(step, payout.payout_id, number))
    reference = f"{payout.payout_id} came back"
    await post(conn, Posting(correction_key(moved), step, source, target, payout.amount_minor, reference, moved))


async def _record(pool: Pool, settlement_id: str, message: Message, answer: Answer, by: str, now: datetime) -> None:
    """T4b: write down what the counterparty said of every payout in a message; what is unknown stays as it is."""
    async with pool.acquire() as conn, conn.transaction():
        envelope = await locked(conn, settlement_id)
        mine = [payout for payout in envelope.payouts if is_sending(payout, message.message_id)]
        await answered(conn, envelope, mine, answer, by, now, sha256(message.body).digest())


async def answered(
    conn: Connection,
    envelope: Envelope,
    payouts: Iterable[Payout],
    answer: Answer,
    by: str,
    now: datetime,
    evidence: bytes | None,
) -> None:
    """Write down an answer about payouts that are `sending`, in the caller's transaction."""
    for payout in payouts:
        if answer.outcome is Outcome.ACCEPTED:
            known = {"bank_reference": answer.bank_reference, "evidence": evidence}
            await told(conn, envelope, payout, payout.now.follow(State.SENT, by, now, **known))
        elif answer.outcome is Outcome.REFUSED:
            reason = answer.reason or "refused without a reason"
            await move_back(conn, envelope, payout, Step.SEND)
            await told(conn, envelope, payout, payout.now.follow(State.RETURNED, by, now, reason=reason))


async def messages(conn: Connection, settlement_id: str) -> list[Message]:
    """Return every message of an envelope, oldest first."""
    return [Message(row["message_id"], row["body"]) for row in await conn.fetch(_LIST_MESSAGES, settlement_id)]
