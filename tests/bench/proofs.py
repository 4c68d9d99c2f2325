"""(h) Receipts with proofs a second, in process and over HTTP; (i) the verifier on the same log."""

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
from tests.bench import crowd, stage, synthetic_log, verifier
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
    """Measure (h) and (i): the log as filled first, then receipts of likes sent to it."""
    async with bench.postgres.database() as dsn:
        size = await synthetic_log.fill(bench, dsn, bench.sizes.leaves, f"hi: logging {bench.sizes.leaves:,} leaves")
        await synthetic_log.export(bench, dsn)
        async with (
            stage.running_service(bench.folder, dsn) as service,
            stage.running_yardstick(bench.folder, "json") as bare_json,
        ):
            verifier_figures = await verifier.measure(bench, service, size)
            receipt_ids, likes_a_batch = await _send_likes(bench, service)
            details = {"leaves": size, "likes_a_batch": likes_a_batch}
            return [*(await _rounds(bench, service, receipt_ids, bare_json.port, details)), *verifier_figures]


async def _send_likes(bench: Bench, service: Service) -> tuple[list[str], float]:
    """Send likes; return receipts of some once logged, and the median likes a batch."""
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
        await conn.execute("VACUUM (ANALYZE) likes")  # as autovacuum does: a receipt looks up its like by batch
        rows = await conn.fetch("SELECT batch_id, positions, nonce_key FROM like_batches WHERE size > 0")
    finally:
        await conn.close()
    receipt_ids = [
        encode_receipt(row["batch_id"], position, row["nonce_key"]) for row in rows for position in row["positions"]
    ]
    return Random(7).sample(receipt_ids, _RECEIPTS), median(len(row["positions"]) for row in rows)


async def _rounds(
    bench: Bench, service: Service, receipt_ids: list[str], bare_port: int, details: dict[str, Any]
) -> list[Figure]:
    in_process: list[float] = []
    over_http: tuple[list[float], list[float]] = ([], [])
    task = bench.progress.add_task("h: rounds", total=bench.sizes.rounds)
    for number in range(bench.sizes.rounds):
        in_process.append(await _measure_in_process(service.dsn, receipt_ids))
        targets = (service.intake.port, f"/v1/receipts/{receipt_ids[number]}"), (bare_port, "/json")
        for (port, path), rates in zip(targets, over_http, strict=True):
            rates.append(await _measure_over_http(bench, port, path))
        bench.progress.advance(task)
    return [
        Figure("h", "receipts with proof made, one after the other", "proofs/s", in_process, details=details),
        Figure("h", "receipts with proof answered", "proofs/s", over_http[0], "bare JSON", over_http[1]),
    ]


async def _measure_in_process(dsn: str, receipt_ids: list[str]) -> float:
    """Return proofs a second made by the service's own function, without HTTP."""
    async with database.open_pool(dsn) as pool:
        started = perf_counter()
        for receipt_id in receipt_ids:
            async with pool.acquire() as conn, conn.transaction(isolation="repeatable_read", readonly=True):
                receipt = await receipts.find_receipt(conn, receipt_id, utc_now())
            if receipt is None or receipt["count"] is None or receipt["checkpoint"] is None:
                raise BenchFailed(f"{receipt_id} has no proof")
        return len(receipt_ids) / (perf_counter() - started)


async def _measure_over_http(bench: Bench, port: int, path: str) -> float:
    async with stage.running_readers(bench.folder, port, path, _READERS, bench.sizes.reading_seconds) as readers:
        read = ReadResult(**await readers.start())
    if read.failures:
        raise BenchFailed(f"{path}: {read.failures} of {read.answers} requests failed")
    return read.answers / read.seconds
