"""A log that lost signed leaves is succeeded: readers of the old log follow the link, or are told why not."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import pytest

from campaigns.reporting import receipts
from databases import DatabaseServer, broken_invariants
from ledger.log.note import make_signer
from ledger.log.receipt import check_receipt
from ledger.log.verify.source import FolderSource
from ledger.log.verify.state import VerifierState
from ledger.log.verify.verifier import VerificationFailed, VerificationResult, verify_log
from ledger.publication import sequencer, store
from ledger.publication.head_memory import HeadMemory
from ledger.publication.outbox import enqueue_leaf
from ledger.publication.refusals import LogRefused, SigningRefused
from ledger.publication.signing_guard import SigningGuard
from ledger.publication.succession import OnProgress, succeed_log
from ops import database, log_succession
from ops.clock import utc_now
from ops.http.core.representations import to_json
from ops.log_export import export_log
from ops.log_succession import SuccessionResult
from ops.settings import Settings
from running_service import LOG, LOG_SEED, SLUG, RunningService, like, running_service
from sql import Pool
from tests.integration.ledger.publication.test_signing_guard import unused_database

ORIGIN = "ledger.example.org/log2"
ACCOUNT = "6222020200112233445"


@dataclass
class Story:
    """A ledger, an older backup of its database, and the heads that readers have seen."""

    dsn: str
    backup: str
    states: dict[str, VerifierState]
    mirror: Path
    receipt: str


def settings_of(dsn: str, **changes: object) -> Settings:
    values = {"database_url": dsn, "log_key": LOG_SEED.hex(), "log_origin": LOG.name} | changes
    return Settings(**values)


async def show_account_numbers(dsn: str) -> None:
    """Give the leaf of terms its form of earlier versions, with account numbers."""
    conn = await asyncpg.connect(dsn)
    promise = json.loads(await conn.fetchval("SELECT promise FROM terms"))
    row = await conn.fetchrow("SELECT leaf_id, body FROM leaf_queue WHERE kind = 'terms'")
    leaf = json.loads(row["body"]) | {"v": 1}
    for beneficiary, stored in zip(leaf["promise"]["terms"]["beneficiaries"], promise["beneficiaries"], strict=True):
        del beneficiary["account_sha256"]
        beneficiary["account"] = stored["account"]
    body = json.dumps(leaf, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
    await conn.execute("ALTER TABLE leaf_queue DISABLE TRIGGER USER")
    await conn.execute("UPDATE leaf_queue SET body = $2 WHERE leaf_id = $1", row["leaf_id"], body)
    await conn.execute("ALTER TABLE leaf_queue ENABLE TRIGGER USER")
    await conn.close()


async def grow(pool: Pool, leaves: int, guard: SigningGuard) -> VerifierState:
    """Append remarks and sign; return what a reader then remembers."""
    for number in range(leaves):
        async with pool.acquire() as conn, conn.transaction():
            text = {"campaign": SLUG, "about": "correction", "text": f"remark {number}"}
            count = await conn.fetchval("SELECT count(*) FROM leaf_queue")
            await enqueue_leaf(conn, "note", f"note/remark/{count}", text)
    await sequencer.sequence_leaves(pool, LOG, utc_now(), guard)
    async with pool.acquire() as conn:
        head = await store.newest_head(conn)
    assert head is not None
    return VerifierState(LOG.verifier_key, head.log_note)


@pytest.fixture
async def story(dsn: str, database_server: DatabaseServer, log_state: Path, tmp_path: Path) -> AsyncIterator[Story]:
    guard = SigningGuard(HeadMemory(log_state))
    async with running_service(dsn) as server:
        await show_account_numbers(dsn)
        receipt = await send_likes(server)
        await server.tick()
        states = {"early": await grow(server.service.pool, 0, guard)}
        states["backup"] = await grow(server.service.pool, 3, guard)
    name = dsn.rpartition("/")[2].partition("?")[0]
    async with unused_database(database_server, name):
        copied = database_server.database(name)
        backup = await copied.__aenter__()
    async with database.open_pool(dsn) as pool:
        states["between"] = await grow(pool, 7, guard)
        states["newest"] = await grow(pool, 10, guard)
        async with pool.acquire() as conn:
            await export_log(conn, tmp_path / "mirror")
    yield Story(dsn, backup, states, tmp_path / "mirror", receipt)
    await copied.__aexit__(None, None, None)


async def send_likes(server: RunningService) -> str:
    response = await server.send([like(str(n)) for n in range(30)], results="all")
    return str(response.json["results"][0]["receipt"])


async def run_succession(
    dsn: str, origin: str = ORIGIN, copy: Path | None = None, **settings: object
) -> SuccessionResult:
    result = await log_succession.run_succession(
        dsn, settings_of(dsn, **settings), origin, copy=str(copy) if copy else None
    )
    assert result is not None
    return result


async def verify(dsn: str, folder: Path, state: VerifierState | None) -> VerificationResult:
    """Export the log and verify it from its files alone."""
    async with database.open_pool(dsn) as pool, pool.acquire() as conn:
        await export_log(conn, folder)
    return verify_log(FolderSource(folder), state, log_only=True)


async def test_a_restored_log_is_succeeded_and_readers_follow(story: Story, tmp_path: Path, log_state: Path):
    guard = SigningGuard(HeadMemory(log_state))
    async with database.open_pool(story.backup) as pool:
        with pytest.raises(SigningRefused):
            await grow(pool, 1, guard)
    result = await run_succession(story.backup)
    assert result.plan is not None
    newest, kept = story.states["newest"].checkpoint.size, story.states["backup"].checkpoint.size
    assert (result.plan.kept, result.plan.lost, result.plan.hashed_terms) == (kept, newest - kept, 1)
    for name in ("early", "backup", "newest"):
        verified = await verify(story.backup, tmp_path / "successor", story.states[name])
        assert verified.followed is not None
        assert (verified.followed.is_stated, verified.followed.lost) == (True, newest - kept)
        assert verified.checkpoint.origin == ORIGIN
    assert ACCOUNT.encode() not in b"".join(
        file.read_bytes() for file in (tmp_path / "successor").rglob("*") if file.is_file()
    )
    assert await broken_invariants(story.backup) == {}
    successor = result.successor.signer
    async with database.open_pool(story.backup) as pool:  # the successor goes on
        assert (await sequencer.sequence_leaves(pool, successor, utc_now(), guard)) is not None
    assert HeadMemory(log_state).read().key == successor.verifier_key  # type: ignore[union-attr]


@pytest.mark.parametrize("is_remembered", [True, False])
async def test_readers_of_some_lost_leaves_follow_by_their_hashes(
    story: Story, tmp_path: Path, log_state: Path, *, is_remembered: bool
):
    """The signer's memory has the hashes of lost leaves; a copy has them too."""
    if is_remembered:
        await run_succession(story.backup)
    else:
        HeadMemory(log_state).forget_hashes()
        await run_succession(story.backup, copy=story.mirror)
    for state in story.states.values():
        assert (await verify(story.backup, tmp_path / "successor", state)).followed is not None


async def test_a_copy_proves_the_link_without_a_memory(story: Story, tmp_path: Path, log_state: Path):
    log_state.unlink()  # noqa: ASYNC240
    HeadMemory(log_state).forget_hashes()
    await run_succession(story.backup, copy=story.mirror)
    for state in story.states.values():
        assert (await verify(story.backup, tmp_path / "successor", state)).followed is not None


async def test_without_hashes_readers_of_some_lost_leaves_are_told(story: Story, tmp_path: Path, log_state: Path):
    HeadMemory(log_state).forget_hashes()
    await run_succession(story.backup)
    with pytest.raises(VerificationFailed, match=r"does not show that the .* leaves which it succeeds extend the"):
        await verify(story.backup, tmp_path / "successor", story.states["between"])


async def test_a_complete_log_can_be_succeeded_too(story: Story, tmp_path: Path):
    result = await run_succession(story.dsn)
    assert result.plan is not None
    assert (result.plan.lost, result.plan.kept) == (0, story.states["newest"].checkpoint.size)
    for state in story.states.values():
        assert (await verify(story.dsn, tmp_path / "successor", state)).followed is not None


async def test_a_successor_can_be_succeeded(story: Story, tmp_path: Path):
    first = await run_succession(story.dsn)
    middle = (await verify(story.dsn, tmp_path / "second", None)).state
    assert first.successor.seed is not None
    key = {"log_key": first.successor.seed.hex(), "log_origin": ORIGIN}
    await run_succession(story.dsn, "ledger.example.org/log3", **key)
    for state in (*story.states.values(), middle):
        verified = await verify(story.dsn, tmp_path / "third", state)
        assert verified.followed is not None
        assert verified.followed.succession.key == state.key
    assert await broken_invariants(story.dsn) == {}


async def test_a_false_link_is_not_followed(story: Story, tmp_path: Path):
    await run_succession(story.dsn)
    other = make_signer("stranger.example.org/log", b"s" * 32)
    note = sequencer.sign_checkpoint(sequencer.Checkpoint(other.name, 3, b"r" * 32), other)
    with pytest.raises(VerificationFailed, match="does not name that log as succeeded"):
        await verify(story.dsn, tmp_path / "successor", VerifierState(other.verifier_key, note))
    forked = sequencer.sign_checkpoint(sequencer.Checkpoint(LOG.name, 3, b"r" * 32), LOG)
    with pytest.raises(VerificationFailed, match="have the root"):
        await verify(story.dsn, tmp_path / "successor", VerifierState(LOG.verifier_key, forked))
    longer = sequencer.sign_checkpoint(sequencer.Checkpoint(LOG.name, 3000, b"r" * 32), LOG)
    with pytest.raises(VerificationFailed, match="but 3000 were seen before"):
        await verify(story.dsn, tmp_path / "successor", VerifierState(LOG.verifier_key, longer))


async def test_repeated_it_changes_nothing(story: Story):
    first = await run_succession(story.dsn)
    assert first.successor.seed is not None
    again = await run_succession(story.dsn, log_key=first.successor.seed.hex(), log_origin=ORIGIN)
    assert (again.plan, again.size) == (None, first.size)
    with pytest.raises(LogRefused, match="log_successor_key_missing"):
        await run_succession(story.dsn)


async def test_the_successor_needs_another_origin(story: Story):
    with pytest.raises(LogRefused, match="log_successor_not_new"):
        await run_succession(story.dsn, LOG.name)


async def test_a_crash_changes_nothing(story: Story, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    async def crash(*arguments: object, on_progress: OnProgress = lambda _: None) -> None:
        await succeed_log(*arguments, on_progress=on_progress)  # type: ignore[arg-type]
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(log_succession.succession, "succeed_log", lambda *a: crash(*a[:5]))
        with pytest.raises(KeyboardInterrupt):
            await run_succession(story.dsn)
    assert (await verify(story.dsn, tmp_path / "old", story.states["newest"])).followed is None
    await run_succession(story.dsn)


async def test_receipts_are_proven_by_the_successor(story: Story, tmp_path: Path):
    result = await run_succession(story.dsn)
    async with database.open_pool(story.dsn) as pool, pool.acquire() as conn:
        receipt = await receipts.find_receipt(conn, story.receipt, utc_now())
    steps = check_receipt(to_json(receipt), result.successor.signer.verifier_key)
    assert all(step.holds for step in steps)
    assert steps[-1].name == "log"
