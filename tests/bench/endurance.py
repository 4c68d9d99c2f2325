"""(e) and (f) A long run at full load: the service's memory, and the delay until a like is shown.

The delay is measured with likes of a second campaign, sent one by one and recognised by the count.
Ticks handle campaigns in id order, so the delay includes the loaded campaign's tick.
"""

import asyncio
from dataclasses import dataclass, field
from statistics import median
from time import perf_counter, time

import orjson

from campaigns.intake.signature import sign_delivery
from tests.bench import crowd, stage
from tests.bench.crowd import Stream
from tests.bench.figures import Bar, Figure
from tests.bench.intake import CONNECTIONS, DELIVERY_LIKES
from tests.bench.processes import BenchFailed
from tests.bench.run import Bench
from tests.bench.sender import SendResult
from tests.bench.stage import CROWD, PROBE, Service, totals_path
from tests.bench.wire import Wire, get_request, open_wires, post_request_head

_PROBE_SECONDS, _POLL_SECONDS, _SAMPLE_SECONDS = 0.05, 0.02, 0.2
_SHOWN_SECONDS_MAX = 30
_WARM_UP_LIKES = 20_000
_MIB = 1024 * 1024
_FLAT_RATIO_MAX = 1.1


@dataclass(slots=True)
class Observation:
    """The observations of one run."""

    service: Service
    resident_bytes: list[int] = field(default_factory=list)
    answered_at: list[float] = field(default_factory=list)  # time of the n-th probe's answer
    shown_at: list[float] = field(default_factory=list)  # time of its first appearance in the totals

    async def sample_memory(self) -> None:
        """Sample the memory until cancelled."""
        while True:
            self.resident_bytes.append(self.service.child.resident_bytes())
            await asyncio.sleep(_SAMPLE_SECONDS)

    async def send_probes(self, wire: Wire) -> None:
        """Send one like after another until cancelled."""
        intake = self.service.intake
        while True:
            body = crowd.body([crowd.like(len(self.answered_at))], PROBE)
            webhook_id, now = f"probe_{len(self.answered_at)}", int(time())
            headers = {"webhook-id": webhook_id, "webhook-timestamp": str(now)}
            headers["webhook-signature"] = sign_delivery(intake.secret, webhook_id, now, body)
            response = await wire.request(post_request_head(intake.path, headers, len(body)), body)
            if b'"outcomes":{"counted":1}' not in response.body:
                raise BenchFailed(f"a probe was answered {response.status} {response.body!r}")
            self.answered_at.append(perf_counter())
            await asyncio.sleep(_PROBE_SECONDS)

    async def poll_totals(self, wire: Wire) -> None:
        """Read the totals until cancelled."""
        request = get_request(totals_path(PROBE))
        while True:
            response = await wire.request(request)
            counted, now = orjson.loads(response.body)["likes"]["counted"], perf_counter()
            self.shown_at += [now] * (counted - len(self.shown_at))
            await asyncio.sleep(_POLL_SECONDS)

    async def wait_until_shown(self) -> None:
        """Wait until every answered probe is in the totals."""
        async with asyncio.timeout(_SHOWN_SECONDS_MAX):
            while len(self.shown_at) < len(self.answered_at):
                await asyncio.sleep(_POLL_SECONDS)


async def measure(bench: Bench) -> list[Figure]:
    """Measure (e) and (f)."""
    stream = Stream()
    async with (
        bench.postgres.database() as dsn,
        stage.running_service(bench.folder, dsn) as service,
        open_wires(service.intake.port, 2) as wires,
    ):
        warm_up = crowd.bodies(stream.take(_WARM_UP_LIKES), DELIVERY_LIKES, CROWD)
        await stage.send(bench.folder, service.intake, warm_up, CONNECTIONS)
        observation = Observation(service)
        sent = await _observe_run(bench, observation, stream, wires)
    return _figures(observation, sent)


async def _observe_run(bench: Bench, observation: Observation, stream: Stream, wires: list[Wire]) -> SendResult:
    bodies = crowd.bodies(stream.take(bench.sizes.endurance_likes), DELIVERY_LIKES, CROWD)
    probe_wire, totals_wire = wires
    async with stage.running_sender(bench.folder, observation.service.intake, bodies, CONNECTIONS) as load:
        sampler = asyncio.create_task(observation.sample_memory())
        poller = asyncio.create_task(observation.poll_totals(totals_wire))
        probe_task = asyncio.create_task(observation.send_probes(probe_wire))
        try:
            sent = SendResult(**await load.start())
            await _stop_task(probe_task)
            await observation.wait_until_shown()
        finally:
            for task in (sampler, probe_task, poller):
                await _stop_task(task)
    if sent.statuses != {"200": len(bodies)}:
        raise BenchFailed(f"{len(bodies)} deliveries were answered {sent.statuses}")
    return sent


async def _stop_task(task: "asyncio.Task[None]") -> None:
    """Cancel an endless task; raise its error if it failed."""
    task.cancel()
    [error] = await asyncio.gather(task, return_exceptions=True)
    if isinstance(error, Exception):
        raise error


def _figures(observation: Observation, sent: SendResult) -> list[Figure]:
    lags = sorted(
        shown_at - answered_at
        for answered_at, shown_at in zip(observation.answered_at, observation.shown_at, strict=False)
    )
    third = len(observation.resident_bytes) // 3
    first, last = median(observation.resident_bytes[:third]), median(observation.resident_bytes[-third:])
    details = {"likes_a_second": sent.deliveries * DELIVERY_LIKES / sent.seconds, "seconds": sent.seconds}
    return [
        Figure(
            "e",
            "memory of the service, most",
            "MiB",
            [max(observation.resident_bytes) / _MIB],
            bar=Bar(300, is_ceiling=True),
        ),
        Figure(
            "e",
            "… last third of the run",
            "MiB",
            [last / _MIB],
            "first third",
            [first / _MIB],
            Bar(_FLAT_RATIO_MAX, is_ceiling=True),
            details,
        ),
        Figure("f", "answered until shown, most", "s", [lags[-1]], bar=Bar(2, is_ceiling=True), details=details),
        Figure("f", "… 95 of 100 within", "s", [lags[len(lags) * 95 // 100]], details={"probes": len(lags)}),
    ]
