"""Witnesses: cosignatures are published; whatever a witness does, the log continues and is true."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from itertools import count

import aiohttp
import asyncpg
import pytest

from ledger import http_client
from ledger.log.checkpoint import open_checkpoint
from ledger.log.cosignature import parse_witness_key, verify_cosignatures
from ledger.log.note import format_verifier_key, parse_note
from ledger.publication import sequencer, store, witness_client, witnesses
from ledger.publication.outbox import enqueue_leaf
from ledger.publication.witnesses import LEASE, RETRY_DELAY, WitnessProgress
from running_service import LOG
from sql import Connection, Pool
from witness import Witness, running_witness

NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)
LOG_VKEY = format_verifier_key(LOG.verifier_key)
_number = count()
OTHER_WITNESS = "witness.example/w2", b"v" * 32


def clock_at(moment: datetime = NOW):
    return lambda: moment


@pytest.fixture
async def log(pool: Pool) -> Pool:
    await sequencer.create_log(pool, LOG, NOW)
    return pool


@pytest.fixture
async def witness() -> AsyncIterator[Witness]:
    async with running_witness(LOG_VKEY) as running:
        yield running


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with http_client.create_session() as session:
        yield session


async def enqueue_leaves(pool: Pool, leaves: int) -> None:
    async with pool.acquire() as conn, conn.transaction():
        for _ in range(leaves):
            number = next(_number)
            text = {"campaign": "c", "about": "closed", "text": f"leaf {number}"}
            await enqueue_leaf(conn, "note", f"note/{number}", text)


async def grow(pool: Pool, leaves: int) -> int:
    await enqueue_leaves(pool, leaves)
    head = await sequencer.sequence_leaves(pool, LOG, NOW)
    assert head is not None
    return head.size


def client_of(witness: Witness) -> witness_client.Witness:
    return witness_client.Witness(parse_witness_key(witness.vkey), witness.url)


async def request_cosignature(
    pool: Pool, http: aiohttp.ClientSession, witness: Witness, moment: datetime = NOW
) -> bool:
    return await witnesses.request_cosignature(pool, http, client_of(witness), clock_at(moment))


async def cosigners(pool: Pool, *expected: Witness) -> list[str]:
    """Return the names of the cosigners in the newest published checkpoint."""
    async with pool.acquire() as conn:
        signed = await store.newest_head(conn)
    assert signed is not None
    assert open_checkpoint(signed.note, LOG.verifier_key).size == signed.size
    lines = verify_cosignatures(parse_note(signed.note), [parse_witness_key(w.vkey) for w in expected])
    assert len(parse_note(signed.note).signatures) == 1 + len(lines)
    return [line.witness.name for line in lines]


async def read_progress(pool: Pool, witness: Witness, moment: datetime = NOW) -> WitnessProgress:
    async with pool.acquire() as conn:
        return await witnesses.read_witness_progress(conn, client_of(witness), moment)


# --- normal operation ---


async def test_each_checkpoint_is_cosigned_once_with_a_proof_from_the_last(
    log: Pool, http: aiohttp.ClientSession, witness: Witness
):
    assert not await request_cosignature(log, http, witness)  # the empty tree is not cosigned
    sizes = [await grow(log, leaves) for leaves in (1,)]
    for leaves in (1, 5, 250, 300, 1):
        assert await request_cosignature(log, http, witness)
        assert not await request_cosignature(log, http, witness)
        assert await cosigners(log, witness) == [witness.name]
        assert (await read_progress(log, witness))[:4] == (sizes[-1], sizes[-1], None, None)
        sizes.append(await grow(log, leaves))
        assert await cosigners(log, witness) == []
    assert witness.old_sizes == [0, *sizes[:-2]]
    assert witness.size == sizes[-2]


async def test_cosignatures_follow_the_logs_signature(log: Pool, http: aiohttp.ClientSession, witness: Witness):
    await grow(log, 3)
    async with running_witness(LOG_VKEY, *OTHER_WITNESS) as other:
        for seconds, asked_witness in enumerate((other, witness)):
            assert await request_cosignature(log, http, asked_witness, NOW + timedelta(seconds=seconds))
        async with log.acquire() as conn:
            signed = await store.newest_head(conn)
    assert signed is not None
    assert [s.name for s in parse_note(signed.note).signatures] == [LOG.name, other.name, witness.name]
    assert signed.note.startswith(signed.log_note)


async def test_after_lost_state_the_request_starts_from_the_witnesss_size(
    log: Pool, http: aiohttp.ClientSession, witness: Witness, owner: Connection
):
    first = await grow(log, 7)
    assert await request_cosignature(log, http, witness)
    await owner.execute("UPDATE log_witnesses SET known_size = 0")
    size = await grow(log, 300)
    assert await request_cosignature(log, http, witness)
    assert witness.old_sizes == [0, 0, first]
    await owner.execute("SET session_replication_role = replica; DELETE FROM log_cosignatures WHERE size = 307")
    assert await request_cosignature(log, http, witness)  # the response was lost: the witness repeats it
    assert witness.old_sizes[3:] == [size]
    witness.size = 0
    await grow(log, 1)
    assert await request_cosignature(log, http, witness)
    assert witness.old_sizes[4:] == [size, 0]
    assert await cosigners(log, witness) == [witness.name]


async def test_a_checkpoint_signed_meanwhile_is_cosigned_next(
    log: Pool, http: aiohttp.ClientSession, witness: Witness
):
    first = await grow(log, 3)
    witness.behaviour = "is slow"
    asking = asyncio.create_task(request_cosignature(log, http, witness))
    await witness.request_seen.wait()
    second = await grow(log, 4)  # the log does not wait for a witness
    witness.release.set()
    assert await asking
    assert await cosigners(log, witness) == []
    assert (await read_progress(log, witness))[:2] == (first, second)
    assert await request_cosignature(log, http, witness)
    assert await cosigners(log, witness) == [witness.name]


async def test_one_of_two_instances_sends_the_request(log: Pool, http: aiohttp.ClientSession, witness: Witness):
    size = await grow(log, 3)
    witness.behaviour = "is slow"
    first = asyncio.create_task(request_cosignature(log, http, witness))
    await witness.request_seen.wait()
    assert not await request_cosignature(log, http, witness)
    assert await log.fetchval("SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'") == 0
    second = asyncio.create_task(
        request_cosignature(log, http, witness, NOW + LEASE)
    )  # the first one's lease has expired
    while len(witness.old_sizes) < 2:
        await asyncio.sleep(0)
    witness.release.set()
    assert await asyncio.gather(first, second) == [True, True]
    assert witness.old_sizes == [0, 0, size]  # the later one got a size conflict
    assert await cosigners(log, witness) == [witness.name]
    assert await log.fetchval("SELECT count(*) FROM log_cosignatures") == 1


# --- misbehaviour ---

MISBEHAVIOURS = {
    "is down": "status 503",
    "sends too much": "the response exceeds 65536 bytes",
    "signs something else": "the cosignature of 'witness.example/w1' is invalid",
    "signs with another key": "no cosignature of 'witness.example/w1' with this key",
    "sends nothing": "no cosignature",
    "sends no note": "no signature under an empty line, or no newline at the end",
    "sends a malformed size": "the body is not a size",
    "repeats the same size": "the witness reports 0 leaves and refuses a proof from there",
    "sends another size each time": "the witness reports another size each time",
    "redirects": "status 307",
}


@pytest.mark.parametrize("behaviour", list(MISBEHAVIOURS))
async def test_a_misbehaving_witness_is_reported_and_not_stored(
    log: Pool, http: aiohttp.ClientSession, witness: Witness, behaviour: str
):
    await grow(log, 9)
    witness.behaviour = behaviour
    assert await request_cosignature(log, http, witness)
    progress = await read_progress(log, witness)
    assert MISBEHAVIOURS[behaviour] in str(progress.fault)
    assert (progress.cosigned_size, progress.lagging_since) == (0, NOW)
    assert await cosigners(log, witness) == []
    assert not await request_cosignature(log, http, witness, NOW + RETRY_DELAY / 2)
    assert len(witness.old_sizes) <= witnesses.ATTEMPTS_MAX
    witness.behaviour = "cosigns"
    assert await request_cosignature(log, http, witness, NOW + RETRY_DELAY)
    assert (await read_progress(log, witness)).fault is None
    assert await cosigners(log, witness) == [witness.name]


async def test_unknown_and_repeated_cosignatures_are_dropped(
    log: Pool, http: aiohttp.ClientSession, witness: Witness
):
    await grow(log, 9)
    witness.behaviour = "adds unknown witnesses"
    assert await request_cosignature(log, http, witness)
    assert await cosigners(log, witness) == [witness.name]


async def test_a_missing_response_times_out(
    log: Pool, http: aiohttp.ClientSession, witness: Witness, monkeypatch: pytest.MonkeyPatch
):
    await grow(log, 2)
    witness.behaviour = "is slow"
    monkeypatch.setattr(http, "_timeout", aiohttp.ClientTimeout(total=0.1))
    assert await request_cosignature(log, http, witness)
    assert (await read_progress(log, witness)).fault == "no response in time"
    gone = Witness(LOG_VKEY, "witness.example/gone", url="http://127.0.0.1:1/x")
    assert await request_cosignature(log, http, gone)
    assert str((await read_progress(log, gone)).fault).startswith("unreachable: ")


@pytest.mark.parametrize(
    ("log_vkey", "message"),
    [
        (LOG_VKEY.replace("ledger.", "another."), "status 404: the witness does not know this log"),
        (
            f"{LOG.name}+00000000+" + Witness("", seed=b"y" * 32).vkey.split("+", 2)[2],
            "status 403: the witness does not know this log's key",
        ),
    ],
)
async def test_a_witness_that_does_not_know_the_log_is_reported(
    log: Pool, http: aiohttp.ClientSession, witness: Witness, log_vkey: str, message: str
):
    await grow(log, 2)
    witness.log_vkey = log_vkey
    assert await request_cosignature(log, http, witness)
    assert message in str((await read_progress(log, witness)).fault)


@pytest.mark.parametrize(
    ("size", "message"),
    [
        (5, "the witness has seen another history of this log"),
        (9, "the witness has seen another tree of this size"),
        (10, "the witness has seen 10 leaves, but this log has 9: was the database restored?"),
    ],
)
async def test_a_witness_that_saw_another_history_is_reported(
    log: Pool, http: aiohttp.ClientSession, witness: Witness, size: int, message: str
):
    await grow(log, 9)
    witness.size, witness.root = size, bytes(32)
    assert await request_cosignature(log, http, witness)
    assert message in str((await read_progress(log, witness)).fault)
    assert await cosigners(log, witness) == []


# --- immutability ---


@pytest.mark.parametrize(
    "statement",
    ["UPDATE log_cosignatures SET line = '\\x00'", "DELETE FROM log_cosignatures", "TRUNCATE log_cosignatures"],
)
async def test_a_cosignature_is_never_changed(
    log: Pool, http: aiohttp.ClientSession, witness: Witness, owner: Connection, statement: str
):
    await grow(log, 1)
    await request_cosignature(log, http, witness)
    with pytest.raises(asyncpg.RestrictViolationError):
        await owner.execute(statement)
