"""Other processes in tests.

One that uses a database, one that only sleeps, and those that use a folder.
"""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import psutil

from ops.embedded_postgres import privileges

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 30
# Uses a database until its standard input ends; prints the database's address first.
HOLDER_SCRIPT = """
import asyncio, sys
from pathlib import Path
from ops import embedded_postgres
async def use():
    async with embedded_postgres.database(Path(sys.argv[1]), role=sys.argv[2]) as dsn:
        print(dsn, flush=True)
        await asyncio.to_thread(sys.stdin.read)
asyncio.run(use())
"""


@contextmanager
def database_holder(folder: Path, role: str, prefix: tuple[str, ...] = ()) -> Iterator["subprocess.Popen[str]"]:
    """Yield another process that uses the folder's database, once it has started."""
    command = [*prefix, sys.executable, "-c", HOLDER_SCRIPT, str(folder), role]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            read_dsn(process.stdout)
            yield process
        finally:
            process.kill()


def read_dsn(output: IO[str] | None) -> str:
    """Return the address that the process prints."""
    assert output is not None
    line = output.readline().strip()
    assert line.startswith("postgresql://"), "the other process has no database"
    return line


def folder_processes(folder: Path) -> list[psutil.Process]:
    """Return every process that uses the folder: the server and its children."""
    servers = [p for p in psutil.process_iter() if str(folder / "postgres") in command_line(p)]
    return list({child.pid: child for p in servers for child in [p, *child_processes(p)]}.values())


def command_line(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def child_processes(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.Error:
        return []


def connections(process: psutil.Process) -> list[object]:
    """Return the process's network connections; an empty list if it has just ended."""
    try:
        return list(process.net_connections("inet"))
    except psutil.Error:
        return []


def wait_until_ended(candidates: list[psutil.Process]) -> bool:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while any(map(is_running, candidates)) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not any(map(is_running, candidates))


def is_running(process: psutil.Process) -> bool:
    """Tell whether the process runs: an ended one may stay a zombie for a while."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


@contextmanager
def sleeping_process(folder: Path, cwd: Path | None = None) -> Iterator[int]:
    """Yield the id of a process that does not use PostgreSQL, but runs as the server's user."""
    prefix = privileges.server_user(folder, str(cwd or "/")).prefix
    with subprocess.Popen([*prefix, "sleep", "600"], cwd=cwd) as process:
        yield process.pid
        process.kill()
