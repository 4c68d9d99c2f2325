"""(d) Totals read a second while likes come in steadily, beside a bare aiohttp handler under the same intake."""

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
_LEAD_SECONDS = 0.5  # intake begins before the readers and ends after them
_PACE_SHARE_MIN = 0.9


async def measure(bench: Bench) -> list[Figure]:
    """Measure (d)."""
    found: tuple[list[float], list[float]] = ([], [])
    stream = Stream()
    async with (
        bench.postgres.database() as dsn,
        stage.running_service(bench.folder, dsn) as service,
        stage.running_yardstick(bench.folder, "json") as bare,
    ):
        targets = ((service.intake.port, totals_path(CROWD)), (bare.port, bare.path))
        task = bench.progress.add_task("d: rounds", total=bench.sizes.rounds)
        for _ in range(bench.sizes.rounds):
            for (port, path), own in zip(targets, found, strict=True):
                own.append(await _read(bench, service, stream, port, path))
            bench.progress.advance(task)
    name = f"totals, {LIKES_A_SECOND:,} likes/s coming in"
    return [Figure("d", name, "answers/s", found[0], "bare JSON, the same intake", found[1], Bar(0.5))]


async def _read(bench: Bench, service: Service, stream: Stream, port: int, path: str) -> float:
    """Return answers a second, read while likes come in. Raises BenchFailed if the intake did not hold its pace."""
    seconds = bench.sizes.reading_seconds
    bodies = crowd.bodies(stream.take(int(LIKES_A_SECOND * (seconds + 2 * _LEAD_SECONDS))), DELIVERY_LIKES, CROWD)
    pace = LIKES_A_SECOND / DELIVERY_LIKES
    async with (
        stage.running_sender(bench.folder, service.intake, bodies, _SENDERS, pace) as intake,
        stage.running_readers(bench.folder, port, path, _CONNECTIONS, seconds) as readers,
    ):
        coming_in = asyncio.create_task(intake.start())
        await asyncio.sleep(_LEAD_SECONDS)
        read = ReadResult(**await readers.start())
        sent = SendResult(**await coming_in)
    if read.failures or sent.statuses != {"200": len(bodies)}:
        raise BenchFailed(f"{read.failures} readers were refused, the intake was answered {sent.statuses}")
    if sent.deliveries / sent.seconds < pace * _PACE_SHARE_MIN:
        raise BenchFailed(f"the intake took {sent.deliveries / sent.seconds:.1f} deliveries/s of {pace:g} sent")
    return read.answers / read.seconds
