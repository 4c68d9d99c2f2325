"""Readers as their own process: GET one address over a few connections for some seconds.

python -m tests.bench.reader '{"port": …}'      says `ready`, waits for a line, reads, tells how many were answered
"""

import asyncio
import json
import sys
from dataclasses import asdict, dataclass
from http import HTTPStatus
from time import perf_counter, process_time

from tests.bench.wire import Wire, get_request, open_wires


@dataclass(frozen=True, slots=True)
class ReadJob:
    """What to read, and for how long."""

    port: int
    path: str
    connections: int
    seconds: float


@dataclass(frozen=True, slots=True)
class ReadResult:
    """What came of it."""

    answers: int
    failures: int
    seconds: float
    cpu_seconds: float


async def _read(wire: Wire, request: bytes, until: float) -> list[bool]:
    answers = []
    while perf_counter() < until:
        answers.append((await wire.request(request)).status == HTTPStatus.OK)
    return answers


async def run(job: ReadJob) -> ReadResult:
    """Connect, wait for the word, read."""
    request = get_request(job.path)
    async with open_wires(job.port, job.connections) as wires:
        print("ready", flush=True)  # noqa: T201 - whoever started this reads it
        await asyncio.to_thread(sys.stdin.readline)
        cpu, started = process_time(), perf_counter()
        found = await asyncio.gather(*(_read(wire, request, started + job.seconds) for wire in wires))
        took = perf_counter() - started
    answers = [own for each in found for own in each]
    return ReadResult(sum(answers), len(answers) - sum(answers), took, process_time() - cpu)


if __name__ == "__main__":
    print(json.dumps(asdict(asyncio.run(run(ReadJob(**json.loads(sys.argv[1])))))))  # noqa: T201 - see above
