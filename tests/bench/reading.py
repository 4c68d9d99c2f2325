"""(d) Totals read a second during steady intake, beside a bare handler under the same intake."""

import asyncio

from tests.bench import crowd, stage
from tests.bench.crowd import Stream
from tests.bench.figures import Bar, Figure
from tests.bench.intake import DELIVERY_LIKES
from tests.bench.processes import BenchFailed
from tests.bench.reader import ReadResult
from tests.bench.run import Bench
from tests.bench.sender import SendResult
from tests.bench.stage import CROWD, Service, totals_path

LIKES_A_SECOND = 5_000
_CONNECTIONS = 16
_SENDERS = 8
_LEAD_SECONDS = 0.5  # intake starts before the readers and ends after them
_PACE_SHARE_MIN = 0.9


async def measure(bench: Bench) -> list[Figure]:
    """Measure (d)."""
    rates: tuple[list[float], list[float]] = ([], [])
    stream = Stream()
    async with (
        bench.postgres.database() as dsn,
        stage.running_service(bench.folder, dsn) as service,
        stage.running_yardstick(bench.folder, "json") as bare_json,
    ):
        targets = ((service.intake.port, totals_path(CROWD)), (bare_json.port, bare_json.path))
        task = bench.progress.add_task("d: rounds", total=bench.sizes.rounds)
        for _ in range(bench.sizes.rounds):
            for (port, path), target_rates in zip(targets, rates, strict=True):
                target_rates.append(await _read(bench, service, stream, port, path))
            bench.progress.advance(task)
    name = f"totals, {LIKES_A_SECOND:,} likes/s coming in"
    return [Figure("d", name, "answers/s", rates[0], "bare JSON, the same intake", rates[1], Bar(0.5))]


async def _read(bench: Bench, service: Service, stream: Stream, port: int, path: str) -> float:
    """Return answers a second, read during intake.

    Raises BenchFailed if a request failed or the intake fell behind its pace.
    """
    seconds = bench.sizes.reading_seconds
    bodies = crowd.bodies(stream.take(int(LIKES_A_SECOND * (seconds + 2 * _LEAD_SECONDS))), DELIVERY_LIKES, CROWD)
    pace = LIKES_A_SECOND / DELIVERY_LIKES
    async with (
        stage.running_sender(bench.folder, service.intake, bodies, _SENDERS, pace) as intake,
        stage.running_readers(bench.folder, port, path, _CONNECTIONS, seconds) as readers,
    ):
        intake_task = asyncio.create_task(intake.start())
        await asyncio.sleep(_LEAD_SECONDS)
        read = ReadResult(**await readers.start())
        sent = SendResult(**await intake_task)
    if read.failures or sent.statuses != {"200": len(bodies)}:
        raise BenchFailed(f"{read.failures} reads failed; statuses of the intake: {sent.statuses}")
    if sent.deliveries / sent.seconds < pace * _PACE_SHARE_MIN:
        raise BenchFailed(f"the intake handled {sent.deliveries / sent.seconds:.1f} of {pace:g} deliveries/s")
    return read.answers / read.seconds
