"""(a) Likes a second end to end in deliveries of 500, beside raw inserts and a naive handler."""

from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from statistics import median

import asyncpg

from tests.bench import crowd, raw, stage, yardsticks
from tests.bench.crowd import CrowdLike, Stream
from tests.bench.figures import Bar, Figure
from tests.bench.run import Bench
from tests.bench.sender import SendResult
from tests.bench.stage import CROWD, LIMITED_SLUG, IntakeAddress, OutcomeChecker, Service

DELIVERY_LIKES = 500
CONNECTIONS = 16
_NAIVE_CONNECTIONS = (4, 8, 16, 32)
_LIMITED_PEOPLE = 20_000


@dataclass(slots=True)
class Rounds:
    """The rates of the rounds, in likes a second."""

    ours: list[float] = field(default_factory=list)
    raw: dict[int, list[float]] = field(default_factory=lambda: {size: [] for size in raw.SIZES})
    naive: list[float] = field(default_factory=list)
    daily_limit: list[float] = field(default_factory=list)
    microseconds: list[dict[str, float]] = field(default_factory=list)


@dataclass(slots=True)
class Comparison:
    """All systems that are measured side by side; each database gets the same likes."""

    bench: Bench
    service: Service
    raw: dict[int, asyncpg.Connection]
    naive: IntakeAddress
    naive_connections: int = 0
    rounds: Rounds = field(default_factory=Rounds)
    checker: OutcomeChecker = field(default_factory=OutcomeChecker)

    async def measure_round(self, likes: list[CrowdLike], naive: list[CrowdLike], limited: list[CrowdLike]) -> None:
        """Measure each system once."""
        await self.measure_ours(likes)
        for size, conn in self.raw.items():
            self.rounds.raw[size].append(await raw.insert(conn, likes, size))
        self.rounds.naive.append(await self.measure_naive(naive, self.naive_connections))
        sent = await self._send(limited, LIMITED_SLUG)
        self.rounds.daily_limit.append(len(limited) / sent.seconds)

    async def measure_ours(self, likes: list[CrowdLike]) -> None:
        """Measure the service."""
        cpu = self.service.child.cpu_seconds()
        sent = await self._send(likes, CROWD)
        self.checker.expect(likes, sent)
        self.rounds.ours.append(len(likes) / sent.seconds)
        spent = {"service_cpu": self.service.child.cpu_seconds() - cpu, "sender_cpu": sent.cpu_seconds}
        self.rounds.microseconds.append({name: s / len(likes) * 1_000_000 for name, s in spent.items()})

    async def measure_naive(self, likes: list[CrowdLike], connections: int) -> float:
        """Measure the naive handler; return likes a second."""
        bodies = crowd.bodies(likes, 1, CROWD)
        return len(likes) / (await stage.send(self.bench.folder, self.naive, bodies, connections)).seconds

    async def _send(self, likes: list[CrowdLike], campaign: str) -> SendResult:
        bodies = crowd.bodies(likes, DELIVERY_LIKES, campaign)
        return await stage.send(self.bench.folder, self.service.intake, bodies, CONNECTIONS)


async def measure(bench: Bench) -> list[Figure]:
    """Measure (a)."""
    async with AsyncExitStack() as stack:
        comparison = await _set_up(bench, stack)
        stream, naive, limited = Stream(), Stream(), Stream(people=_LIMITED_PEOPLE)
        await _choose_naive_connections(comparison, naive)
        task = bench.progress.add_task("a: rounds", total=bench.sizes.rounds)
        for _ in range(bench.sizes.rounds):
            sizes = bench.sizes
            naive_likes = naive.take(sizes.naive_likes)
            await comparison.measure_round(stream.take(sizes.likes), naive_likes, limited.take(sizes.likes // 2))
            bench.progress.advance(task)
    return _figures(comparison)


async def _set_up(bench: Bench, stack: AsyncExitStack) -> Comparison:
    service = await stack.enter_async_context(
        stage.running_service(bench.folder, await stack.enter_async_context(bench.postgres.database()))
    )
    connections = {}
    for size in raw.SIZES:
        connections[size] = await asyncpg.connect(await stack.enter_async_context(bench.postgres.database()))
        stack.push_async_callback(connections[size].close)
    naive_dsn = await stack.enter_async_context(bench.postgres.database())
    conn = await asyncpg.connect(naive_dsn)
    await conn.execute(yardsticks.NAIVE_COUNTER)
    await conn.close()
    naive = await stack.enter_async_context(stage.running_yardstick(bench.folder, "naive", naive_dsn))
    return Comparison(bench, service, connections, naive)


async def _choose_naive_connections(comparison: Comparison, stream: Stream) -> None:
    """Set the naive handler's best concurrency."""
    rates = {}
    for connections in _NAIVE_CONNECTIONS:
        rates[connections] = await comparison.measure_naive(
            stream.take(comparison.bench.sizes.naive_likes // 2), connections
        )
    comparison.naive_connections = max(rates, key=lambda connections: rates[connections])


def _figures(comparison: Comparison) -> list[Figure]:
    rounds = comparison.rounds
    best = max(raw.SIZES, key=lambda size: median(rounds.raw[size]))
    name, unit = f"deliveries of {DELIVERY_LIKES}", "likes/s"
    details = {
        "raw": {str(size): median(rates) for size, rates in rounds.raw.items()},
        "microseconds_a_like": rounds.microseconds,
    }
    raw_name = f"raw, batches of {best:,}"
    naive_name = f"naive, {comparison.naive_connections} at a time"
    return [
        Figure("a", name, unit, rounds.ours, raw_name, rounds.raw[best], Bar(0.5, 0.8), details),
        Figure("a", name, unit, rounds.ours, naive_name, rounds.naive, Bar(15)),
        Figure("a", "with a daily limit a person", unit, rounds.daily_limit, raw_name, rounds.raw[best]),
    ]
