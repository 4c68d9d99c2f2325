"""The sequencer: after any lost or repeated write, the public files form one growing tree."""

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import asyncpg
import pytest

from ledger.log.checkpoint import open_checkpoint
from ledger.log.merkle import EMPTY_ROOT, leaf_hash, root
from ledger.log.note import format_verifier_key, make_signer
from ledger.log.tiles import entries_in, grow_tiles, new_bundles, new_tiles
from ledger.publication import sequencer, store
from ledger.publication.outbox import enqueue_leaf
from ledger.publication.refusals import BrokenTree, LogRefused
from running_service import LOG
from sql import Connection, Pool, query

NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)
_number = count()


@pytest.fixture
async def log(pool: Pool) -> Pool:
    await sequencer.create_log(pool, LOG, NOW)
    return pool


async def enqueue_leaves(pool: Pool, *sizes: int) -> None:
    """Queue leaves, one transaction for each size."""
    for size in sizes:
        async with pool.acquire() as conn, conn.transaction():
            for _ in range(size):
                number = next(_number)
                body = {"campaign": "c", "about": "closed", "closed_at": NOW.isoformat(), "text": f"number {number}"}
                await enqueue_leaf(conn, "note", f"note/{number}", body)


async def verify_published(pool: Pool) -> tuple[int, bytes]:
    """Verify the tree from the published files; return its size and the checkpoint."""
    async with pool.acquire() as conn:
        head = await store.newest_head(conn)
        assert head is not None
        checkpoint = open_checkpoint(head.note, LOG.verifier_key)
        entries: list[bytes] = []
        for bundle in new_bundles(0, checkpoint.size):
            content = await store.read_bundle(conn, bundle)
            assert content is not None
            entries += entries_in(bundle, content)
        hashes = [leaf_hash(entry) for entry in entries]
        assert root(hashes) == checkpoint.root == head.root
        expected = grow_tiles(0, {}, hashes)
        assert sorted(map(str, expected)) == sorted(map(str, new_tiles(0, checkpoint.size)))
        assert await store.read_tiles(conn, list(expected)) == expected
    return checkpoint.size, head.note


async def count_queued(pool: Pool) -> int:
    return int(await pool.fetchval("SELECT count(*) FROM leaf_queue WHERE leaf_index IS NULL"))


async def test_a_new_log_has_the_signed_empty_tree(log: Pool):
    size, note = await verify_published(log)
    assert (size, open_checkpoint(note, LOG.verifier_key).root) == (0, EMPTY_ROOT)
    await sequencer.create_log(log, LOG, NOW)
    assert await verify_published(log) == (0, note)


@pytest.mark.parametrize("cuts", [[1], [255, 1, 1], [256], [300, 300], [1, 2, 3, 700]])
async def test_however_it_grows_the_published_files_form_the_tree(log: Pool, cuts: list[int]):
    for size in cuts:
        await enqueue_leaves(log, size)
        await sequencer.sequence_leaves(log, LOG, NOW)
        await verify_published(log)
    assert (await verify_published(log))[0] == sum(cuts)
    assert await count_queued(log) == 0


async def test_leaves_are_appended_in_queue_order(log: Pool):
    await enqueue_leaves(log, 3, 2, 1)
    await sequencer.sequence_leaves(log, LOG, NOW)
    rows = await log.fetch("SELECT leaf_index FROM leaf_queue ORDER BY leaf_id")
    assert [row[0] for row in rows] == list(range(6))


async def test_one_transactions_leaves_are_appended_together(log: Pool, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sequencer, "LEAVES_MAX", 2)
    await enqueue_leaves(log, 5, 1, 5)
    sizes = []
    async with log.acquire() as conn:
        while await sequencer.append_leaves(conn, NOW):
            sizes.append((await sequencer.sign_head(conn, LOG)).size)
    assert sizes == [5, 11]


async def test_an_empty_queue_makes_no_head(log: Pool):
    await enqueue_leaves(log, 1)
    first = await sequencer.sequence_leaves(log, LOG, NOW)
    assert await sequencer.sequence_leaves(log, LOG, NOW + timedelta(hours=1)) == first
    assert await log.fetchval("SELECT count(*) FROM log_heads") == 2


async def test_time_never_goes_backwards(log: Pool):
    for minutes in (1, -60, 2):
        await enqueue_leaves(log, 1)
        await sequencer.sequence_leaves(log, LOG, NOW + timedelta(minutes=minutes))
    rows = await log.fetch("SELECT sequenced_at FROM log_heads ORDER BY size")
    assert [(row[0] - NOW) // timedelta(minutes=1) for row in rows] == [0, 1, 1, 2]


# --- crashes: every write lost once, and stored once but reported as failed ---


class Crash(Exception):
    """The process dies here."""


class Fragile:
    """A connection that crashes at its n-th write: before the write, or after it is stored."""

    def __init__(self, conn: Connection, crash_at: int, *, keeps_write: bool) -> None:
        self.conn, self.writes_left, self.keeps_write = conn, crash_at, keeps_write

    def __getattr__(self, name: str) -> Any:
        return getattr(self.conn, name)

    def _counts_to_crash(self) -> bool:
        self.writes_left -= 1
        return self.writes_left == 0

    async def execute(self, *statement: Any) -> str:
        crashes = self._counts_to_crash()
        if crashes and not self.keeps_write:
            raise Crash
        status: str = await self.conn.execute(*statement)
        if crashes:
            raise Crash
        return status

    def transaction(self) -> "FragileTransaction":
        return FragileTransaction(self)


class FragileTransaction:
    """A transaction whose commit counts as a write."""

    def __init__(self, fragile: Fragile) -> None:
        self.fragile, self.transaction = fragile, fragile.conn.transaction()

    async def __aenter__(self) -> None:
        await self.transaction.start()

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        crashes = kind is None and self.fragile._counts_to_crash()
        if kind is not None or (crashes and not self.fragile.keeps_write):
            await self.transaction.rollback()
        else:
            await self.transaction.commit()
        if crashes:
            raise Crash


async def append_and_sign(conn: Any) -> None:
    """Run the steps of `sequence_leaves` on one connection."""
    await sequencer.append_leaves(conn, NOW)
    await sequencer.sign_head(conn, LOG)


WRITES = 6  # indexes, tiles, head, commit; the wait for the standby; signature


def crash_cases() -> Iterator[tuple[int, bool]]:
    return ((write, keeps_write) for write in range(1, WRITES + 1) for keeps_write in (False, True))


@pytest.mark.parametrize(("write", "keeps_write"), list(crash_cases()))
async def test_the_next_run_recovers_from_a_crash_at_any_write(log: Pool, write: int, keeps_write: bool):
    await enqueue_leaves(log, 300)
    await sequencer.sequence_leaves(log, LOG, NOW)
    before = await verify_published(log)
    await enqueue_leaves(log, 2, 250)
    async with log.acquire() as conn:
        fragile: Any = Fragile(conn, write, keeps_write=keeps_write)
        with pytest.raises(Crash):
            await append_and_sign(fragile)
    halfway = await verify_published(log)  # after any crash the published files form a whole tree
    assert halfway == before or (write == WRITES and keeps_write)
    await enqueue_leaves(log, 3)  # more leaves arrive before the next run
    await sequencer.sequence_leaves(log, LOG, NOW)
    assert (await verify_published(log))[0] == 555
    assert await count_queued(log) == 0
    assert await all_signatures_match(log)


async def test_the_cases_reach_every_write(log: Pool):
    await enqueue_leaves(log, 1)
    async with log.acquire() as conn:
        fragile: Any = Fragile(conn, WRITES + 1, keeps_write=False)
        assert await sequencer.append_leaves(fragile, NOW) == 1
        await sequencer.sign_head(fragile, LOG)
    assert fragile.writes_left == 1


async def all_signatures_match(pool: Pool) -> bool:
    """Return whether every signed checkpoint is a prefix of the current tree."""
    rows = await pool.fetch("SELECT size, checkpoint FROM log_heads WHERE checkpoint IS NOT NULL")
    bodies = [row[0] for row in await pool.fetch("SELECT body FROM leaf_queue ORDER BY leaf_index")]
    hashes = [leaf_hash(body) for body in bodies]
    signed = [open_checkpoint(row["checkpoint"], LOG.verifier_key) for row in rows]
    return all(checkpoint.root == root(hashes[: checkpoint.size]) for checkpoint in signed)


# --- concurrency ---


async def test_concurrent_sequencers_make_one_tree(log: Pool):
    async def work() -> None:
        for _ in range(12):
            await enqueue_leaves(log, 3)
            await sequencer.sequence_leaves(log, LOG, NOW)

    await asyncio.gather(*(work() for _ in range(4)))
    await sequencer.sequence_leaves(log, LOG, NOW)
    assert (await verify_published(log))[0] == 4 * 12 * 3
    assert await all_signatures_match(log)


async def test_without_the_lock_the_compare_and_swap_lets_one_through(log: Pool, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sequencer, "_TRY_LOCK_SEQUENCER", "SELECT true")
    await enqueue_leaves(log, 300)
    async with log.acquire() as first, log.acquire() as second:
        for _ in range(20):
            counts = await asyncio.gather(sequencer.append_leaves(first, NOW), sequencer.append_leaves(second, NOW))
            assert min(n or 0 for n in counts) == 0
            await enqueue_leaves(log, 7)
    await sequencer.sequence_leaves(log, LOG, NOW)
    assert (await verify_published(log))[0] == 300 + 20 * 7
    assert await all_signatures_match(log)


async def test_a_head_cannot_be_extended_twice(log: Pool, owner: Connection):
    await enqueue_leaves(log, 1)
    await sequencer.sequence_leaves(log, LOG, NOW)
    with pytest.raises(asyncpg.UniqueViolationError, match="log_heads_previous_size_is_unique"):
        await owner.execute(query("add_head"), 0, 2, bytes(32), NOW)


# --- identity ---


async def test_another_key_is_refused(log: Pool):
    for signer in (make_signer(LOG.name, b"m" * 32), make_signer("other.example.org/log", b"l" * 32)):
        with pytest.raises(LogRefused) as refused:
            await sequencer.create_log(log, signer, NOW)
        assert refused.value.code == "log_of_another_key"
        assert refused.value.params["stored_key"] == format_verifier_key(LOG.verifier_key)
        assert refused.value.params["configured_key"] == format_verifier_key(signer.verifier_key)
        with pytest.raises(LogRefused):
            await sequencer.sequence_leaves(log, signer, NOW)


async def test_a_database_without_a_log_is_refused(pool: Pool):
    await enqueue_leaves(pool, 1)
    with pytest.raises(LogRefused, match=r"^log_not_created$"):
        await sequencer.sequence_leaves(pool, LOG, NOW)
    async with pool.acquire() as conn:
        with pytest.raises(LogRefused, match=r"^log_not_created$"):
            await sequencer.check_identity(conn, LOG)
    assert await count_queued(pool) == 1


# --- immutability ---


@pytest.mark.breaks_invariants
@pytest.mark.parametrize(
    "tampering",
    [
        "UPDATE log_tiles SET hashes = set_byte(hashes, 9, 255 - get_byte(hashes, 9)) WHERE tile_index = 1",
        "DELETE FROM log_tiles WHERE tile_index = 1",
        "UPDATE log_heads SET root = sha256('x') WHERE size = 300",
    ],
)
async def test_a_broken_tree_is_neither_grown_nor_signed(log: Pool, owner: Connection, tampering: str):
    await enqueue_leaves(log, 300)
    await sequencer.sequence_leaves(log, LOG, NOW)
    await owner.execute(f"SET session_replication_role = replica; {tampering}")
    await enqueue_leaves(log, 1)
    with pytest.raises(BrokenTree, match="tree of 300 leaves"):
        await sequencer.sequence_leaves(log, LOG, NOW)
    await owner.execute("UPDATE log_heads SET checkpoint = NULL WHERE size = 300")
    async with log.acquire() as conn:
        with pytest.raises((BrokenTree, KeyError)):
            await sequencer.sign_head(conn, LOG)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE leaf_queue SET body = '{}'",
        "UPDATE leaf_queue SET leaf_index = leaf_index + 5",
        "DELETE FROM leaf_queue",
        "UPDATE log_heads SET root = sha256('x')",
        "DELETE FROM log_heads WHERE size = 3",
        "UPDATE log_tiles SET hashes = sha256('x')",
        "UPDATE log_tiles SET hashes = substring(hashes FOR 32)",
        "DELETE FROM log_tiles",
        "UPDATE log_identity SET verifier_key = 'x'",
        "TRUNCATE log_tiles",
    ],
)
async def test_not_even_the_owner_changes_what_was_logged(log: Pool, owner: Connection, statement: str):
    await enqueue_leaves(log, 3)
    await sequencer.sequence_leaves(log, LOG, NOW)
    with pytest.raises(asyncpg.RestrictViolationError):
        await owner.execute(statement)


async def test_stored_bytes_are_the_hashed_bytes(log: Pool):
    await enqueue_leaves(log, 1)
    before = await log.fetchval("SELECT body FROM leaf_queue")
    await sequencer.sequence_leaves(log, LOG, NOW)
    async with log.acquire() as conn:
        entry = await store.read_entry(conn, 0)
    assert entry == before
    assert list(json.loads(entry)) == sorted(json.loads(entry))
