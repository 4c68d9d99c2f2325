"""(g) The public log's cost a like: intake with and without it, in alternating rounds."""

import asyncpg

from tests.bench import crowd, stage
from tests.bench.crowd import CrowdLike, Stream
from tests.bench.figures import Bar, Figure
from tests.bench.intake import CONNECTIONS, DELIVERY_LIKES
from tests.bench.processes import BenchFailed
from tests.bench.run import Bench
from tests.bench.stage import CROWD, OutcomeChecker, Service

_WITHOUT = "tests.bench.unlogged"
_ROUNDS_FACTOR = 4  # more rounds than other parts: the difference is small
_WARM_UP_SHARE = 4


async def measure(bench: Bench) -> list[Figure]:
    """Measure (g)."""
    stream, checkers = Stream(), (OutcomeChecker(), OutcomeChecker())
    rates: tuple[list[float], list[float]] = ([], [])
    cpu: tuple[list[float], list[float]] = ([], [])
    async with (
        bench.postgres.database() as dsn,
        bench.postgres.database() as plain_dsn,
        stage.running_service(bench.folder, dsn) as logged,
        stage.running_service(bench.folder, plain_dsn, _WITHOUT) as plain,
    ):
        services = (logged, plain)
        task = bench.progress.add_task("g: rounds", total=_ROUNDS_FACTOR * bench.sizes.rounds + 1)
        for number in range(_ROUNDS_FACTOR * bench.sizes.rounds + 1):
            likes = stream.take(bench.sizes.likes // (1 if number else _WARM_UP_SHARE))
            for index in (0, 1) if number % 2 else (1, 0):
                rate, microseconds = await _round(bench, services[index], likes, checkers[index])
                if number:
                    rates[index].append(rate)
                    cpu[index].append(microseconds)
            bench.progress.advance(task)
        await _check_comparison(dsn, plain_dsn)
    details = {"service_cpu_microseconds_a_like": {"with": cpu[0], "without": cpu[1]}}
    name = f"deliveries of {DELIVERY_LIKES}, with the public log"
    return [Figure("g", name, "likes/s", rates[0], "the same without its work", rates[1], Bar(0.85), details)]


async def _round(
    bench: Bench, service: Service, likes: list[CrowdLike], checker: OutcomeChecker
) -> tuple[float, float]:
    """Return likes a second, and the service's CPU microseconds a like."""
    cpu = service.child.cpu_seconds()
    bodies = crowd.bodies(likes, DELIVERY_LIKES, CROWD)
    sent = await stage.send(bench.folder, service.intake, bodies, CONNECTIONS)
    checker.expect(likes, sent)
    return len(likes) / sent.seconds, (service.child.cpu_seconds() - cpu) / len(likes) * 1_000_000


async def _check_comparison(dsn: str, plain_dsn: str) -> None:
    """Raise BenchFailed unless one service has logged and the other has not."""
    has_logged = []
    for address in (dsn, plain_dsn):
        conn = await asyncpg.connect(address)
        counts = await conn.fetchval("SELECT count(*) FROM leaf_queue WHERE kind = 'count'")
        hashed = await conn.fetchval("SELECT coalesce(sum(size), 0) FROM like_batches")
        has_logged.append((counts > 0, hashed > 0))
        await conn.close()
    if has_logged != [(True, True), (False, False)]:
        raise BenchFailed(f"expected one service with and one without the log: {has_logged}")
