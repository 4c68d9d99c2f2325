"""Witnesses: what they cosign stands under the checkpoint; whatever they do, the log goes on, and is true."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import aiohttp
import asyncpg
import pytest

from ledger import http_client
from ledger.log.checkpoint import open_checkpoint
from ledger.log.cosignature import Quorum, parse_witness_key, verify_cosignatures
from ledger.log.note import format_verifier_key, parse_note
from ledger.log.verify.source import HttpSource
from ledger.log.verify.verifier import VerificationFailed, verify_log
from ledger.publication import sequencer, store, witness_client
from ledger.publication import witnesses as witnessing
from ledger.publication.outbox import enqueue_leaf
from ledger.publication.witness_client import WitnessResponse
from ledger.publication.witnesses import LEASE, RETRY_DELAY, WitnessProgress
from ops import app
from ops.admin.core.command import CommandServices
from ops.doctor import run_diagnostics
from ops.jobs import Jobs
from ops.log_export import export_log
from ops.settings import Settings
from serving import KEYS, LOG, like, running_service
from sql import Connection, Pool
from witness import MOMENT, Witness
from witness import running_witness as serving_witness

NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)
OWN = format_verifier_key(LOG.verifier_key)
_number = count()
OTHER = "witness.example/w2", b"v" * 32


def at(moment: datetime = NOW):
    return lambda: moment


@pytest.fixture
async def log(pool: Pool) -> Pool:
    await sequencer.create_log(pool, LOG, NOW)
    return pool


@pytest.fixture
async def witness() -> AsyncIterator[Witness]:
    async with serving_witness(OWN) as own:
        yield own


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with http_client.create_session() as own:
        yield own


async def queue(pool: Pool, leaves: int) -> None:
    async with pool.acquire() as conn, conn.transaction():
        for _ in range(leaves):
            number = next(_number)
            text = {"campaign": "c", "about": "closed", "text": f"leaf {number}"}
            await enqueue_leaf(conn, "note", f"note/{number}", text)


async def grow(pool: Pool, leaves: int) -> int:
    await queue(pool, leaves)
    head = await sequencer.sequence_leaves(pool, LOG, NOW)
    assert head is not None
    return head.size


def asked(witness: Witness) -> witness_client.Witness:
    return witness_client.Witness(parse_witness_key(witness.vkey), witness.url)


async def ask(pool: Pool, http: aiohttp.ClientSession, witness: Witness, moment: datetime = NOW) -> bool:
    return await witnessing.request_cosignature(pool, http, asked(witness), at(moment))


async def cosigned(pool: Pool, *witnesses: Witness) -> list[str]:
    """Return who has cosigned the newest checkpoint, as its reader finds it."""
    async with pool.acquire() as conn:
        signed = await store.newest_head(conn)
    assert signed is not None
    assert open_checkpoint(signed.note, LOG.verifier_key).size == signed.size
    lines = verify_cosignatures(parse_note(signed.note), [parse_witness_key(w.vkey) for w in witnesses])
    assert len(parse_note(signed.note).signatures) == 1 + len(lines)
    return [line.witness.name for line in lines]


async def stands(pool: Pool, witness: Witness, moment: datetime = NOW) -> WitnessProgress:
    async with pool.acquire() as conn:
        return await witnessing.read_witness_progress(conn, asked(witness), moment)


# --- the way it should go ---


async def test_each_checkpoint_is_cosigned_once_with_the_proof_from_the_one_before(
    log: Pool, http: aiohttp.ClientSession, witness: Witness
):
    assert not await ask(log, http, witness)  # the empty tree is nobody's concern
    sizes = [await grow(log, leaves) for leaves in (1,)]
    for leaves in (1, 5, 250, 300, 1):
        assert await ask(log, http, witness)
        assert not await ask(log, http, witness)
        assert await cosigned(log, witness) == [witness.name]
        assert (await stands(log, witness))[:4] == (sizes[-1], sizes[-1], None, None)
        sizes.append(await grow(log, leaves))
        assert await cosigned(log, witness) == []
    assert witness.old_sizes == [0, *sizes[:-2]]
    assert witness.size == sizes[-2]


async def test_two_witnesses_stand_under_it_after_the_log(log: Pool, http: aiohttp.ClientSession, witness: Witness):
    await grow(log, 3)
    async with serving_witness(OWN, *OTHER) as other:
        for seconds, one in enumerate((other, witness)):
            assert await ask(log, http, one, NOW + timedelta(seconds=seconds))
        async with log.acquire() as conn:
            signed = await store.newest_head(conn)
    assert signed is not None
    assert [s.name for s in parse_note(signed.note).signatures] == [LOG.name, other.name, witness.name]
    assert signed.note.startswith(signed.log_note)


async def test_who_lost_our_state_or_whose_state_we_lost_is_asked_from_where_it_stands(
    log: Pool, http: aiohttp.ClientSession, witness: Witness, owner: Connection
):
    first = await grow(log, 7)
    assert await ask(log, http, witness)
    await owner.execute("UPDATE log_witnesses SET known_size = 0")
    size = await grow(log, 300)
    assert await ask(log, http, witness)
    assert witness.old_sizes == [0, 0, first]
    await owner.execute("SET session_replication_role = replica; DELETE FROM log_cosignatures WHERE size = 307")
    assert await ask(log, http, witness)  # the answer was lost: it says the same again
    assert witness.old_sizes[3:] == [size]
    witness.size = 0
    await grow(log, 1)
    assert await ask(log, http, witness)
    assert witness.old_sizes[4:] == [size, 0]
    assert await cosigned(log, witness) == [witness.name]


async def test_a_checkpoint_that_comes_meanwhile_is_cosigned_next(
    log: Pool, http: aiohttp.ClientSession, witness: Witness
):
    first = await grow(log, 3)
    witness.behaviour = "is slow"
    asking = asyncio.create_task(ask(log, http, witness))
    await witness.request_seen.wait()
    second = await grow(log, 4)  # nothing waits for a witness
    witness.release.set()
    assert await asking
    assert await cosigned(log, witness) == []
    assert (await stands(log, witness))[:2] == (first, second)
    assert await ask(log, http, witness)
    assert await cosigned(log, witness) == [witness.name]


async def test_of_two_instances_one_asks(log: Pool, http: aiohttp.ClientSession, witness: Witness):
    size = await grow(log, 3)
    witness.behaviour = "is slow"
    one = asyncio.create_task(ask(log, http, witness))
    await witness.request_seen.wait()
    assert not await ask(log, http, witness)
    assert await log.fetchval("SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'") == 0
    two = asyncio.create_task(ask(log, http, witness, NOW + LEASE))  # the first seems to have died
    while len(witness.old_sizes) < 2:
        await asyncio.sleep(0)
    witness.release.set()
    assert await asyncio.gather(one, two) == [True, True]
    assert witness.old_sizes == [0, 0, size]  # the later one came second, and was told so
    assert await cosigned(log, witness) == [witness.name]
    assert await log.fetchval("SELECT count(*) FROM log_cosignatures") == 1


# --- whatever a witness does ---

WAYS = {
    "is down": "status 503",
    "sends without end": "more than 65536 bytes",
    "signs something else": "the cosignature of 'witness.example/w1' is false",
    "signs with another key": "no cosignature of 'witness.example/w1' with this key",
    "says nothing": "no cosignature",
    "mumbles": "no signature under an empty line, or no newline at the end",
    "names a size that is none": "the answer is no size",
    "names the size that was asked": "it stands at 0 leaves and refuses what begins there",
    "names another size each time": "it names another size each time",
    "sends one elsewhere": "status 307",
}


@pytest.mark.parametrize("way", list(WAYS))
async def test_what_is_no_cosignature_is_not_kept_and_is_told(
    log: Pool, http: aiohttp.ClientSession, witness: Witness, way: str
):
    await grow(log, 9)
    witness.behaviour = way
    assert await ask(log, http, witness)
    found = await stands(log, witness)
    assert WAYS[way] in str(found.fault)
    assert (found.cosigned_size, found.lagging_since) == (0, NOW)
    assert await cosigned(log, witness) == []
    assert not await ask(log, http, witness, NOW + RETRY_DELAY / 2)  # it is left in peace for a while
    assert len(witness.old_sizes) <= witnessing.ATTEMPTS_MAX
    witness.behaviour = "cosigns"
    assert await ask(log, http, witness, NOW + RETRY_DELAY)
    assert (await stands(log, witness)).fault is None
    assert await cosigned(log, witness) == [witness.name]


async def test_lines_of_strangers_and_a_second_one_are_dropped(
    log: Pool, http: aiohttp.ClientSession, witness: Witness
):
    await grow(log, 9)
    witness.behaviour = "brings strangers"
    assert await ask(log, http, witness)
    assert await cosigned(log, witness) == [witness.name]


async def test_no_answer_ends_in_time(
    log: Pool, http: aiohttp.ClientSession, witness: Witness, monkeypatch: pytest.MonkeyPatch
):
    await grow(log, 2)
    witness.behaviour = "is slow"
    monkeypatch.setattr(http, "_timeout", aiohttp.ClientTimeout(total=0.1))
    assert await ask(log, http, witness)
    assert (await stands(log, witness)).fault == "no answer in time"
    gone = Witness(OWN, "witness.example/gone", url="http://127.0.0.1:1/x")
    assert await ask(log, http, gone)
    assert str((await stands(log, gone)).fault).startswith("not reached: ")


@pytest.mark.parametrize(
    ("log_vkey", "says"),
    [
        (OWN.replace("ledger.", "another."), "status 404: it does not know this log"),
        (
            f"{LOG.name}+00000000+" + Witness("", seed=b"y" * 32).vkey.split("+", 2)[2],
            "status 403: it does not know the key",
        ),
    ],
)
async def test_a_witness_that_does_not_know_us_says_so(
    log: Pool, http: aiohttp.ClientSession, witness: Witness, log_vkey: str, says: str
):
    await grow(log, 2)
    witness.log_vkey = log_vkey
    assert await ask(log, http, witness)
    assert says in str((await stands(log, witness)).fault)


@pytest.mark.parametrize(
    ("size", "says"),
    [
        (5, "it has seen another past of this log"),
        (9, "it has seen another tree of this size"),
        (10, "it has seen 10 leaves, and this log has 9: was the database restored?"),
    ],
)
async def test_a_witness_that_saw_another_log_of_this_key_is_told_of(
    log: Pool, http: aiohttp.ClientSession, witness: Witness, size: int, says: str
):
    await grow(log, 9)
    witness.size, witness.root = size, bytes(32)
    assert await ask(log, http, witness)
    assert says in str((await stands(log, witness)).fault)
    assert await cosigned(log, witness) == []


def test_an_answer_that_is_not_text_is_a_fault():
    key = parse_witness_key(Witness(OWN).vkey)
    for body in (b"\xff\xfe", b"\x00", "— é".encode()):
        assert isinstance(
            witness_client.parse_response(WitnessResponse(200, "text/plain", body), b"o\n1\nx\n\n", key),
            witness_client.WitnessFailure,
        )


# --- what is kept ---


@pytest.mark.parametrize(
    "statement",
    ["UPDATE log_cosignatures SET line = '\\x00'", "DELETE FROM log_cosignatures", "TRUNCATE log_cosignatures"],
)
async def test_a_cosignature_is_never_taken_back(
    log: Pool, http: aiohttp.ClientSession, witness: Witness, owner: Connection, statement: str
):
    await grow(log, 1)
    await ask(log, http, witness)
    with pytest.raises(asyncpg.RestrictViolationError):
        await owner.execute(statement)


# --- what everyone sees ---


async def test_it_is_served_exported_measured_and_held_to(dsn: str, tmp_path: Path, http: aiohttp.ClientSession):
    async with serving_witness(OWN) as one, serving_witness(OWN, *OTHER) as other, running_service(dsn) as to:
        await to.send([like(str(n)) for n in range(5)])
        await to.sequence()
        before = await to.get("/log/checkpoint")
        own = to.service
        jobs = Jobs(own.pool, own.catalogue_cache, own.metrics, CommandServices(own.pool, own.keys, own.settings))
        other.behaviour = "is down"
        for each in (one, other):
            await jobs.request_cosignature(http, asked(each))
        after = await to.get("/log/checkpoint")
        assert before.headers["ETag"] != after.headers["ETag"]
        assert (await to.get("/log/checkpoint", **{"If-None-Match": after.headers["ETag"]})).status == 304
        assert (
            after.body
            == before.body + one.cosignature_line(before.body.decode().rpartition("\n\n")[0] + "\n").encode()
        )
        measured = (await to.get("/metrics")).body.decode()
        assert 'like_ledger_witness_lag_seconds{witness="witness.example/w1"} 0.0\n' in measured
        assert 'like_ledger_witness_lag_seconds{witness="witness.example/w2"} 0.0\n' not in measured
        async with to.service.pool.acquire() as conn:
            await export_log(conn, tmp_path)
        assert (tmp_path / "checkpoint").read_bytes() == after.body
        keys = parse_witness_key(one.vkey), parse_witness_key(other.vkey)
        found = await asyncio.to_thread(verify_log, HttpSource(to.url), None, LOG.verifier_key, None, Quorum(keys, 1))
        assert [(own.witness.name, own.timestamp) for own in found.cosignatures] == [(one.name, MOMENT)]
        command = [sys.executable, "-m", "ledger.log.verify", to.url, "--witness", one.vkey, "--witness", one.vkey]
        said = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=False)
        assert (said.returncode, said.stderr) == (0, "")
        assert "Cosigned by witness.example/w1 at 2023-03-20T12:25:47+00:00." in said.stdout


async def test_a_service_has_what_it_logs_cosigned_by_itself(dsn: str, http: aiohttp.ClientSession):
    async with serving_witness(OWN) as one:
        own = Settings(port=0, tick_seconds=3600, sequence_seconds=0.05, log_witnesses=one.setting)
        async with app.run_service(own, KEYS, dsn) as service, app.serve_http(service):
            for leaves, size in ((2, 2), (5, 7)):
                await queue(service.pool, leaves)
                async with asyncio.timeout(10):
                    while one.size != size or await cosigned(service.pool, one) == []:
                        await asyncio.sleep(0.01)


async def test_who_asks_for_more_witnesses_than_there_are_is_told_which_lack(
    dsn: str, http: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("ledger.log.verify.verifier._RETRY_SECONDS", 0.01)
    monkeypatch.setattr("ledger.log.verify.verifier._ATTEMPTS_MAX", 3)
    async with serving_witness(OWN) as one, running_service(dsn) as to:
        await to.send([like(str(n)) for n in range(5)])
        await to.sequence()
        await witnessing.request_cosignature(to.service.pool, http, asked(one), at(NOW + timedelta(days=3650)))
        keys = parse_witness_key(one.vkey), parse_witness_key(Witness(OWN, *OTHER).vkey)
        with pytest.raises(VerificationFailed, match=r"1 of the 2 witnesses .* has cosigned .*: witness\.example/w2"):
            await asyncio.to_thread(verify_log, HttpSource(to.url), None, LOG.verifier_key, None, Quorum(keys, 2))


async def test_the_doctor_says_which_witness_owes_and_why(dsn: str, http: aiohttp.ClientSession, pool: Pool):
    await sequencer.create_log(pool, LOG, NOW)
    async with serving_witness(OWN) as one, serving_witness(OWN, *OTHER) as other:
        other.behaviour = "is down"
        await grow(pool, 4)
        for each in (one, other):
            await ask(pool, http, each)
        conn = await asyncpg.connect(dsn)
        found = {
            f.check: f async for f in run_diagnostics(conn, Settings(log_witnesses=f"{one.setting},{other.setting}"))
        }
        await conn.close()
    first, second = found["witness witness.example/w1"], found["witness witness.example/w2"]
    assert (first.is_ok, first.state) == (True, "has cosigned 4 of 4 leaves")
    assert second.state == "has cosigned 0 of 4 leaves; when it was last asked: status 503"
    assert not second.is_ok
    assert "LIKE_LEDGER_LOG_WITNESSES" in second.fix
