"""T6, the sequencer: assign indexes to queued leaves, grow the tiles, sign the new head.

It takes two transactions (https://c2sp.org/tlog-tiles). The first assigns indexes, writes tiles and
inserts the head. That insert is the one commit point: if two writers extend the same head, a
constraint lets one through. The second signs the newest durable head, once it is replicated too, so
no signature covers a tree that the database could lose. The signer remembers the head outside the
database before it stores the signature, so that a restored database is noticed (`signing_guard.py`).
Recovery is the next run of the same steps (`ops/decisions/0010-the-log.md`).
"""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import NamedTuple

import asyncpg

from ledger.log.checkpoint import Checkpoint, sign_checkpoint
from ledger.log.merkle import EMPTY_ROOT, leaf_hash, read_root
from ledger.log.note import Signer, format_verifier_key
from ledger.log.tiles import Tile, edge_tiles, grow_tiles, root_tiles, tiles_reader
from ledger.publication.refusals import BrokenTree, LogRefused
from ledger.publication.signing_guard import SigningGuard, read_root_at
from ledger.publication.store import read_tiles
from sql import Connection, Pool, query, rows_affected
from sql.replication import wait_until_replicated

LEAVES_MAX = 1024  # bounds memory: a leaf has at most 64 KiB

_TRY_LOCK_SEQUENCER = query("try_lock_sequencer")
_FIND_LOG_IDENTITY = query("find_log_identity")
_ADD_LOG_IDENTITY = query("add_log_identity")
_ADD_EMPTY_HEAD = query("add_empty_head")
_FIND_NEWEST_HEAD = query("find_newest_head")
_LIST_UNSEQUENCED_LEAVES = query("list_unsequenced_leaves")
_ASSIGN_LEAF_INDEXES = query("assign_leaf_indexes")
_UPSERT_TILES = query("upsert_tiles")
_ADD_HEAD = query("add_head")
_SET_CHECKPOINT = query("set_checkpoint")


class _ConcurrentSequencer(Exception):
    """Another writer has assigned indexes to some of these leaves, or is signing."""


class Head(NamedTuple):
    """A durable head of the log."""

    size: int
    root: bytes
    sequenced_at: datetime
    checkpoint: bytes | None  # None: not signed yet


async def create_log(pool: Pool, signer: Signer, now: datetime, guard: SigningGuard | None = None) -> None:
    """Create the log of this key with the checkpoint of the empty tree; idempotent.

    Raises LogRefused if the database has the log of another key, SigningRefused if the signer
    remembers a longer history.
    """
    async with pool.acquire() as conn, conn.transaction():
        await conn.execute(_ADD_LOG_IDENTITY, format_verifier_key(signer.verifier_key))
        await check_identity(conn, signer)
        await conn.execute(_ADD_EMPTY_HEAD, EMPTY_ROOT, now)
        if guard is not None:
            await guard.require_history(conn)
    async with pool.acquire() as conn:
        with suppress(_ConcurrentSequencer):  # another process signs it
            await sign_head(conn, signer, guard)


async def check_identity(conn: Connection, signer: Signer) -> None:
    """Check that the database's log belongs to this key.

    Raises LogRefused if there is no log or it belongs to another key.
    """
    stored_key, configured_key = await conn.fetchval(_FIND_LOG_IDENTITY), format_verifier_key(signer.verifier_key)
    if stored_key is None:
        raise LogRefused("log_not_created")
    if stored_key != configured_key:
        raise LogRefused("log_of_another_key", stored_key=stored_key, configured_key=configured_key)


async def sequence_leaves(
    pool: Pool, signer: Signer, now: datetime, guard: SigningGuard | None = None
) -> Head | None:
    """Append all queued leaves, then sign the newest head; return it.

    Returns None if another run appends or signs. Raises SigningRefused, and appends nothing, if the
    guard knows a head that the database does not extend.
    """
    async with pool.acquire() as conn:
        if guard is not None:
            await guard.require_history(conn)
        while leaf_count := await append_leaves(conn, now):
            if leaf_count < LEAVES_MAX:
                break
        try:
            return None if leaf_count is None else await sign_head(conn, signer, guard)
        except _ConcurrentSequencer:
            return None


async def append_leaves(conn: Connection, now: datetime, leaves_max: int | None = None) -> int | None:
    """Append up to LEAVES_MAX queued leaves in one transaction and return their number.

    Returns None if another run holds the lock or has extended the head.
    """
    try:
        async with conn.transaction():
            if not await conn.fetchval(_TRY_LOCK_SEQUENCER):
                return None
            head = await _read_newest_head(conn)  # read before the queue, so that no leaf in the head is read again
            leaves = await conn.fetch(_LIST_UNSEQUENCED_LEAVES, leaves_max or LEAVES_MAX)
            if leaves:
                await _extend_tree(conn, head, leaves, now)
            return len(leaves)
    except _ConcurrentSequencer:
        return None
    except asyncpg.UniqueViolationError as error:
        if error.constraint_name in {
            "log_heads_previous_size_is_unique",
            "log_heads_pkey",
            "leaf_queue_index_is_unique",
        }:
            return None  # compare-and-swap failed: another writer has extended this head
        raise


async def _extend_tree(conn: Connection, head: Head, leaves: Sequence[asyncpg.Record], now: datetime) -> None:
    edge = await read_tiles(conn, edge_tiles(head.size))
    _require_intact_edge(head, edge)
    size = head.size + len(leaves)
    grown = grow_tiles(head.size, edge, [leaf_hash(leaf["body"]) for leaf in leaves])
    root = read_root(tiles_reader({tile: (edge | grown)[tile] for tile in root_tiles(size)}, size), size)
    status = await conn.execute(_ASSIGN_LEAF_INDEXES, [leaf["leaf_id"] for leaf in leaves], head.size)
    if rows_affected(status) != len(leaves):
        raise _ConcurrentSequencer
    columns = [t.level for t in grown], [t.index for t in grown], list(grown.values())
    await conn.execute(_UPSERT_TILES, *columns)
    await conn.execute(_ADD_HEAD, head.size, size, root, now)


def _require_intact_edge(head: Head, edge: dict[Tile, bytes]) -> None:
    try:
        actual = read_root(tiles_reader(edge, head.size), head.size)
    except (KeyError, ValueError) as error:
        raise BrokenTree(
            f"a tile at the edge of the tree of {head.size} leaves is missing or malformed: {error}"
        ) from None
    if actual != head.root:
        raise BrokenTree(
            f"the tiles of the tree of {head.size} leaves have the root {actual.hex()}, not {head.root.hex()}"
        )


async def sign_head(conn: Connection, signer: Signer, guard: SigningGuard | None = None) -> Head:
    """Sign the newest durable head unless it is signed; return it.

    Raises BrokenTree if the tiles do not give its root, SigningRefused if it does not extend a head
    that the guard knows. Not for use inside a transaction.
    """
    await check_identity(conn, signer)
    if guard is None:
        return await _sign_newest_head(conn, signer, None)
    with guard.memory.lock() as is_held:
        if not is_held:
            raise _ConcurrentSequencer
        return await _sign_newest_head(conn, signer, guard)


async def _sign_newest_head(conn: Connection, signer: Signer, guard: SigningGuard | None) -> Head:
    head = await _read_newest_head(conn)  # under the lock, so that no process has remembered a newer one
    if guard is not None:
        await guard.require_history(conn)
    if head.checkpoint is None and (actual := await read_root_at(conn, head.size)) != head.root:
        raise BrokenTree(
            f"the tiles of the tree of {head.size} leaves have the root {actual.hex()}, not {head.root.hex()}"
        )
    if head.checkpoint is None:
        # Visible here is not enough: a promoted standby without these leaves would get another tree
        # under the same key. Keep this before everything that remembers a signature or lets it out.
        await wait_until_replicated(conn)
    note = head.checkpoint or sign_checkpoint(Checkpoint(signer.name, head.size, head.root), signer)
    if guard is not None:
        await guard.remember(conn, signer.verifier_key, note)  # before anybody can read the signature
    if head.checkpoint is None:
        await conn.execute(_SET_CHECKPOINT, head.size, note)
    return head._replace(checkpoint=note)


async def _read_newest_head(conn: Connection) -> Head:
    row = await conn.fetchrow(_FIND_NEWEST_HEAD)
    if row is None:
        raise LogRefused("log_not_created")
    return Head(*row)
