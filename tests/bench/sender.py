"""A platform as a process: sign prebuilt bodies and post them, at full speed or at a pace.

python -m tests.bench.sender '{"port": …}'      prints `ready`, waits for a line, prints the result
"""

import asyncio
import json
import sys
from collections import Counter, deque
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter, process_time, time

from campaigns.intake.signature import sign_delivery
from tests.bench.wire import Wire, open_wires, post_request_head

_LENGTH_BYTES = 4


@dataclass(frozen=True, slots=True)
class SendJob:
    """The bodies to send, the address and the pace."""

    port: int
    path: str
    secret: str  # hex
    bodies: str  # a file
    prefix: str  # of the webhook-ids
    connections: int
    deliveries_a_second: float | None = None
    seconds_max: float = 120


@dataclass(frozen=True, slots=True)
class SendResult:
    """The result of a run; latencies of deliveries in milliseconds."""

    deliveries: int
    seconds: float
    cpu_seconds: float
    median_ms: float
    p99_ms: float
    statuses: dict[str, int]
    outcomes: dict[str, int]


def write_bodies(file: Path, bodies: list[bytes]) -> None:
    """Write bodies to a file, each after its length."""
    with file.open("wb") as out:
        for body in bodies:
            out.write(len(body).to_bytes(_LENGTH_BYTES, "big") + body)


def read_bodies(file: Path) -> list[bytes]:
    """Return the bodies in a file."""
    content, position, bodies = file.read_bytes(), 0, []
    while position < len(content):
        end = position + _LENGTH_BYTES + int.from_bytes(content[position : position + _LENGTH_BYTES], "big")
        bodies.append(content[position + _LENGTH_BYTES : end])
        position = end
    return bodies


class SendRun:
    """The state of one run."""

    def __init__(self, job: SendJob, bodies: list[bytes]) -> None:
        self._job, self._bodies = job, deque(enumerate(bodies))
        self._secret, self._started_at = bytes.fromhex(job.secret), perf_counter()
        self.seconds: list[float] = []
        self.answers: list[tuple[int, bytes]] = []

    async def send_all(self, wire: Wire) -> None:
        """Send bodies over one connection until none is left."""
        while self._bodies and perf_counter() - self._started_at < self._job.seconds_max:
            index, body = self._bodies.popleft()
            if self._job.deliveries_a_second:
                await asyncio.sleep(self._started_at + index / self._job.deliveries_a_second - perf_counter())
            started = perf_counter()
            self.answers.append(await wire.request(self._head(index, body), body))
            self.seconds.append(perf_counter() - started)

    def _head(self, index: int, body: bytes) -> bytes:
        webhook_id, now = f"{self._job.prefix}_{index}", int(time())
        headers = {
            "webhook-id": webhook_id,
            "webhook-timestamp": str(now),
            "webhook-signature": sign_delivery(self._secret, webhook_id, now, body),
        }
        return post_request_head(self._job.path, headers, len(body))


async def run(job: SendJob) -> SendResult:
    """Connect, wait for the start signal, send; parse the answers after the clock stops."""
    bodies = read_bodies(Path(job.bodies))
    async with open_wires(job.port, job.connections) as wires:
        print("ready", flush=True)  # noqa: T201 - read by the parent
        await asyncio.to_thread(sys.stdin.readline)
        send_run, cpu, started = SendRun(job, bodies), process_time(), perf_counter()
        await asyncio.gather(*(send_run.send_all(wire) for wire in wires))
        seconds, cpu_seconds = perf_counter() - started, process_time() - cpu
    times = sorted(send_run.seconds)
    return SendResult(
        deliveries=len(times),
        seconds=seconds,
        cpu_seconds=cpu_seconds,
        median_ms=1000 * times[len(times) // 2],
        p99_ms=1000 * times[len(times) * 99 // 100],
        statuses=dict(Counter(str(status) for status, _ in send_run.answers)),
        outcomes=_outcomes(send_run.answers),
    )


def _outcomes(answers: list[tuple[int, bytes]]) -> dict[str, int]:
    outcomes: Counter[str] = Counter()
    for _, answer in answers:
        response = json.loads(answer) if answer.startswith(b"{") else {}
        outcomes.update(response.get("outcomes", {}))
    return dict(outcomes)


if __name__ == "__main__":
    print(json.dumps(asdict(asyncio.run(run(SendJob(**json.loads(sys.argv[1])))))))  # noqa: T201 - read by the parent
