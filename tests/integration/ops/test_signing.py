"""A running service whose database lost signed leaves: intake goes on, everything else says why not."""

import asyncio
from pathlib import Path

import aiohttp
import asyncpg
import pytest

from ledger.log.checkpoint import Checkpoint, sign_checkpoint
from ledger.log.verify.state import VerifierState, save_state
from ledger.publication.refusals import SigningRefused
from ops import app
from ops.admin.core import execute
from ops.admin.core.actor import OPERATOR
from ops.admin.registry import find_command
from ops.doctor import Finding, run_diagnostics
from ops.jobs import Jobs
from ops.settings import Settings
from running_service import KEYS, LOG, SLUG, RunningService, like, running_service

FORGOTTEN = Checkpoint(LOG.name, 500, b"r" * 32)  # a head that readers saw, and the database lost


def forget(file: Path) -> None:
    save_state(file, VerifierState(LOG.verifier_key, sign_checkpoint(FORGOTTEN, LOG)))


def jobs_of(server: RunningService) -> Jobs:
    service = server.service
    return Jobs(service.pool, service.catalogue_cache, service.metrics, service.command_services)


async def test_intake_goes_on_and_ticks_settlements_and_payouts_stop(dsn: str, log_state: Path):
    async with running_service(dsn) as server:
        await server.send([like(str(n)) for n in range(6)])
        jobs = jobs_of(server)
        await jobs.tick()
        checkpoint = (await server.get("/log/checkpoint")).body
        pledged = await server.service.pool.fetchval("SELECT balance_minor FROM accounts WHERE kind = 'pledged'")
        forget(log_state)
        assert (await server.send([like(str(n)) for n in range(100, 109)])).outcomes == {"counted": 9}
        for job in (jobs.sequence, jobs.tick, jobs.settle, jobs.resume_payouts):
            with pytest.raises(SigningRefused):
                await job()
        assert (await server.get("/log/checkpoint")).body == checkpoint
        assert pledged == await server.service.pool.fetchval(
            "SELECT balance_minor FROM accounts WHERE kind = 'pledged'"
        )
        ready = await server.get("/ready")
        assert (ready.status, ready.json["ready"], ready.json["code"]) == (503, False, "log_rolled_back")
        assert "like-ledger log succeed" in ready.json["reason"]
        assert server.service.metrics.registry.get_sample_value("like_ledger_log_signing_refused") == 1


async def test_a_service_starts_although_its_log_refuses_and_recovers_by_itself(dsn: str, log_state: Path):
    settings = Settings(port=0, tick_seconds=3600, sequence_seconds=0.05)
    async with app.run_service(settings, KEYS, dsn):
        content = log_state.read_bytes()  # noqa: ASYNC240
    forget(log_state)
    async with (
        app.run_service(settings, KEYS, dsn) as service,
        app.serve_http(service) as url,
        aiohttp.ClientSession() as http,
    ):
        assert await ready_status(http, url) == 503
        log_state.write_bytes(content)  # noqa: ASYNC240
        async with asyncio.timeout(10):
            while await ready_status(http, url) != 200:
                await asyncio.sleep(0.01)


async def ready_status(http: aiohttp.ClientSession, url: str) -> int:
    async with http.get(f"{url}/ready") as response:
        return response.status


@pytest.mark.parametrize("command", ["settlement.make", "settlement.send"])
async def test_people_cannot_settle_or_send_either(dsn: str, log_state: Path, command: str):
    async with running_service(dsn) as server:
        forget(log_state)
        found = find_command(command)
        with pytest.raises(SigningRefused) as refused:
            await execute.execute(server.service.command_services, OPERATOR, found, SLUG, found.body_type())
        assert refused.value.code == "log_rolled_back"


async def test_the_doctor_says_what_is_missing(dsn: str, log_state: Path):
    async with running_service(dsn) as server:
        await server.send([like(str(n)) for n in range(6)])
        await jobs_of(server).tick()
        finding = await find_log_state(dsn)
        assert (finding.is_ok, finding.state[-10:]) == (True, "remembered")
        forget(log_state)
        finding = await find_log_state(dsn)
        assert (finding.is_ok, finding.state) == (False, "log_rolled_back")
        assert str(log_state) in finding.fix


async def find_log_state(dsn: str) -> Finding:
    conn = await asyncpg.connect(dsn)
    findings = {f.check: f async for f in run_diagnostics(conn, Settings())}
    await conn.close()
    return findings["log"]
