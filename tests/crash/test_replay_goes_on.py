"""The service is killed repeatedly during a replay; the sender continues, figures are exact."""

import asyncio
import contextlib
import json
import os
import socket
import sys
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import aiohttp
import pytest
from rich.console import Console

import sql
from campaigns.catalogue import platforms
from ledger.publication import sequencer
from ops.clock import utc_now
from ops.replay.formats import Format
from ops.replay.run import ReplayJob, ReplayTarget, new_report, send_file
from ops.replay.secret import parse_secret
from processes import ROOT
from running_service import DAY, KEYS, LOG, SLUG, create_funded_campaign, environment, like, promise

pytestmark = pytest.mark.slow
LIKES, SIZE, KILLS = 6_000, 50, 3


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.asynccontextmanager
async def serving_process(dsn: str, port: int) -> AsyncIterator[asyncio.subprocess.Process]:
    """Yield a ready service process; kill it at the end without a shutdown."""
    settings = environment(dsn) | {"LIKE_LEDGER_PORT": str(port)}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "ops.cli",
        "serve",
        cwd=ROOT,
        env=os.environ | settings,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        await wait_until_ready(f"http://127.0.0.1:{port}/ready")
        yield process
    finally:
        process.kill()
        await process.wait()


async def wait_until_ready(url: str) -> None:
    async with asyncio.timeout(60), aiohttp.ClientSession() as session:
        while True:
            with contextlib.suppress(aiohttp.ClientConnectionError):
                async with session.get(url) as response:
                    if response.status == 200:
                        return
            await asyncio.sleep(0.05)


async def kill_repeatedly(dsn: str, port: int, pool: sql.Pool, all_sent: asyncio.Event) -> None:
    """Kill the service after a share of the deliveries and start it again; the last one stays."""
    for run in range(1, KILLS + 1):
        async with serving_process(dsn, port):
            while await pool.fetchval("SELECT count(*) FROM deliveries") < run * LIKES // SIZE // (KILLS + 1):
                await asyncio.sleep(0.005)
    async with serving_process(dsn, port):
        await all_sent.wait()
        await wait_until_folded(pool)


async def wait_until_folded(pool: sql.Pool) -> None:
    async with asyncio.timeout(60):
        while await pool.fetchval("SELECT count(*) FROM like_batches WHERE folded_at IS NULL"):
            await asyncio.sleep(0.05)


def write_likes(file: Path) -> Path:
    """Write likes of 60 people on 100 videos, without duplicates."""
    events = (like(f"p{n % 60}", f"v{n // 60}", at=DAY + timedelta(seconds=n)) for n in range(LIKES))
    file.write_text("".join(f"{json.dumps(event)}\n" for event in events), encoding="utf-8")
    return file


async def test_a_replay_survives_killed_services(dsn: str, pool: sql.Pool, tmp_path: Path):
    await create_funded_campaign(pool, promise())
    await sequencer.create_log(pool, LOG, utc_now())
    async with pool.acquire() as conn, conn.transaction():
        secret = await platforms.add_platform(conn, "kuai", KEYS.webhook)
    port = free_port()
    job = ReplayJob(write_likes(tmp_path / "likes.ndjson"), Format.NDJSON, SLUG, SIZE, skips_bad_lines=False)
    report = new_report(job)
    target = ReplayTarget(f"http://127.0.0.1:{port}/v1/platforms/kuai/likes", parse_secret(secret), 4, None, 40)
    all_sent = asyncio.Event()
    killer = asyncio.create_task(kill_repeatedly(dsn, port, pool, all_sent))
    await send_file(job, target, utc_now, Console(quiet=True), report)
    all_sent.set()
    await killer
    assert (report.failure, report.delivery_tally.outcomes) == (None, {"counted": LIKES})
    assert report.delivery_tally.retries > 0
    assert await pool.fetchval("SELECT sum(counted) FROM day_counts") == LIKES
    assert await pool.fetchval("SELECT balance_minor FROM accounts WHERE kind = 'pledged'") == LIKES // 3
