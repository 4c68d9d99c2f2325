"""T7, the witnesses: send the newest checkpoint to each and store its cosignature.

A witness is a row with a lease until `next_at`, so one instance at a time calls it. If two call it
after a lease expired, the witness answers both and the second cosignature is dropped. The request
runs between two transactions and holds no connection (`ops/decisions/0014-witnesses.md`).
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
from ledger.publication.refusals import SigningRefused
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

ATTEMPTS_MAX = 3  # one for an unknown size, one for a size that another instance moved, one more
LEASE = timedelta(seconds=ATTEMPTS_MAX * SECONDS_MAX + 10)
RETRY_DELAY = timedelta(seconds=15)  # after a failure

_FIND_WITNESS_STATUS = query("find_witness_status")
_CLAIM_WITNESS = query("claim_witness")
_RELEASE_WITNESS = query("release_witness")
_ADD_COSIGNATURE = query("add_cosignature")


class WitnessProgress(NamedTuple):
    """A witness's progress with our log."""

    cosigned_size: int
    newest_size: int
    lagging_since: datetime | None  # time of the oldest checkpoint that it has not yet cosigned
    fault: str | None
    is_available: bool


class _WitnessCallResult(NamedTuple):
    known_size: int
    cosignature: Cosignature | None
    fault: str | None
    refusal: SigningRefused | None = None  # the witness has seen leaves that the database lacks
    answered: bool = True


async def read_witness_progress(conn: Connection, witness: Witness, now: datetime) -> WitnessProgress:
    """Return a witness's progress at `now`."""
    [row] = await conn.fetch(_FIND_WITNESS_STATUS, format_witness_key(witness.key), now)
    return WitnessProgress(
        row["cosigned_size"] or 0, row["newest_size"], row["lagging_since"], row["fault"], row["is_free"]
    )


async def request_cosignature(
    pool: Pool, session: aiohttp.ClientSession, witness: Witness, clock: Callable[[], datetime]
) -> bool:
    """Request a cosignature on the newest checkpoint; return whether a request was sent.

    Returns False if the checkpoint is cosigned or another instance holds the lease.
    """
    async with pool.acquire() as conn:
        progress = await read_witness_progress(conn, witness, clock())
        if progress.lagging_since is None or not progress.is_available:
            return False
        now = clock()
        known_size = await conn.fetchval(_CLAIM_WITNESS, format_witness_key(witness.key), now, now + LEASE)
        head = await store.newest_head(conn)
    if known_size is None or head is None:
        return False
    result = await _call_witness(pool, session, witness, head, min(known_size, head.size))
    await _record_call(pool, witness, head, result, clock())
    return True


async def compare_with_witness(pool: Pool, session: aiohttp.ClientSession, witness: Witness) -> bool:
    """Send the newest checkpoint again; return whether the witness gave an answer.

    Raises SigningRefused if it has seen another or a longer history of this log.
    """
    for _ in range(ATTEMPTS_MAX):
        async with pool.acquire() as conn:
            head = await store.newest_head(conn)
        if head is None:
            return False
        result = await _call_witness(pool, session, witness, head, head.size)
        if result.refusal is None:
            return result.answered
        async with pool.acquire() as conn:
            newest = await store.newest_head(conn)
        if newest is None or newest.size == head.size:  # else another instance has signed meanwhile
            raise result.refusal
    return False


async def _call_witness(
    pool: Pool, session: aiohttp.ClientSession, witness: Witness, head: SignedHead, old_size: int
) -> _WitnessCallResult:
    """Send the checkpoint; retry from the size that the witness reports."""
    for _ in range(ATTEMPTS_MAX):
        body = build_request(old_size, await _prove_growth(pool, old_size, head.size), head.log_note)
        match parse_response(await post_checkpoint(session, witness, body), head.log_note, witness.key):
            case Cosignature() as cosignature:
                return _WitnessCallResult(head.size, cosignature, None)
            case WitnessFailure(reason, is_other_history):
                refusal = None
                if is_other_history and head.size:  # all empty trees are the same
                    refusal = SigningRefused("log_forked", seen_number=old_size, source=witness.key.name)
                return _WitnessCallResult(old_size, None, reason, refusal, answered=is_other_history)
            case SizeConflict(size) if size > head.size:
                reason = (
                    f"the witness has seen {size} leaves, but this log has {head.size}: was the database restored?"
                )
                refusal = SigningRefused(
                    "log_rolled_back", size_number=head.size, seen_number=size, source=witness.key.name
                )
                return _WitnessCallResult(old_size, None, reason, refusal)
            case SizeConflict(size):
                if size == old_size:
                    return _WitnessCallResult(
                        old_size, None, f"the witness reports {size} leaves and refuses a proof from there"
                    )
                old_size = size
    return _WitnessCallResult(old_size, None, "the witness reports another size each time")


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
