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
from ledger.publication.store import SignedHead
from ledger.publication.witness_client import (
    SizeConflict,
    Witness,
    WitnessFailure,
    build_request,
    parse_response,
    post_checkpoint,
)
from sql import Connection, Pool, query

ATTEMPTS_MAX = 3  # a size that we did not know, and one more that another instance moved meanwhile
LEASE = timedelta(seconds=ATTEMPTS_MAX * SECONDS_MAX + 10)
RETRY_DELAY = timedelta(seconds=15)  # after a fault

_FIND_WITNESS_STATUS = query("find_witness_status")
_CLAIM_WITNESS = query("claim_witness")
_RELEASE_WITNESS = query("release_witness")
_ADD_COSIGNATURE = query("add_cosignature")


class WitnessProgress(NamedTuple):
    """How far a witness has come with our log."""

    cosigned_size: int
    newest_size: int
    lagging_since: (
        datetime | None
    )  # when the first checkpoint was made that neither it nor a later one of it has cosigned
    fault: str | None
    is_available: bool


class _WitnessCallResult(NamedTuple):
    known_size: int
    cosignature: Cosignature | None
    fault: str | None


async def read_witness_progress(conn: Connection, witness: Witness, now: datetime) -> WitnessProgress:
    """Return how far a witness has come."""
    [row] = await conn.fetch(_FIND_WITNESS_STATUS, format_witness_key(witness.key), now)
    return WitnessProgress(
        row["cosigned_size"] or 0, row["newest_size"], row["lagging_since"], row["fault"], row["is_free"]
    )


async def request_cosignature(
    pool: Pool, session: aiohttp.ClientSession, witness: Witness, clock: Callable[[], datetime]
) -> bool:
    """Have the newest checkpoint cosigned; say whether it was asked. False: nothing is new, or not its turn."""
    async with pool.acquire() as conn:
        before = await read_witness_progress(conn, witness, clock())
        if before.lagging_since is None or not before.is_available:
            return False
        now = clock()
        known_size = await conn.fetchval(_CLAIM_WITNESS, format_witness_key(witness.key), now, now + LEASE)
        signed = await store.newest_head(conn)
    if known_size is None or signed is None:
        return False
    outcome = await _call_witness(pool, session, witness, signed, min(known_size, signed.size))
    await _record_call(pool, witness, signed, outcome, clock())
    return True


async def _call_witness(
    pool: Pool, session: aiohttp.ClientSession, witness: Witness, head: SignedHead, old_size: int
) -> _WitnessCallResult:
    """Ask, and again from where the witness says that it stands."""
    for _ in range(ATTEMPTS_MAX):
        body = build_request(old_size, await _prove_growth(pool, old_size, head.size), head.log_note)
        match parse_response(await post_checkpoint(session, witness, body), head.log_note, witness.key):
            case Cosignature() as cosigned:
                return _WitnessCallResult(head.size, cosigned, None)
            case WitnessFailure(reason):
                return _WitnessCallResult(old_size, None, reason)
            case SizeConflict(size) if size > head.size:
                ahead = f"it has seen {size} leaves, and this log has {head.size}: was the database restored?"
                return _WitnessCallResult(old_size, None, ahead)
            case SizeConflict(size):
                if size == old_size:
                    return _WitnessCallResult(
                        old_size, None, f"it stands at {size} leaves and refuses what begins there"
                    )
                old_size = size
    return _WitnessCallResult(old_size, None, "it names another size each time that it is asked")


async def _prove_growth(pool: Pool, old_size: int, size: int) -> list[bytes]:
    if not old_size or old_size == size:
        return []
    async with pool.acquire() as conn:
        reader = await store.load_hash_reader(conn, consistency_nodes(old_size, size), size)
    return prove_consistency(reader, old_size, size)


async def _record_call(
    pool: Pool, witness: Witness, head: SignedHead, result: _WitnessCallResult, now: datetime
) -> None:
    key = format_witness_key(witness.key)
    next_at = now if result.fault is None else now + RETRY_DELAY
    async with pool.acquire() as conn, conn.transaction():
        if result.cosignature is not None:
            line = format_signature(result.cosignature.signature).encode()
            await conn.execute(_ADD_COSIGNATURE, key, head.size, line, now)
        await conn.execute(_RELEASE_WITNESS, key, result.known_size, next_at, result.fault)
