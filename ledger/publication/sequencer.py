"""T6, the sequencer: queued leaves get places, tiles grow, and the new head is signed (https://c2sp.org/tlog-tiles).

Two transactions. The first places leaves, writes tiles and inserts the head: that insertion is the one commit point,
and of two writers that extend the same head a constraint lets one through. The second signs the newest head that is
durable, so there is never a signature on a tree that the database could still forget, nor on two. Recovery is the
same two steps: whatever a crash left undone is what the next run finds to do (`ops/decisions/0010-the-log.md`).
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import asyncpg

from ledger.errors import LedgerError
from ledger.log.checkpoint import Checkpoint, sign_checkpoint
from ledger.log.merkle import EMPTY_ROOT, leaf_hash, read_root, root_nodes
from ledger.log.note import Signer, format_verifier_key
from ledger.log.tiles import Tile, edge_tiles, grow_tiles, root_tiles, tiles_reader
from ledger.publication.store import load_hash_reader, read_tiles
from sql import Connection, Pool, query

LEAVES_MAX = 1024  # of 64 KiB at most: what one run holds in memory

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


class LogRefused(LedgerError):
    """The database's log is not this key's, or was not made yet."""


class BrokenTree(Exception):
    """The stored tiles do not make the tree that the log committed to: nothing is added to it, nothing is signed."""


class _ConcurrentSequencer(Exception):
    """Another writer has placed some of these leaves."""


class Head(NamedTuple):
    """What the log has committed to."""

    size: int
    root: bytes
    sequenced_at: datetime
    checkpoint: bytes | None  # None: not signed yet


async def create_log(pool: Pool, signer: Signer, now: datetime) -> None:
    """Make the log of this key with the checkpoint of the empty tree. Again: changes nothing.

    LogRefused if the database holds another key's log.
    """
    async with pool.acquire() as conn, conn.transaction():
        await conn.execute(_ADD_LOG_IDENTITY, format_verifier_key(signer.verifier_key))
        await check_identity(conn, signer)
        await conn.execute(_ADD_EMPTY_HEAD, EMPTY_ROOT, now)
    async with pool.acquire() as conn:
        await sign_head(conn, signer)


async def check_identity(conn: Connection, signer: Signer) -> None:
    """Return if the database's log is this key's. LogRefused otherwise."""
    held, own = await conn.fetchval(_FIND_LOG_IDENTITY), format_verifier_key(signer.verifier_key)
    if held is None:
        raise LogRefused("the database has no public log yet: make it with `like-ledger log init`")
    if held != own:
        raise LogRefused(
            f"the database's public log is signed by {held}, and LIKE_LEDGER_LOG_KEY and LIKE_LEDGER_LOG_ORIGIN make"
            f" {own}: give it its own key"
        )


async def sequence_leaves(pool: Pool, signer: Signer, now: datetime) -> Head | None:
    """Log what waits and sign what is durable; return the newest head. None: another is at it."""
    async with pool.acquire() as conn:
        while placed := await append_leaves(conn, now):
            if placed < LEAVES_MAX:
                break
        return None if placed is None else await sign_head(conn, signer)


async def append_leaves(conn: Connection, now: datetime) -> int | None:
    """Place some of the leaves that wait, in a transaction of its own; return how many. None: another is at it."""
    try:
        async with conn.transaction():
            if not await conn.fetchval(_TRY_LOCK_SEQUENCER):
                return None
            head = await _read_newest_head(conn)  # before the leaves: those that it has are none of them
            leaves = await conn.fetch(_LIST_UNSEQUENCED_LEAVES, LEAVES_MAX)
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
            return None  # the compare-and-swap: another writer has extended this head
        raise


async def _extend_tree(conn: Connection, head: Head, leaves: Sequence[asyncpg.Record], now: datetime) -> None:
    edge = await read_tiles(conn, edge_tiles(head.size))
    _require_intact_edge(head, edge)
    size = head.size + len(leaves)
    grown = grow_tiles(head.size, edge, [leaf_hash(leaf["body"]) for leaf in leaves])
    root = read_root(tiles_reader({tile: (edge | grown)[tile] for tile in root_tiles(size)}, size), size)
    status = await conn.execute(_ASSIGN_LEAF_INDEXES, [leaf["leaf_id"] for leaf in leaves], head.size)
    if int(status.rsplit(" ", 1)[1]) != len(leaves):
        raise _ConcurrentSequencer
    columns = [t.level for t in grown], [t.index for t in grown], list(grown.values())
    await conn.execute(_UPSERT_TILES, *columns)
    await conn.execute(_ADD_HEAD, head.size, size, root, now)


def _require_intact_edge(head: Head, edge: dict[Tile, bytes]) -> None:
    try:
        found = read_root(tiles_reader(edge, head.size), head.size)
    except (KeyError, ValueError) as fault:
        raise BrokenTree(f"a tile at the edge of the tree of {head.size} is missing or broken: {fault}") from None
    if found != head.root:
        raise BrokenTree(f"the tiles of the tree of {head.size} make {found.hex()}, not {head.root.hex()}")


async def sign_head(conn: Connection, signer: Signer) -> Head:
    """Sign the newest durable head if it is not signed yet; return it. BrokenTree rather than a false signature."""
    await check_identity(conn, signer)
    head = await _read_newest_head(conn)
    if head.checkpoint is not None:
        return head
    found = read_root(await load_hash_reader(conn, root_nodes(head.size), head.size), head.size)
    if found != head.root:
        raise BrokenTree(f"the tiles of the tree of {head.size} make {found.hex()}, not {head.root.hex()}")
    note = sign_checkpoint(Checkpoint(signer.name, head.size, head.root), signer)
    await conn.execute(_SET_CHECKPOINT, head.size, note)
    return head._replace(checkpoint=note)


async def _read_newest_head(conn: Connection) -> Head:
    row = await conn.fetchrow(_FIND_NEWEST_HEAD)
    if row is None:
        raise LogRefused("the database has no public log yet: make it with `like-ledger log init`")
    return Head(*row)
