"""Witnesses of a running service: cosignatures are requested, served, exported and verified."""

import asyncio
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import aiohttp
import asyncpg
import pytest
from prometheus_client import generate_latest

from ledger.log.cosignature import Quorum, parse_witness_key
from ledger.log.verify.source import HttpSource
from ledger.log.verify.verifier import VerificationFailed, verify_log
from ledger.publication import sequencer, witnesses
from ops import app
from ops.admin.core.command import CommandServices
from ops.doctor import run_diagnostics
from ops.jobs import Jobs
from ops.log_export import export_log
from ops.settings import Settings
from running_service import KEYS, LOG, like, running_service
from sql import Pool
from tests.integration.ledger.publication.test_witnesses import (
    LOG_VKEY,
    NOW,
    OTHER_WITNESS,
    client_of,
    clock_at,
    cosigners,
    enqueue_leaves,
    grow,
    http,
    request_cosignature,
)
from witness import MOMENT, Witness, running_witness

__all__ = ["http"]  # the fixture


async def test_a_cosignature_is_served_exported_measured_and_verified(
    dsn: str, tmp_path: Path, http: aiohttp.ClientSession
):
    async with (
        running_witness(LOG_VKEY) as first,
        running_witness(LOG_VKEY, *OTHER_WITNESS) as other,
        running_service(dsn) as to,
    ):
        await to.send([like(str(n)) for n in range(5)])
        await to.sequence()
        before = await to.get("/log/checkpoint")
        service = to.service
        services = CommandServices(service.pool, service.keys, service.settings)
        jobs = Jobs(service.pool, service.catalogue_cache, service.metrics, services)
        other.behaviour = "is down"
        for witness in (first, other):
            await jobs.request_cosignature(http, client_of(witness))
        after = await to.get("/log/checkpoint")
        assert before.headers["ETag"] != after.headers["ETag"]
        assert (await to.get("/log/checkpoint", **{"If-None-Match": after.headers["ETag"]})).status == 304
        assert (
            after.body
            == before.body + first.cosignature_line(before.body.decode().rpartition("\n\n")[0] + "\n").encode()
        )
        metrics = generate_latest(to.service.metrics.registry).decode()
        assert 'like_ledger_witness_lag_seconds{witness="witness.example/w1"} 0.0\n' in metrics
        assert 'like_ledger_witness_lag_seconds{witness="witness.example/w2"} 0.0\n' not in metrics
        async with to.service.pool.acquire() as conn:
            await export_log(conn, tmp_path)
        assert (tmp_path / "checkpoint").read_bytes() == after.body
        keys = parse_witness_key(first.vkey), parse_witness_key(other.vkey)
        result = await asyncio.to_thread(
            verify_log, HttpSource(to.url), None, LOG.verifier_key, None, Quorum(keys, 1)
        )
        assert [(line.witness.name, line.timestamp) for line in result.cosignatures] == [(first.name, MOMENT)]
        command = [
            sys.executable,
            "-m",
            "ledger.log.verify",
            to.url,
            "--witness",
            first.vkey,
            "--witness",
            first.vkey,
        ]
        process = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=False)
        assert (process.returncode, process.stderr) == (0, "")
        assert "Cosigned by witness.example/w1 at 2023-03-20T12:25:47+00:00." in process.stdout


async def test_a_running_service_requests_cosignatures(dsn: str, http: aiohttp.ClientSession):
    async with running_witness(LOG_VKEY) as first:
        settings = Settings(port=0, tick_seconds=3600, sequence_seconds=0.05, log_witnesses=first.setting)
        async with app.run_service(settings, KEYS, dsn) as service, app.serve_http(service):
            for leaves, size in ((2, 2), (5, 7)):
                await enqueue_leaves(service.pool, leaves)
                async with asyncio.timeout(10):
                    while first.size != size or await cosigners(service.pool, first) == []:
                        await asyncio.sleep(0.01)


async def test_missing_witnesses_are_named(dsn: str, http: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("ledger.log.verify.verifier._RETRY_SECONDS", 0.01)
    monkeypatch.setattr("ledger.log.verify.verifier._ATTEMPTS_MAX", 3)
    async with running_witness(LOG_VKEY) as first, running_service(dsn) as to:
        await to.send([like(str(n)) for n in range(5)])
        await to.sequence()
        await witnesses.request_cosignature(
            to.service.pool, http, client_of(first), clock_at(NOW + timedelta(days=3650))
        )
        keys = parse_witness_key(first.vkey), parse_witness_key(Witness(LOG_VKEY, *OTHER_WITNESS).vkey)
        with pytest.raises(VerificationFailed, match=r"1 of 2 required witnesses cosigned .*: witness\.example/w2"):
            await asyncio.to_thread(verify_log, HttpSource(to.url), None, LOG.verifier_key, None, Quorum(keys, 2))


async def test_the_doctor_reports_lagging_witnesses(dsn: str, http: aiohttp.ClientSession, pool: Pool):
    await sequencer.create_log(pool, LOG, NOW)
    async with running_witness(LOG_VKEY) as first, running_witness(LOG_VKEY, *OTHER_WITNESS) as other:
        other.behaviour = "is down"
        await grow(pool, 4)
        for witness in (first, other):
            await request_cosignature(pool, http, witness)
        conn = await asyncpg.connect(dsn)
        findings = {
            f.check: f
            async for f in run_diagnostics(conn, Settings(log_witnesses=f"{first.setting},{other.setting}"))
        }
        await conn.close()
    first_finding, other_finding = (findings[f"witness witness.example/w{n}"] for n in (1, 2))
    assert (first_finding.is_ok, first_finding.state) == (True, "has cosigned 4 of 4 leaves")
    assert other_finding.state == "has cosigned 0 of 4 leaves; last request: status 503"
    assert not other_finding.is_ok
    assert "LIKE_LEDGER_LOG_WITNESSES" in other_finding.fix
