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

from campaigns.intake.signature import sign
from tests.bench.wire import Wire, connected, post_head

_LENGTH_BYTES = 4


@dataclass(frozen=True, slots=True)
class Errand:
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
class Sent:
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


class Sending:
    """One run."""

    def __init__(self, errand: Errand, bodies: list[bytes]) -> None:
        self._errand, self._bodies = errand, deque(enumerate(bodies))
        self._secret, self._begun = bytes.fromhex(errand.secret), perf_counter()
        self.seconds: list[float] = []
        self.answers: list[tuple[int, bytes]] = []

    async def work(self, wire: Wire) -> None:
        """Send one body after the other over a connection."""
        while self._bodies and perf_counter() - self._begun < self._errand.seconds_max:
            place, body = self._bodies.popleft()
            if self._errand.deliveries_a_second:
                await asyncio.sleep(self._begun + place / self._errand.deliveries_a_second - perf_counter())
            started = perf_counter()
            self.answers.append(await wire.ask(self._head(place, body), body))
            self.seconds.append(perf_counter() - started)

    def _head(self, place: int, body: bytes) -> bytes:
        webhook_id, now = f"{self._errand.prefix}_{place}", int(time())
        headers = {
            "webhook-id": webhook_id,
            "webhook-timestamp": str(now),
            "webhook-signature": sign(self._secret, webhook_id, now, body),
        }
        return post_head(self._errand.path, headers, len(body))


async def run(errand: Errand) -> Sent:
    """Connect, wait for the word, send, and look at the answers once the clock stands."""
    bodies = read_bodies(Path(errand.bodies))
    async with connected(errand.port, errand.connections) as wires:
        print("ready", flush=True)  # noqa: T201 - whoever started this reads it
        await asyncio.to_thread(sys.stdin.readline)
        sending, cpu, started = Sending(errand, bodies), process_time(), perf_counter()
        await asyncio.gather(*(sending.work(wire) for wire in wires))
        seconds, cpu_seconds = perf_counter() - started, process_time() - cpu
    times = sorted(sending.seconds)
    return Sent(
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
    print(json.dumps(asdict(asyncio.run(run(Errand(**json.loads(sys.argv[1])))))))  # noqa: T201 - see above
