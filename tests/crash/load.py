"""Load on a service that is about to crash, and what must hold afterwards."""

import asyncio
import time

import asyncpg

from campaigns.catalogue import platforms
from ledger.publication import sequencer
from ops import database
from ops.clock import utc_now
from program import Sender, batch_likes
from running_service import KEYS, LOG, create_funded_campaign, promise

SENDERS = 4


async def prepare(dsn: str) -> str:
    """Create the campaign and the platform; return the platform's secret."""
    async with database.open_pool(dsn) as pool:
        await create_funded_campaign(pool, promise())
        await sequencer.create_log(pool, LOG, utc_now())
        async with pool.acquire() as conn, conn.transaction():
            return await platforms.add_platform(conn, "kuai", KEYS.webhook)


async def send_load(sender: Sender, first: int, deliveries: int) -> None:
    """Send deliveries concurrently."""
    numbers = iter(range(first, first + deliveries))

    async def work() -> None:
        for number in numbers:
            await sender.deliver(number, batch_likes(number))

    async with asyncio.TaskGroup() as group:
        for _ in range(SENDERS):
            group.create_task(work())


async def assert_recorded_once(dsn: str, likes: int) -> None:
    """Wait for the last tick; table, counts and money must contain every like exactly once."""
    conn = await asyncpg.connect(dsn)
    deadline = time.monotonic() + 30
    while await conn.fetchval("SELECT count(*) FROM like_batches WHERE folded_at IS NULL"):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)
    assert await conn.fetchval("SELECT count(*) FROM likes WHERE state = 'counted'") == likes
    assert await conn.fetchval("SELECT sum(counted) FROM day_counts") == likes
    assert await conn.fetchval("SELECT balance_minor FROM accounts WHERE kind = 'pledged'") == likes // 3
    await conn.close()
