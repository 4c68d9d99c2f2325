"""(b) Single likes a second and their latency, beside a handler that only verifies signatures."""

from dataclasses import dataclass, field
from statistics import median

from tests.bench import crowd, stage
from tests.bench.crowd import Stream
from tests.bench.figures import Bar, Figure
from tests.bench.run import Bench
from tests.bench.sender import SendResult
from tests.bench.stage import CROWD, IntakeAddress, OutcomeChecker

_CONNECTIONS = (64, 8)


@dataclass(slots=True)
class Rounds:
    """The results of the rounds at one concurrency."""

    ours: list[SendResult] = field(default_factory=list)
    signature: list[SendResult] = field(default_factory=list)


async def measure(bench: Bench) -> list[Figure]:
    """Measure (b)."""
    rounds_by_connections = {connections: Rounds() for connections in _CONNECTIONS}
    async with (
        bench.postgres.database() as dsn,
        stage.running_service(bench.folder, dsn) as service,
        stage.running_yardstick(bench.folder, "signature") as signature,
    ):
        stream, checker = Stream(), OutcomeChecker()
        task = bench.progress.add_task("b: rounds", total=bench.sizes.rounds)
        for _ in range(bench.sizes.rounds):
            for connections, rounds in rounds_by_connections.items():
                await _round(bench, (service.intake, signature), (stream, checker), connections, rounds)
            bench.progress.advance(task)
    return [
        figure for connections in _CONNECTIONS for figure in _figures(connections, rounds_by_connections[connections])
    ]


async def _round(
    bench: Bench,
    addresses: tuple[IntakeAddress, IntakeAddress],
    stream_and_checker: tuple[Stream, OutcomeChecker],
    connections: int,
    rounds: Rounds,
) -> None:
    stream, checker = stream_and_checker
    likes = stream.take(bench.sizes.singles)
    bodies = crowd.bodies(likes, 1, CROWD)
    sent = await stage.send(bench.folder, addresses[0], bodies, connections)
    checker.expect(likes, sent)
    rounds.ours.append(sent)
    rounds.signature.append(await stage.send(bench.folder, addresses[1], bodies, connections))


def _figures(connections: int, rounds: Rounds) -> list[Figure]:
    rates = [
        [result.deliveries / result.seconds for result in results] for results in (rounds.ours, rounds.signature)
    ]
    bar = Bar(0.4) if connections == max(_CONNECTIONS) else None
    cpu_shares = {
        name: median(result.cpu_seconds / result.seconds for result in results)
        for name, results in (("ours", rounds.ours), ("signature", rounds.signature))
    }
    name, yardstick = f"single likes, {connections} at a time", "only the signature"
    details = {"sender_cpu_share": cpu_shares}
    latencies = [
        Figure(
            "b",
            f"… {title}",
            "ms",
            [getattr(result, key) for result in rounds.ours],
            yardstick,
            [getattr(result, key) for result in rounds.signature],
        )
        for title, key in (("median", "median_ms"), ("99 of 100 within", "p99_ms"))
    ]
    return [Figure("b", name, "deliveries/s", rates[0], yardstick, rates[1], bar, details), *latencies]
