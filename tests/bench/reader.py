"""Readers as a process: GET one address over several connections for some seconds.

python -m tests.bench.reader '{"port": …}'      prints `ready`, waits for a line, prints the result
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
    """The address to read and the duration."""

    port: int
    path: str
    connections: int
    seconds: float


@dataclass(frozen=True, slots=True)
class ReadResult:
    """The result of a run."""

    answers: int
    failures: int
    seconds: float
    cpu_seconds: float


async def _read(wire: Wire, request: bytes, until: float) -> list[bool]:
    successes = []
    while perf_counter() < until:
        successes.append((await wire.request(request)).status == HTTPStatus.OK)
    return successes


async def run(job: ReadJob) -> ReadResult:
    """Connect, wait for the start signal, read."""
    request = get_request(job.path)
    async with open_wires(job.port, job.connections) as wires:
        print("ready", flush=True)  # noqa: T201 - read by the parent
        await asyncio.to_thread(sys.stdin.readline)
        cpu, started = process_time(), perf_counter()
        results = await asyncio.gather(*(_read(wire, request, started + job.seconds) for wire in wires))
        seconds = perf_counter() - started
    answers = [is_ok for wire_results in results for is_ok in wire_results]
    return ReadResult(sum(answers), len(answers) - sum(answers), seconds, process_time() - cpu)


if __name__ == "__main__":
    print(json.dumps(asdict(asyncio.run(run(ReadJob(**json.loads(sys.argv[1])))))))  # noqa: T201 - read by the parent
