"""A platform as its own process: signs prebuilt bodies and posts them, as fast as they are answered or at a pace.

python -m tests.bench.sender '{"port": …}'      says `ready`, waits for a line, sends, tells what came of it
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
    """What to send, where, and how fast."""

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
    """What came of it; times over the deliveries, in milliseconds."""

    deliveries: int
    seconds: float
    cpu_seconds: float
    median_ms: float
    p99_ms: float
    statuses: dict[str, int]
    outcomes: dict[str, int]


def write_bodies(file: Path, bodies: list[bytes]) -> None:
    """Write bodies, each behind its length."""
    with file.open("wb") as out:
        for body in bodies:
            out.write(len(body).to_bytes(_LENGTH_BYTES, "big") + body)


def read_bodies(file: Path) -> list[bytes]:
    """Read them back."""
    content, at, found = file.read_bytes(), 0, []
    while at < len(content):
        ends = at + _LENGTH_BYTES + int.from_bytes(content[at : at + _LENGTH_BYTES], "big")
        found.append(content[at + _LENGTH_BYTES : ends])
        at = ends
    return found


class SendRun:
    """One run."""

    def __init__(self, job: SendJob, bodies: list[bytes]) -> None:
        self._job, self._bodies = job, deque(enumerate(bodies))
        self._secret, self._started_at = bytes.fromhex(job.secret), perf_counter()
        self.seconds: list[float] = []
        self.answers: list[tuple[int, bytes]] = []

    async def send_all(self, wire: Wire) -> None:
        """Send one body after the other over a connection."""
        while self._bodies and perf_counter() - self._started_at < self._job.seconds_max:
            place, body = self._bodies.popleft()
            if self._job.deliveries_a_second:
                await asyncio.sleep(self._started_at + place / self._job.deliveries_a_second - perf_counter())
            started = perf_counter()
            self.answers.append(await wire.request(self._head(place, body), body))
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
    """Connect, wait for the word, send, and look at the answers once the clock stands."""
    bodies = read_bodies(Path(job.bodies))
    async with open_wires(job.port, job.connections) as wires:
        print("ready", flush=True)  # noqa: T201 - whoever started this reads it
        await asyncio.to_thread(sys.stdin.readline)
        sending, cpu, started = SendRun(job, bodies), process_time(), perf_counter()
        await asyncio.gather(*(sending.send_all(wire) for wire in wires))
        seconds, cpu_seconds = perf_counter() - started, process_time() - cpu
    times = sorted(sending.seconds)
    return SendResult(
        deliveries=len(times),
        seconds=seconds,
        cpu_seconds=cpu_seconds,
        median_ms=1000 * times[len(times) // 2],
        p99_ms=1000 * times[len(times) * 99 // 100],
        statuses=dict(Counter(str(status) for status, _ in sending.answers)),
        outcomes=_outcomes(sending.answers),
    )


def _outcomes(answers: list[tuple[int, bytes]]) -> dict[str, int]:
    added: Counter[str] = Counter()
    for _, answer in answers:
        told = json.loads(answer) if answer.startswith(b"{") else {}
        added.update(told.get("outcomes", {}))
    return dict(added)


if __name__ == "__main__":
    print(json.dumps(asdict(asyncio.run(run(SendJob(**json.loads(sys.argv[1])))))))  # noqa: T201 - see above
