"""Back up, restore and go on, with PostgreSQL 15 of the system: the steps of docs/operate.md.

A server archives its write-ahead log. It is restored to its last transaction, where the log goes on,
and to an earlier moment, where the log refuses and is succeeded.
"""

import asyncio
import json
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import asyncpg
import pytest

from campaigns.catalogue import platforms
from databases import SETTINGS, scratch_folder
from ledger.publication import sequencer
from ops import database, embedded_postgres
from ops.clock import utc_now
from ops.migrate import migrate
from postgres15 import BINARIES
from program import Program, batch_likes, running_sender
from running_service import KEYS, LOG, create_funded_campaign, environment, promise

ROOT = Path(__file__).parents[2]
SUCCESSOR = "ledger.example.org/log2"
UID = GID = 65534  # root's server runs as nobody

pytestmark = pytest.mark.one_server


@asynccontextmanager
async def server_on(folder: Path, **settings: str) -> AsyncIterator[str]:
    """Yield the address of the database `ledger` of a server whose data is in `folder`."""
    server = await embedded_postgres.start(folder, settings=SETTINGS | settings, binaries=BINARIES)
    try:
        yield server.dsn.replace("/postgres?", "/ledger?")
    finally:
        await server.stop()


def give_to_server(folder: Path) -> None:
    """Let the server's user own a folder, if root runs the tests."""
    if os.geteuid() == 0:
        for path in (folder, *folder.rglob("*")):
            shutil.chown(path, UID, GID)


def run(environ: Mapping[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "ops.cli", *words]
    return subprocess.run(
        command, cwd=ROOT, env=os.environ | environ, capture_output=True, text=True, timeout=60, check=False
    )


async def create_ledger(dsn: str) -> str:
    """Create the database with a campaign and its log; return the platform's secret."""
    conn = await asyncpg.connect(dsn.replace("/ledger?", "/postgres?"))
    await conn.execute("CREATE DATABASE ledger")
    await conn.close()
    await migrate(dsn)
    async with database.open_pool(dsn) as pool:
        await create_funded_campaign(pool, promise())
        async with pool.acquire() as conn, conn.transaction():
            secret = await platforms.add_platform(conn, "kuai", KEYS.webhook)
        await sequencer.create_log(pool, LOG, utc_now())
    return secret


async def read_ready(program: Program) -> tuple[int, dict[str, object]]:
    async with (
        aiohttp.ClientSession() as http,
        http.get(f"http://127.0.0.1:{program.port}/ready") as response,
    ):
        return response.status, await response.json()


async def send(program: Program, secret: str, number: int) -> None:
    """Send a delivery and wait until its likes are in the public log."""
    async with running_sender(program, secret) as sender:
        await sender.deliver(number, batch_likes(number))


async def remember(program: Program, state: Path) -> str:
    """Verify the service as a reader who remembers it; return what the verifier prints."""
    url = f"http://127.0.0.1:{program.port}"
    verified = await asyncio.to_thread(run, {}, "verify", url, "--state", str(state))
    assert verified.returncode == 0, verified.stdout + verified.stderr
    return verified.stdout


async def back_up(dsn: str, folder: Path) -> None:
    """Write a base backup into the place where a server expects its data."""
    cluster = folder / "postgres" / "cluster"
    command = [str(BINARIES.folder / "pg_basebackup"), "--pgdata", str(cluster), "--checkpoint=fast", "--dbname", dsn]
    backup = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=False)
    assert backup.returncode == 0, backup.stderr


@pytest.mark.parametrize("target", ["the last transaction", "yesterday"])
async def test_a_restored_service_goes_on_or_says_what_to_do(tmp_path: Path, data_dir: Path, target: str):
    state = tmp_path / "reader.json"
    with scratch_folder() as folder:
        folder.chmod(0o755)
        archive = folder / "archive"
        archive.mkdir()
        give_to_server(archive)
        archiving = {"wal_level": "replica", "archive_mode": "on", "archive_command": f"cp %p {archive}/%f"}
        async with server_on(folder / "first", **archiving) as dsn:
            secret = await create_ledger(dsn)
            program = Program(environment(dsn), tmp_path / "service.log")
            program.start()
            try:
                await send(program, secret, 1)
                await back_up(dsn, folder / "second")
                await send(program, secret, 2)
                await remember(program, state)
                conn = await asyncpg.connect(dsn)
                await conn.execute("SELECT pg_create_restore_point('yesterday')")
                await conn.close()
                await send(program, secret, 3)
                await remember(program, state)
            finally:
                program.kill()
        cluster = folder / "second" / "postgres" / "cluster"
        (cluster / "recovery.signal").touch()
        give_to_server(folder / "second")
        recovery = {"restore_command": f"cp {archive}/%f %p", "recovery_target_action": "promote"}
        if target == "yesterday":
            recovery["recovery_target_name"] = "yesterday"
        async with server_on(folder / "second", **recovery) as dsn:
            await wait_until_writable(dsn)
            program = Program(environment(dsn), tmp_path / "service.log")
            program.start()
            try:
                await go_on(program, secret, state, refuses=target == "yesterday")
            finally:
                program.kill()


async def wait_until_writable(dsn: str) -> None:
    conn = await asyncpg.connect(dsn)
    async with asyncio.timeout(20):
        while await conn.fetchval("SELECT pg_is_in_recovery()"):
            await asyncio.sleep(0.05)
    await conn.close()


async def go_on(program: Program, secret: str, state: Path, *, refuses: bool) -> None:
    """Follow the operator's steps after a restore until everything verifies."""
    status, reason = await read_ready(program)
    await send(program, secret, 4)  # intake runs in any case
    if refuses:
        assert (status, reason["code"]) == (503, "log_rolled_back")
        doctor = await asyncio.to_thread(run, program.settings, "doctor")
        assert (doctor.returncode, "like-ledger log succeed" in doctor.stdout) == (1, True)
        program.kill()
        words = ("log", "succeed", "--origin", SUCCESSOR, "--yes", "--json")
        succeeded = await asyncio.to_thread(run, program.settings, *words)
        assert succeeded.returncode == 0, succeeded.stderr
        key = json.loads(succeeded.stdout)["log_key"]
        program.settings = {
            **program.settings,
            "LIKE_LEDGER_LOG_KEY": key,
            "LIKE_LEDGER_LOG_ORIGIN": SUCCESSOR,
        }
        program.start()
        status, _ = await read_ready(program)
    assert status == 200
    await send(program, secret, 5)
    assert ("succeeded" in await remember(program, state)) is refuses
    assert "succeeded" not in await remember(program, state)  # the reader now knows the successor
    check = await asyncio.to_thread(run, program.settings, "check")
    assert check.returncode == 0, check.stderr
