"""(c) Likes a second with one million and with ten million likes stored."""

from contextlib import AsyncExitStack

import asyncpg

from tests.bench import crowd, stage
from tests.bench.figures import Bar, Figure
from tests.bench.intake import CONNECTIONS, DELIVERY_LIKES
from tests.bench.run import Bench
from tests.bench.stage import CROWD, KEY, PLATFORM, Service

_CHUNK_LIKES = 100_000
_WARM_UPS = 4
# Sorted chunks, as batches arrive: index pages end as full as after a long intake.
_FILL = f"""
    INSERT INTO likes (batch_id, event_at, campaign_id, day, position, state, bucket, person, content)
    SELECT n / 2000, happened, 1, (happened AT TIME ZONE 'Asia/Shanghai')::date, n % 2000, 'counted', 0,
        pseudonym, content::text
    FROM (
        SELECT crowd.*, p.pseudonym, $3::timestamptz + milliseconds * interval '1 millisecond' AS happened
        FROM ({crowd.LIKES_IN_SQL}) crowd JOIN people p ON p.person = crowd.person
    ) likes
    ORDER BY content::text, pseudonym
    ON CONFLICT DO NOTHING
"""


async def fill(bench: Bench, dsn: str, likes: int) -> None:
    """Store the crowd's first likes as the service would, and vacuum the table."""
    conn = await asyncpg.connect(dsn)
    task = bench.progress.add_task(f"c: storing {likes:,} likes", total=likes)
    try:
        await conn.execute("CREATE UNLOGGED TABLE people (person bigint PRIMARY KEY, pseudonym bytea NOT NULL)")
        await conn.copy_records_to_table("people", records=crowd.pseudonyms(KEY, CROWD, PLATFORM))
        await conn.execute("ANALYZE people")
        for first in range(0, likes, _CHUNK_LIKES):
            last = min(first + _CHUNK_LIKES, likes) - 1
            await conn.execute(_FILL, first, last, crowd.STARTS_AT)
            bench.progress.advance(task, last + 1 - first)
        await conn.execute("DROP TABLE people")
        await conn.fetch("SELECT setval('like_batches_batch_id', $1)", likes // 2000 + 1)
        await conn.execute("VACUUM (ANALYZE) likes")
    finally:
        await conn.close()


class StoredSender:
    """Sends likes that follow the stored ones; a fifth are already stored."""

    def __init__(self, bench: Bench, service: Service, stored_likes: int) -> None:
        self._bench, self._service = bench, service
        self._stream = crowd.Stream(first=stored_likes, seed=stored_likes)

    async def round(self) -> float:
        """Send one round; return likes a second."""
        likes = self._stream.take(self._bench.sizes.likes)
        bodies = crowd.bodies(likes, DELIVERY_LIKES, CROWD)
        sent = await stage.send(self._bench.folder, self._service.intake, bodies, CONNECTIONS)
        return len(likes) / sent.seconds


async def measure(bench: Bench) -> list[Figure]:
    """Measure (c)."""
    sizes = bench.sizes
    async with AsyncExitStack() as stack:
        few = await _fill_service(bench, stack, sizes.few_likes)
        many = await _fill_service(bench, stack, sizes.many_likes)
        await bench.postgres.execute("CHECKPOINT")
        # After a checkpoint the first write to each page logs the whole page. These rounds are in
        # the details, but not in the figure: they are not typical of a long intake.
        cold = await _rounds(bench, "c: warming up", _WARM_UPS, many, few)
        rates = await _rounds(bench, "c: rounds", sizes.rounds, many, few)
    name, yardstick = f"{sizes.many_likes:,} likes stored", f"{sizes.few_likes:,} likes stored"
    return [Figure("c", name, "likes/s", rates[0], yardstick, rates[1], Bar(0.85), {"warming_up": cold})]


async def _rounds(
    bench: Bench, title: str, rounds: int, many: StoredSender, few: StoredSender
) -> tuple[list[float], list[float]]:
    """Return likes a second of each, in alternating rounds."""
    task = bench.progress.add_task(title, total=rounds)
    rates: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        for sender, sender_rates in zip((many, few), rates, strict=True):
            sender_rates.append(await sender.round())
        bench.progress.advance(task)
    return rates


async def _fill_service(bench: Bench, stack: AsyncExitStack, likes: int) -> StoredSender:
    dsn = await stack.enter_async_context(bench.postgres.database())
    await fill(bench, dsn, likes)
    return StoredSender(bench, await stack.enter_async_context(stage.running_service(bench.folder, dsn)), likes)
