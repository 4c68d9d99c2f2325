"""T7, the witnesses: our newest checkpoint goes to each, and what it cosigns stands under the checkpoint.

A witness is a row: whoever takes it until `next_at` asks, so one instance at a time does; should two do so all the
same, it answers both, and the second cosignature is dropped. The request is made between two transactions, holds no
connection, and nothing of ours waits for it (`ops/decisions/0014-witnesses.md`).
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NamedTuple

import aiohttp

from ledger.http_client import SECONDS_MAX
from ledger.log.cosignature import Cosignature, format_witness_key
from ledger.log.merkle import consistency_nodes, prove_consistency
from ledger.log.note import format_signature
from ledger.publication import store
from ledger.publication.store import Signed
from ledger.publication.witness_client import Fault, Stands, Witness, post, read_answer, request_body
from sql import Connection, Pool, query

TRIES_MAX = 3  # a size that we did not know, and one more that another instance moved meanwhile
LEASE = timedelta(seconds=TRIES_MAX * SECONDS_MAX + 10)
PAUSE = timedelta(seconds=15)  # after a fault

_FIND_WITNESS_STATUS = query("find_witness_status")
_CLAIM_WITNESS = query("claim_witness")
_RELEASE_WITNESS = query("release_witness")
_ADD_COSIGNATURE = query("add_cosignature")


class Standing(NamedTuple):
    """How far a witness has come with our log."""

    cosigned_size: int
    newest_size: int
    owes_since: (
        datetime | None
    )  # when the first checkpoint was made that neither it nor a later one of it has cosigned
    fault: str | None
    is_free: bool


class _Outcome(NamedTuple):
    known_size: int
    cosigned: Cosignature | None
    fault: str | None


async def standing(conn: Connection, witness: Witness, now: datetime) -> Standing:
    """Return how far a witness has come."""
    [row] = await conn.fetch(_FIND_WITNESS_STATUS, format_witness_key(witness.key), now)
    return Standing(row["cosigned_size"] or 0, row["newest_size"], row["lagging_since"], row["fault"], row["is_free"])


async def ask(pool: Pool, http: aiohttp.ClientSession, witness: Witness, clock: Callable[[], datetime]) -> bool:
    """Have the newest checkpoint cosigned; say whether it was asked. False: nothing is new, or not its turn."""
    async with pool.acquire() as conn:
        before = await standing(conn, witness, clock())
        if before.owes_since is None or not before.is_free:
            return False
        now = clock()
        known_size = await conn.fetchval(_CLAIM_WITNESS, format_witness_key(witness.key), now, now + LEASE)
        signed = await store.checkpoint(conn)
    if known_size is None or signed is None:
        return False
    outcome = await _outcome(pool, http, witness, signed, min(known_size, signed.size))
    await _keep(pool, witness, signed, outcome, clock())
    return True


async def _outcome(
    pool: Pool, http: aiohttp.ClientSession, witness: Witness, signed: Signed, old_size: int
) -> _Outcome:
    """Ask, and again from where the witness says that it stands."""
    for _ in range(TRIES_MAX):
        body = request_body(old_size, await _proof(pool, old_size, signed.size), signed.own_note)
        match read_answer(await post(http, witness, body), signed.own_note, witness.key):
            case Cosignature() as cosigned:
                return _Outcome(signed.size, cosigned, None)
            case Fault(reason):
                return _Outcome(old_size, None, reason)
            case Stands(size) if size > signed.size:
                ahead = f"it has seen {size} leaves, and this log has {signed.size}: was the database restored?"
                return _Outcome(old_size, None, ahead)
            case Stands(size):
                if size == old_size:
                    return _Outcome(old_size, None, f"it stands at {size} leaves and refuses what begins there")
                old_size = size
    return _Outcome(old_size, None, "it names another size each time that it is asked")


async def _proof(pool: Pool, old_size: int, size: int) -> list[bytes]:
    if not old_size or old_size == size:
        return []
    async with pool.acquire() as conn:
        reader = await store.reader_for(conn, consistency_nodes(old_size, size), size)
    return prove_consistency(reader, old_size, size)


async def _keep(pool: Pool, witness: Witness, signed: Signed, outcome: _Outcome, now: datetime) -> None:
    key = format_witness_key(witness.key)
    next_at = now if outcome.fault is None else now + PAUSE
    async with pool.acquire() as conn, conn.transaction():
        if outcome.cosigned is not None:
            line = format_signature(outcome.cosigned.signature).encode()
            await conn.execute(_ADD_COSIGNATURE, key, signed.size, line, now)
        await conn.execute(_RELEASE_WITNESS, key, outcome.known_size, next_at, outcome.fault)
