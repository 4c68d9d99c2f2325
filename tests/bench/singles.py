"""(b) Deliveries of one like a second, and their latency, beside an aiohttp handler that only checks signatures."""

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
    """What the rounds found at one concurrency."""

    ours: list[SendResult] = field(default_factory=list)
    signature: list[SendResult] = field(default_factory=list)


async def measure(bench: Bench) -> list[Figure]:
    """Measure (b)."""
    found = {connections: Rounds() for connections in _CONNECTIONS}
    async with (
        bench.postgres.database() as dsn,
        stage.running_service(bench.folder, dsn) as service,
        stage.running_yardstick(bench.folder, "signature") as signature,
    ):
        stream, checked = Stream(), OutcomeChecker()
        task = bench.progress.add_task("b: rounds", total=bench.sizes.rounds)
        for _ in range(bench.sizes.rounds):
            for connections, own in found.items():
                await _round(bench, (service.intake, signature), (stream, checked), connections, own)
            bench.progress.advance(task)
    return [own for connections in _CONNECTIONS for own in _figures(connections, found[connections])]


async def _round(
    bench: Bench,
    addresses: tuple[IntakeAddress, IntakeAddress],
    stream_and_checker: tuple[Stream, OutcomeChecker],
    connections: int,
    rounds: Rounds,
) -> None:
    stream, checked = stream_and_checker
    likes = stream.take(bench.sizes.singles)
    bodies = crowd.bodies(likes, 1, CROWD)
    sent = await stage.send(bench.folder, addresses[0], bodies, connections)
    checked.expect(likes, sent)
    rounds.ours.append(sent)
    rounds.signature.append(await stage.send(bench.folder, addresses[1], bodies, connections))


def _figures(connections: int, rounds: Rounds) -> list[Figure]:
    rates = [[sent.deliveries / sent.seconds for sent in sents] for sents in (rounds.ours, rounds.signature)]
    bar = Bar(0.4) if connections == max(_CONNECTIONS) else None
    busy = {
        name: median(sent.cpu_seconds / sent.seconds for sent in sents)
        for name, sents in (("ours", rounds.ours), ("signature", rounds.signature))
    }
    name, beside = f"single likes, {connections} at a time", "only the signature"
    details = {"sender_cpu_share": busy}
    latencies = [
        Figure(
            "b",
            f"… {title}",
            "ms",
            [getattr(sent, key) for sent in rounds.ours],
            beside,
            [getattr(sent, key) for sent in rounds.signature],
        )
        for title, key in (("median", "median_ms"), ("99 of 100 within", "p99_ms"))
    ]
    return [Figure("b", name, "deliveries/s", rates[0], beside, rates[1], bar, details), *latencies]
