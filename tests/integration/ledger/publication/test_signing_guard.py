"""The signing guard: after a restore or a failover no head is signed that readers could refute."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import pytest

from databases import DatabaseServer
from ledger.log.checkpoint import open_checkpoint
from ledger.log.merkle import leaf_hash
from ledger.log.note import make_signer
from ledger.log.verify.state import VerifierState, load_state
from ledger.publication import sequencer, store
from ledger.publication.head_memory import HeadMemory
from ledger.publication.outside_views import MirrorView, WitnessView
from ledger.publication.refusals import SigningRefused
from ledger.publication.signing_guard import SigningGuard
from ops import database
from ops.log_export import export_log
from running_service import LOG
from sql import Pool
from tests.integration.ledger.publication.test_sequencer import (
    NOW,
    WRITES,
    Crash,
    Fragile,
    all_signatures_match,
    enqueue_leaves,
    verify_published,
)
from tests.integration.ledger.publication.test_witnesses import LOG_VKEY, client_of
from witness import running_witness

BackUp = Callable[[], Awaitable[Pool]]
OTHER_LOG = make_signer("other.example.org/log", b"o" * 32)


@pytest.fixture
async def log(pool: Pool, log_state: Path) -> Pool:
    await sequencer.create_log(pool, LOG, NOW, guard_of(log_state))
    return pool


@pytest.fixture
async def back_up(database_server: DatabaseServer, log: Pool, dsn: str) -> AsyncIterator[BackUp]:
    """Yield a function that returns a pool on a backup taken of the log at that moment."""
    async with AsyncExitStack() as stack:

        async def copy_database() -> Pool:
            name = dsn.rpartition("/")[2].partition("?")[0]
            async with unused_database(database_server, name):
                address = await stack.enter_async_context(database_server.database(name))
            await log.expire_connections()  # its next acquire connects again
            return await stack.enter_async_context(database.open_pool(address))

        yield copy_database


@asynccontextmanager
async def unused_database(server: DatabaseServer, name: str) -> AsyncIterator[None]:
    """End all sessions of a database and allow no others meanwhile, so that it can be copied."""
    conn = await asyncpg.connect(server.dsn)
    await conn.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
    await conn.fetch("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = $1", name)
    yield
    await conn.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    await conn.close()


def guard_of(file: Path, *views: Any) -> SigningGuard:
    return SigningGuard(HeadMemory(file), views)


async def grow(pool: Pool, leaves: int, guard: SigningGuard) -> None:
    await enqueue_leaves(pool, leaves)
    await guard.compare(pool)
    assert await sequencer.sequence_leaves(pool, LOG, NOW, guard) is not None


def overwrite(file: Path, content: str) -> None:
    file.write_text(content)


def remove(file: Path) -> None:
    file.unlink()


def remembered_size(file: Path) -> int:
    state = load_state(file)
    assert state is not None
    return state.checkpoint.size


async def refusal_code(pool: Pool, guard: SigningGuard) -> str:
    """Return the code with which the guard refuses; nothing was appended or signed."""
    heads = await pool.fetch("SELECT size, checkpoint FROM log_heads")
    await enqueue_leaves(pool, 1)
    with pytest.raises(SigningRefused) as refused:
        await guard.compare(pool)
    with pytest.raises(SigningRefused):
        await sequencer.sequence_leaves(pool, LOG, NOW, guard)
    assert guard.refusal is not None
    assert await pool.fetch("SELECT size, checkpoint FROM log_heads") == heads
    return refused.value.code


async def test_the_newest_head_is_remembered(log: Pool, log_state: Path):
    for leaves, size in ((3, 3), (300, 303)):
        await grow(log, leaves, guard_of(log_state))
        assert remembered_size(log_state) == size


# --- crashes around the file ---


class FragileMemory(HeadMemory):
    """A memory with a file whose next write is lost, or stored and reported as failed."""

    def __init__(self, file: Path, written: str, *, keeps_write: bool) -> None:
        super().__init__(file)
        self.written, self.keeps_write = written, keeps_write

    async def append_hashes(self, first: int, hashes: Sequence[bytes]) -> None:
        if self.written == "head" or self.keeps_write:
            await super().append_hashes(first, hashes)
        if self.written == "hashes":
            raise Crash

    async def write(self, state: VerifierState) -> None:
        if self.keeps_write:
            await super().write(state)
        raise Crash


@pytest.mark.parametrize("keeps_write", [False, True])
@pytest.mark.parametrize("written", ["hashes", "head"])
async def test_no_signature_is_public_before_it_is_remembered(
    log: Pool, log_state: Path, written: str, *, keeps_write: bool
):
    await grow(log, 2, guard_of(log_state))
    before = await verify_published(log)
    await enqueue_leaves(log, 5)
    memory = FragileMemory(log_state, written, keeps_write=keeps_write)
    with pytest.raises(Crash):
        await sequencer.sequence_leaves(log, LOG, NOW, SigningGuard(memory))
    assert await verify_published(log) == before
    assert remembered_size(log_state) == (7 if keeps_write and written == "head" else 2)
    await grow(log, 1, guard_of(log_state))
    assert (await verify_published(log))[0] == remembered_size(log_state) == 8
    assert await all_signatures_match(log)
    bodies = [row[0] for row in await log.fetch("SELECT body FROM leaf_queue ORDER BY leaf_index")]
    assert HeadMemory(log_state).read_hashes() == (0, [leaf_hash(body) for body in bodies])


@pytest.mark.parametrize("keeps_write", [False, True])
@pytest.mark.parametrize("write", range(1, WRITES + 1))
async def test_a_crash_at_any_write_of_the_database_leaves_the_memory_true(
    log: Pool, log_state: Path, write: int, *, keeps_write: bool
):
    guard = guard_of(log_state)
    await grow(log, 2, guard)
    await enqueue_leaves(log, 5)
    async with log.acquire() as conn:
        fragile: Any = Fragile(conn, write, keeps_write=keeps_write)
        with pytest.raises(Crash):
            await append_and_sign(fragile, guard)
    published, _ = await verify_published(log)
    assert remembered_size(log_state) >= published
    await grow(log, 1, guard_of(log_state))
    assert (await verify_published(log))[0] == remembered_size(log_state) == 8
    assert await all_signatures_match(log)


async def append_and_sign(conn: Any, guard: SigningGuard) -> None:
    """Run the steps of `sequence_leaves` on one connection."""
    await sequencer.append_leaves(conn, NOW)
    await sequencer.sign_head(conn, LOG, guard)


@pytest.mark.breaks_invariants  # a head stays unsigned
async def test_a_head_that_the_database_lost_after_it_was_remembered_is_missed(
    back_up: BackUp, log: Pool, log_state: Path
):
    backup = await back_up()
    await enqueue_leaves(log, 4)
    async with log.acquire() as conn:
        fragile: Any = Fragile(conn, WRITES, keeps_write=False)
        with pytest.raises(Crash):
            await append_and_sign(fragile, guard_of(log_state))
    assert remembered_size(log_state) == 4  # the signature may have been seen
    assert await refusal_code(backup, guard_of(log_state)) == "log_rolled_back"


# --- restored databases ---


async def test_a_restored_database_is_not_signed(back_up: BackUp, log: Pool, log_state: Path):
    guard = guard_of(log_state)
    await grow(log, 4, guard)
    backup = await back_up()
    await grow(log, 17, guard)
    assert await refusal_code(backup, guard_of(log_state)) == "log_rolled_back"
    await grow(log, 1, guard)  # the right database goes on


async def test_another_tree_is_not_signed_if_it_is_larger(back_up: BackUp, log: Pool, log_state: Path):
    await grow(log, 4, guard_of(log_state))
    backup = await back_up()
    await grow(log, 3, guard_of(log_state))
    await enqueue_leaves(backup, 9)
    await sequencer.sequence_leaves(backup, LOG, NOW)  # by a program without a memory
    assert await refusal_code(backup, guard_of(log_state)) == "log_forked"


@pytest.mark.parametrize(
    ("content", "code"),
    [("", "log_state_unreadable"), ("{}", "log_state_unreadable"), ('{"key": 1}', "log_state_unreadable")],
)
async def test_a_broken_memory_stops_the_log(log: Pool, log_state: Path, content: str, code: str):
    overwrite(log_state, content)
    assert await refusal_code(log, guard_of(log_state)) == code


async def test_a_memory_of_another_log_stops_the_log(log: Pool, log_state: Path):
    await HeadMemory(log_state).write(
        VerifierState(
            OTHER_LOG.verifier_key,
            sequencer.sign_checkpoint(sequencer.Checkpoint(OTHER_LOG.name, 0, sequencer.EMPTY_ROOT), OTHER_LOG),
        )
    )
    assert await refusal_code(log, guard_of(log_state)) == "log_state_of_another_key"


async def test_a_memory_that_cannot_be_written_stops_the_log(log: Pool):
    assert await refusal_code(log, guard_of(Path("/proc/none/log-state.json"))) == "log_state_unwritable"


async def test_a_missing_memory_is_created_from_the_database(log: Pool, log_state: Path):
    await grow(log, 5, guard_of(log_state))
    remove(log_state)
    assert await guard_of(log_state).compare(log) is True
    assert remembered_size(log_state) == 5


async def test_a_deleted_memory_is_written_again_by_the_process_that_knows_it(
    back_up: BackUp, log: Pool, log_state: Path
):
    guard = guard_of(log_state)
    backup = await back_up()
    await grow(log, 5, guard)
    remove(log_state)
    assert await refusal_code(backup, guard) == "log_rolled_back"
    await grow(log, 1, guard)
    assert remembered_size(log_state) == 6


# --- views from outside ---


async def test_a_mirror_notices_what_the_memory_does_not(back_up: BackUp, log: Pool, log_state: Path, tmp_path: Path):
    mirror = tmp_path / "mirror"
    await grow(log, 4, guard_of(log_state))
    backup = await back_up()
    await grow(log, 3, guard_of(log_state))
    async with log.acquire() as conn:
        await export_log(conn, mirror)
    remove(log_state)
    guard = guard_of(log_state, MirrorView(str(mirror)))
    assert await refusal_code(backup, guard) == "log_rolled_back"
    assert load_state(log_state) is None
    await grow(log, 1, guard)
    assert remembered_size(log_state) == 8


async def test_a_witness_notices_what_the_memory_does_not(
    back_up: BackUp, log: Pool, log_state: Path, tmp_path: Path
):
    async with running_witness(LOG_VKEY) as witness, aiohttp.ClientSession() as http:
        guard = guard_of(log_state, WitnessView(http, client_of(witness)))
        await grow(log, 4, guard)
        await guard.compare(log)
        backup = await back_up()
        await grow(log, 3, guard)
        await guard.compare(log)
        assert witness.size == 7
        fresh = guard_of(tmp_path / "other-machine.json", WitnessView(http, client_of(witness)))
        assert await refusal_code(backup, fresh) == "log_rolled_back"
        await enqueue_leaves(backup, 6)
        await sequencer.sequence_leaves(backup, LOG, NOW)  # by a program without a memory
        assert await refusal_code(backup, fresh) == "log_forked"
        witness.behaviour = "is down"  # what it said before still counts
        assert await refusal_code(backup, fresh) == "log_forked"


async def test_without_memory_one_view_must_answer(log: Pool, log_state: Path, tmp_path: Path):
    await grow(log, 4, guard_of(log_state))
    remove(log_state)
    guard = guard_of(log_state, MirrorView(str(tmp_path / "no mirror")))
    assert await refusal_code(log, guard) == "log_state_unconfirmed"
    async with log.acquire() as conn:
        await export_log(conn, tmp_path / "mirror")
    await grow(log, 1, guard_of(log_state, MirrorView(str(tmp_path / "mirror")), MirrorView("http://127.0.0.1:9")))


# --- several processes ---


async def test_one_process_at_a_time_signs(log: Pool, log_state: Path):
    await enqueue_leaves(log, 3)
    with HeadMemory(log_state).lock() as is_held:
        assert is_held
        assert await sequencer.sequence_leaves(log, LOG, NOW, guard_of(log_state)) is None
    assert remembered_size(log_state) == 0
    await grow(log, 1, guard_of(log_state))
    assert remembered_size(log_state) == 4


async def test_concurrent_signers_never_refuse_each_other(log: Pool, log_state: Path):
    async def sign(rounds: int) -> None:
        guard = guard_of(log_state)
        for _ in range(rounds):
            await enqueue_leaves(log, 1)
            await guard.compare(log)
            await sequencer.sequence_leaves(log, LOG, NOW, guard)

    await asyncio.gather(*(sign(10) for _ in range(3)))
    await grow(log, 1, guard_of(log_state))
    async with log.acquire() as conn:
        head = await store.newest_head(conn)
    assert head is not None
    assert open_checkpoint(head.log_note, LOG.verifier_key).size == remembered_size(log_state) == 31
