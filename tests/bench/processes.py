"""Child processes that end with the benchmark, however it ends."""

import asyncio
import ctypes
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).parents[2]
_PR_SET_PDEATHSIG = 1
_START_SECONDS_MAX = 60
_END_SECONDS_MAX = 40
_LIBC = ctypes.CDLL(None)


class BenchFailed(Exception):
    """A measurement failed; the message says what happened."""


class Child:
    """A child process."""

    def __init__(self, process: "subprocess.Popen[bytes]", errors: Path) -> None:
        self._process, self._errors = process, errors
        self._psutil_process = psutil.Process(process.pid)

    async def line(self, seconds_max: float = _START_SECONDS_MAX) -> str:
        """Return the next line of its output.

        Raises BenchFailed if the process has ended.
        """
        stdout = self._process.stdout
        if stdout is None:
            raise BenchFailed("nothing to read")
        async with asyncio.timeout(seconds_max):
            line = await asyncio.to_thread(stdout.readline)
        if not line:
            raise BenchFailed(f"a process ended: {self.errors()[-2000:]}")
        return line.decode().strip()

    def errors(self) -> str:
        """Return its error output so far."""
        return self._errors.read_text(errors="replace")

    def write_line(self, line: str) -> None:
        """Send a line to its input."""
        if self._process.stdin is not None:
            self._process.stdin.write(f"{line}\n".encode())
            self._process.stdin.flush()

    def resident_bytes(self) -> int:
        """Return its resident memory, in bytes."""
        return int(self._psutil_process.memory_info().rss)

    def cpu_seconds(self) -> float:
        """Return its CPU time, in seconds."""
        times = self._psutil_process.cpu_times()
        return float(times.user + times.system)

    def is_alive(self) -> bool:
        """Return whether it is running."""
        return self._process.poll() is None

    def end(self) -> None:
        """Terminate it; kill it after a timeout."""
        self._process.terminate()
        try:
            self._process.wait(_END_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _end_with_parent() -> None:
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _start(folder: Path, arguments: Sequence[str], environment: Mapping[str, str]) -> Child:
    errors = folder / f"{arguments[0]}.{os.urandom(4).hex()}.log"
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("LIKE_LEDGER_")}
    with errors.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", *arguments],
            cwd=ROOT,
            env=inherited | dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            preexec_fn=_end_with_parent,  # noqa: PLW1509 - one call, before the child has threads
            process_group=0,  # Ctrl-C is for the parent, which ends the child
        )
    return Child(process, errors)


@asynccontextmanager
async def running_module(
    folder: Path, *arguments: str, environment: Mapping[str, str] | None = None
) -> AsyncIterator[Child]:
    """Yield `python -m …` as a process; its errors go to a file in the folder."""
    child = _start(folder, arguments, environment or {})
    try:
        yield child
    finally:
        await asyncio.to_thread(child.end)


class Load:
    """A connected sender or reader that waits for the start signal."""

    def __init__(self, child: Child) -> None:
        self._child = child

    async def start(self, seconds_max: float = 600) -> dict[str, Any]:
        """Send the start signal; return the result."""
        self._child.write_line("go")
        result: dict[str, Any] = json.loads(await self._child.line(seconds_max))
        return result


@asynccontextmanager
async def running_load(folder: Path, module: str, job: Mapping[str, Any]) -> AsyncIterator[Load]:
    """Yield a connected sender or reader."""
    async with running_module(folder, module, json.dumps(job)) as child:
        if await child.line() != "ready":
            raise BenchFailed(f"{module} is not ready")
        yield Load(child)
