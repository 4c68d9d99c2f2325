"""Killed in mid-load: every like that was answered is there once, and nothing is counted twice."""

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable

import asyncpg
import pytest

from campaigns.catalogue import platforms
from databases import broken_invariants, scratch_folder
from ledger.publication import sequencer
from ops import database, embedded_postgres
from ops.clock import utc_now
from ops.migrate import migrate
from program import Sender, batch_likes, running_program, running_sender
from serving import KEYS, LOG, create_funded_campaign, promise

pytestmark = pytest.mark.slow

ROUNDS = 10
DELIVERIES_A_ROUND = 12
SENDERS = 4


async def _prepared(dsn: str) -> str:
    """Make the campaign and the platform; return its secret."""
    async with database.open_pool(dsn) as pool:
        await create_funded_campaign(pool, promise())
        await sequencer.create_log(pool, LOG, utc_now())
        async with pool.acquire() as conn, conn.transaction():
            return await platforms.add_platform(conn, "kuai", KEYS.webhook)


async def _load(to: Sender, first: int, deliveries: int) -> None:
    """Send deliveries side by side."""
    numbers = iter(range(first, first + deliveries))

    async def work() -> None:
        for number in numbers:
            await to.deliver(number, batch_likes(number))

    async with asyncio.TaskGroup() as group:
        for _ in range(SENDERS):
            group.create_task(work())


async def _rounds(to: Sender, crash: Callable[[], Awaitable[None]]) -> int:
    """Crash once in each round of load, then send everything again; return how many likes there are."""
    for number in range(ROUNDS):
        loading = asyncio.create_task(_load(to, number * DELIVERIES_A_ROUND, DELIVERIES_A_ROUND))
        while len(to.answers) < number * DELIVERIES_A_ROUND + 1 and not loading.done():
            await asyncio.sleep(0.001)
        await crash()
        await loading
    before = {webhook_id: set(answers) for webhook_id, answers in to.answers.items()}
    await _load(to, 0, ROUNDS * DELIVERIES_A_ROUND)
    assert to.answers == before, "a redelivery was answered otherwise"
    return len({str(one["person"]) for n in range(ROUNDS * DELIVERIES_A_ROUND) for one in batch_likes(n)})


async def _stands(dsn: str, likes: int) -> None:
    """Wait for the last tick; every like must stand in table, counts and money exactly once."""
    conn = await asyncpg.connect(dsn)
    deadline = time.monotonic() + 30
    while await conn.fetchval("SELECT count(*) FROM like_batches WHERE folded_at IS NULL"):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)
    assert await conn.fetchval("SELECT count(*) FROM likes WHERE state = 'counted'") == likes
    assert await conn.fetchval("SELECT sum(counted) FROM day_counts") == likes
    assert await conn.fetchval("SELECT balance_minor FROM accounts WHERE kind = 'pledged'") == likes // 3
    await conn.close()


async def test_the_service_is_killed_ten_times(dsn: str) -> None:
    secret = await _prepared(dsn)
    with running_program(dsn) as service:
        async with running_sender(service, secret) as to:

            async def crash() -> None:
                service.kill()
                await asyncio.to_thread(service.start)

            likes = await _rounds(to, crash)
            assert to.count_counted() == likes
            assert to.refusal_count > 0, "the load never met a dead service"
            await _stands(dsn, likes)


async def test_postgresql_is_killed_ten_times() -> None:
    with scratch_folder() as folder:
        server = await embedded_postgres.start(folder)
        try:
            await migrate(server.dsn)
            secret = await _prepared(server.dsn)
            with running_program(server.dsn) as service:
                async with running_sender(service, secret) as to:

                    async def crash() -> None:
                        nonlocal server
                        server.process.kill()
                        await server.stop()
                        server = await embedded_postgres.start(folder)

                    likes = await _rounds(to, crash)
                    assert to.count_counted() == likes
                    assert to.refusal_count > 0, "the load never met a dead database"
                    await _stands(server.dsn, likes)
            assert await broken_invariants(server.dsn) == {}
        finally:
            await server.stop()


async def test_sigterm_finishes_what_was_accepted_and_exits_with_0(dsn: str) -> None:
    secret = await _prepared(dsn)
    with running_program(dsn) as service:
        async with running_sender(service, secret) as to:
            loading = asyncio.create_task(_load(to, 0, 40))
            while len(to.answers) < 3:
                await asyncio.sleep(0.001)
            assert await asyncio.to_thread(service.kill, signal.SIGTERM) == 0
            await asyncio.to_thread(service.start)
            await loading
            await _stands(dsn, to.count_counted())
