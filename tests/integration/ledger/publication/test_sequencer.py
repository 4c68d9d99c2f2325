"""The sequencer: whatever is lost, kept or done twice, the public files make one tree that only grows."""

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
from ledger.log.note import make_signer
from ledger.log.tiles import entries_in, grow_tiles, new_bundles, new_tiles
from ledger.publication import sequencer, store
from ledger.publication.outbox import enqueue_leaf
from ledger.publication.sequencer import BrokenTree, LogRefused
from serving import LOG
from sql import Connection, Pool, query

NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)
_number = count()


@pytest.fixture
async def log(pool: Pool) -> Pool:
    await sequencer.create_log(pool, LOG, NOW)
    return pool


async def queue(pool: Pool, *sizes: int) -> None:
    """Queue leaves, so many in each transaction."""
    for size in sizes:
        async with pool.acquire() as conn, conn.transaction():
            for _ in range(size):
                number = next(_number)
                body = {"campaign": "c", "about": "closed", "closed_at": NOW.isoformat(), "text": f"number {number}"}
                await enqueue_leaf(conn, "note", f"note/{number}", body)


async def published(pool: Pool) -> tuple[int, bytes]:
    """Verify the whole tree from what the public reads; return the size and the last checkpoint."""
    async with pool.acquire() as conn:
        signed = await store.newest_head(conn)
        assert signed is not None
        said = open_checkpoint(signed.note, LOG.verifier_key)
        entries: list[bytes] = []
        for bundle in new_bundles(0, said.size):
            content = await store.read_bundle(conn, bundle)
            assert content is not None
            entries += entries_in(bundle, content)
        hashes = [leaf_hash(entry) for entry in entries]
        assert root(hashes) == said.root == signed.root
        expected = grow_tiles(0, {}, hashes)
        assert sorted(map(str, expected)) == sorted(map(str, new_tiles(0, said.size)))
        assert await store.read_tiles(conn, list(expected)) == expected
    return said.size, signed.note


async def waiting(pool: Pool) -> int:
    return int(await pool.fetchval("SELECT count(*) FROM leaf_queue WHERE leaf_index IS NULL"))


async def test_a_new_log_has_the_signed_empty_tree(log: Pool):
    size, note = await published(log)
    assert (size, open_checkpoint(note, LOG.verifier_key).root) == (0, EMPTY_ROOT)
    await sequencer.create_log(log, LOG, NOW)
    assert await published(log) == (0, note)


@pytest.mark.parametrize("cuts", [[1], [255, 1, 1], [256], [300, 300], [1, 2, 3, 700]])
async def test_however_it_grows_the_public_files_make_the_tree(log: Pool, cuts: list[int]):
    for size in cuts:
        await queue(log, size)
        await sequencer.sequence_leaves(log, LOG, NOW)
        await published(log)
    assert (await published(log))[0] == sum(cuts)
    assert await waiting(log) == 0


async def test_leaves_enter_in_the_order_in_which_they_were_queued(log: Pool):
    await queue(log, 3, 2, 1)
    await sequencer.sequence_leaves(log, LOG, NOW)
    rows = await log.fetch("SELECT leaf_index FROM leaf_queue ORDER BY leaf_id")
    assert [row[0] for row in rows] == list(range(6))


async def test_what_one_transaction_queued_enters_together(log: Pool, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sequencer, "LEAVES_MAX", 2)
    await queue(log, 5, 1, 5)
    sizes = []
    async with log.acquire() as conn:
        while await sequencer.append_leaves(conn, NOW):
            sizes.append((await sequencer.sign_head(conn, LOG)).size)
    assert sizes == [5, 11]


async def test_nothing_to_do_makes_no_head(log: Pool):
    await queue(log, 1)
    first = await sequencer.sequence_leaves(log, LOG, NOW)
    assert await sequencer.sequence_leaves(log, LOG, NOW + timedelta(hours=1)) == first
    assert await log.fetchval("SELECT count(*) FROM log_heads") == 2


async def test_time_never_goes_backwards(log: Pool):
    for minutes in (1, -60, 2):
        await queue(log, 1)
        await sequencer.sequence_leaves(log, LOG, NOW + timedelta(minutes=minutes))
    rows = await log.fetch("SELECT sequenced_at FROM log_heads ORDER BY size")
    assert [(row[0] - NOW) // timedelta(minutes=1) for row in rows] == [0, 1, 1, 2]


# --- crashes: every write once lost, and once kept but reported as failed ---


class Crash(Exception):
    """The process ends here."""


class Fragile:
    """A connection that dies at one of its writes: before it, or after it and before anyone hears of it."""

    def __init__(self, conn: Connection, dies_at: int, *, keeps: bool) -> None:
        self.conn, self.left, self.keeps = conn, dies_at, keeps

    def __getattr__(self, name: str) -> Any:
        return getattr(self.conn, name)

    def _dies(self) -> bool:
        self.left -= 1
        return self.left == 0

    async def execute(self, *statement: Any) -> str:
        dies = self._dies()
        if dies and not self.keeps:
            raise Crash
        done: str = await self.conn.execute(*statement)
        if dies:
            raise Crash
        return done

    def transaction(self) -> "FragileTransaction":
        return FragileTransaction(self)


class FragileTransaction:
    """Its commit is a write like any other."""

    def __init__(self, fragile: Fragile) -> None:
        self.fragile, self.own = fragile, fragile.conn.transaction()

    async def __aenter__(self) -> None:
        await self.own.start()

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        dies = kind is None and self.fragile._dies()
        if kind is not None or (dies and not self.fragile.keeps):
            await self.own.rollback()
        else:
            await self.own.commit()
        if dies:
            raise Crash


async def step(conn: Any) -> None:
    """Do what `sequence` does, on one connection."""
    await sequencer.append_leaves(conn, NOW)
    await sequencer.sign_head(conn, LOG)


WRITES = 5  # place, widen, extend, commit; sign


def crashes() -> Iterator[tuple[int, bool]]:
    return ((write, keeps) for write in range(1, WRITES + 1) for keeps in (False, True))


@pytest.mark.parametrize(("write", "keeps"), list(crashes()))
async def test_a_crash_at_any_write_is_recovered_by_the_next_run(log: Pool, write: int, keeps: bool):
    await queue(log, 300)
    await sequencer.sequence_leaves(log, LOG, NOW)
    before = await published(log)
    await queue(log, 2, 250)
    async with log.acquire() as conn:
        fragile: Any = Fragile(conn, write, keeps=keeps)
        with pytest.raises(Crash):
            await step(fragile)
    half_way = await published(log)  # whatever happened, what is public is a whole tree
    assert half_way == before or (write == WRITES and keeps)
    await queue(log, 3)  # and others arrive before the next run
    await sequencer.sequence_leaves(log, LOG, NOW)
    assert (await published(log))[0] == 555
    assert await waiting(log) == 0
    assert await one_tree_was_signed(log)


async def test_the_cases_reach_every_write(log: Pool):
    await queue(log, 1)
    async with log.acquire() as conn:
        fragile: Any = Fragile(conn, WRITES + 1, keeps=False)
        assert await sequencer.append_leaves(fragile, NOW) == 1
        await sequencer.sign_head(fragile, LOG)
    assert fragile.left == 1


async def one_tree_was_signed(pool: Pool) -> bool:
    """Tell whether every checkpoint that was ever signed is of the tree that stands now."""
    rows = await pool.fetch("SELECT size, checkpoint FROM log_heads WHERE checkpoint IS NOT NULL")
    bodies = [row[0] for row in await pool.fetch("SELECT body FROM leaf_queue ORDER BY leaf_index")]
    hashes = [leaf_hash(body) for body in bodies]
    signed = [open_checkpoint(row["checkpoint"], LOG.verifier_key) for row in rows]
    return all(said.root == root(hashes[: said.size]) for said in signed)


# --- two at once ---


async def test_two_sequencers_at_once_make_one_tree(log: Pool):
    async def work() -> None:
        for _ in range(12):
            await queue(log, 3)
            await sequencer.sequence_leaves(log, LOG, NOW)

    await asyncio.gather(*(work() for _ in range(4)))
    await sequencer.sequence_leaves(log, LOG, NOW)
    assert (await published(log))[0] == 4 * 12 * 3
    assert await one_tree_was_signed(log)


async def test_without_the_lock_the_compare_and_swap_lets_one_through(log: Pool, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sequencer, "_TRY_LOCK_SEQUENCER", "SELECT true")
    await queue(log, 300)
    async with log.acquire() as one, log.acquire() as other:
        for _ in range(20):
            placed = await asyncio.gather(sequencer.append_leaves(one, NOW), sequencer.append_leaves(other, NOW))
            assert min(n or 0 for n in placed) == 0
            await queue(log, 7)
    await sequencer.sequence_leaves(log, LOG, NOW)
    assert (await published(log))[0] == 300 + 20 * 7
    assert await one_tree_was_signed(log)


async def test_a_head_cannot_be_extended_twice(log: Pool, owner: Connection):
    await queue(log, 1)
    await sequencer.sequence_leaves(log, LOG, NOW)
    with pytest.raises(asyncpg.UniqueViolationError, match="log_heads_previous_size_is_unique"):
        await owner.execute(query("add_head"), 0, 2, bytes(32), NOW)


# --- whose log it is ---


async def test_another_key_is_refused(log: Pool):
    for signer in (make_signer(LOG.name, b"m" * 32), make_signer("other.example.org/log", b"l" * 32)):
        with pytest.raises(LogRefused, match=r"ledger\.example\.org/log"):
            await sequencer.create_log(log, signer, NOW)
        with pytest.raises(LogRefused):
            await sequencer.sequence_leaves(log, signer, NOW)


async def test_a_database_without_a_log_is_refused(pool: Pool):
    await queue(pool, 1)
    with pytest.raises(LogRefused, match="log init"):
        await sequencer.sequence_leaves(pool, LOG, NOW)
    async with pool.acquire() as conn:
        with pytest.raises(LogRefused, match="log init"):
            await sequencer.check_identity(conn, LOG)
    assert await waiting(pool) == 1


# --- what was told stays ---


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
    await queue(log, 300)
    await sequencer.sequence_leaves(log, LOG, NOW)
    await owner.execute(f"SET session_replication_role = replica; {tampering}")
    await queue(log, 1)
    with pytest.raises(BrokenTree, match="tree of 300"):
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
    await queue(log, 3)
    await sequencer.sequence_leaves(log, LOG, NOW)
    with pytest.raises(asyncpg.RestrictViolationError):
        await owner.execute(statement)


async def test_bytes_are_kept_exactly_as_they_were_hashed(log: Pool):
    await queue(log, 1)
    before = await log.fetchval("SELECT body FROM leaf_queue")
    await sequencer.sequence_leaves(log, LOG, NOW)
    async with log.acquire() as conn:
        entry = await store.read_entry(conn, 0)
    assert entry == before
    assert list(json.loads(entry)) == sorted(json.loads(entry))
