"""(h) Receipts with their proofs a second, made in process and answered over HTTP; (i) on the same log."""

import asyncio
from random import Random
from statistics import median
from time import perf_counter
from typing import Any

import asyncpg

from campaigns.intake.batch_tree import encode_receipt
from campaigns.reporting import receipts
from ops import database
from ops.clock import utc_now
from tests.bench import crowd, stage, told, verified
from tests.bench.crowd import Stream
from tests.bench.figures import Figure
from tests.bench.intake import CONNECTIONS, DELIVERY_LIKES
from tests.bench.processes import BenchFailed
from tests.bench.reader import ReadResult
from tests.bench.run import Bench
from tests.bench.stage import CROWD, Service

_LIKES = 20_000
_RECEIPTS = 500  # a round, in process
_READERS = 16
_LOG_SECONDS_MAX = 30
_POLL_SECONDS = 0.1


async def measure(bench: Bench) -> list[Figure]:
    """Measure (h) and (i): first the log as it was made, then receipts of likes that are sent to it."""
    async with bench.postgres.database() as dsn:
        size = await told.fill(bench, dsn, bench.sizes.leaves, f"hi: logging {bench.sizes.leaves:,} leaves")
        await told.export(bench, dsn)
        async with (
            stage.running_service(bench.folder, dsn) as service,
            stage.running_yardstick(bench.folder, "json") as bare,
        ):
            found = await verified.measure(bench, service, size)
            known, likes_a_batch = await _send_likes(bench, service)
            details = {"leaves": size, "likes_a_batch": likes_a_batch}
            return [*(await _rounds(bench, service, known, bare.port, details)), *found]


async def _send_likes(bench: Bench, service: Service) -> tuple[list[str], float]:
    """Send likes; return receipts of some once the log has them all, and how many a batch holds."""
    bodies = crowd.bodies(Stream().take(_LIKES), DELIVERY_LIKES, CROWD)
    await stage.send(bench.folder, service.intake, bodies, CONNECTIONS)
    conn = await asyncpg.connect(service.dsn)
    try:
        async with asyncio.timeout(_LOG_SECONDS_MAX):
            while await conn.fetchval(
                """SELECT EXISTS (SELECT FROM like_batches WHERE folded_at IS NULL)
                OR EXISTS (SELECT FROM leaf_queue WHERE leaf_index IS NULL)"""
            ):
                await asyncio.sleep(_POLL_SECONDS)
        await conn.execute("VACUUM (ANALYZE) likes")  # as autovacuum does: a receipt's like is found by its batch
        rows = await conn.fetch("SELECT batch_id, positions, nonce_key FROM like_batches WHERE size > 0")
    finally:
        await conn.close()
    every = [encode_receipt(row["batch_id"], place, row["nonce_key"]) for row in rows for place in row["positions"]]
    return Random(7).sample(every, _RECEIPTS), median(len(row["positions"]) for row in rows)


async def _rounds(
    bench: Bench, service: Service, receipt_ids: list[str], bare_port: int, details: dict[str, Any]
) -> list[Figure]:
    made: list[float] = []
    answered: tuple[list[float], list[float]] = ([], [])
    task = bench.progress.add_task("h: rounds", total=bench.sizes.rounds)
    for number in range(bench.sizes.rounds):
        made.append(await _measure_made(service.dsn, receipt_ids))
        targets = (service.intake.port, f"/v1/receipts/{receipt_ids[number]}"), (bare_port, "/json")
        for (port, path), own in zip(targets, answered, strict=True):
            own.append(await _measure_answered(bench, port, path))
        bench.progress.advance(task)
    return [
        Figure("h", "receipts with proof made, one after the other", "proofs/s", made, details=details),
        Figure("h", "receipts with proof answered", "proofs/s", answered[0], "bare JSON", answered[1]),
    ]


async def _measure_made(dsn: str, receipt_ids: list[str]) -> float:
    """Return proofs a second, as the service's own handler makes them, without HTTP."""
    async with database.open_pool(dsn) as pool:
        started = perf_counter()
        for own in receipt_ids:
            async with pool.acquire() as conn, conn.transaction(isolation="repeatable_read", readonly=True):
                found = await receipts.find_receipt(conn, own, utc_now())
            if found is None or found["count"] is None or found["checkpoint"] is None:
                raise BenchFailed(f"{own} has no proof")
        return len(receipt_ids) / (perf_counter() - started)


async def _measure_answered(bench: Bench, port: int, path: str) -> float:
    async with stage.running_readers(bench.folder, port, path, _READERS, bench.sizes.reading_seconds) as readers:
        read = ReadResult(**await readers.start())
    if read.failures:
        raise BenchFailed(f"{path}: {read.failures} of {read.answers} were refused")
    return read.answers / read.seconds
