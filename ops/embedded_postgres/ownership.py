"""Sharing a data folder: one process starts its server; others join that of `serve`, or wait.

A lock on `postgres.lock` is free once every process that has it open has ended (flock(2)), the server's too.
The file names its owner's pid, and below it the DSN if others may join.
"""

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Literal

import asyncpg

from ops.embedded_postgres.binaries import Binaries
from ops.embedded_postgres.errors import EmbeddedRefused
from ops.embedded_postgres.server import Server, launch

Role = Literal["serve", "command"]
_LOCK_BYTES_MAX = 4096
_POLL_SECONDS = 0.05
_CONNECT_SECONDS_MAX = 5


@asynccontextmanager
async def database(data_dir: Path, role: Role, *, wait_seconds: float = 30) -> AsyncIterator[str]:
    """Yield the DSN of the database in `data_dir`: of a new server, or of that which `serve` runs.

    Raises EmbeddedRefused if there is neither, or if the new server ends while it is in use.
    """
    lock = _open_lock(data_dir)
    try:
        if shared_dsn := await _lock_or_join(lock, data_dir, wait_seconds):
            yield shared_dsn
            return
        server = launch(data_dir, lock)
        try:
            await server.wait_until_ready()
            _write_owner(lock, server.dsn if role == "serve" else "")
            async with _cancel_if_ended(server):
                yield server.dsn
        finally:
            await server.stop()
    finally:
        os.close(lock)


async def start(
    data_dir: Path, *, settings: Mapping[str, str] | None = None, binaries: Binaries | None = None
) -> Server:
    """Return a ready server on `data_dir` that others cannot join; the caller stops it.

    Raises EmbeddedRefused if it does not start, or if another still runs after 90 s.
    """
    lock = _open_lock(data_dir)
    try:
        await _lock_or_join(lock, data_dir, wait_seconds=90, may_join=False)
        server = launch(data_dir, lock, settings, binaries)
    finally:
        os.close(lock)  # the server still holds it
    try:
        await server.wait_until_ready()
    except BaseException:
        await server.stop()
        raise
    return server


def _open_lock(data_dir: Path) -> int:
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(data_dir / "postgres.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        advice = "set LIKE_LEDGER_DATA_DIR to a folder that you may write in"
        raise EmbeddedRefused(f"{data_dir}: {error.strerror}: {advice}") from None
    if os.geteuid() == 0:  # a lock of root's would shut out the owner of the folder
        owner = data_dir.stat()
        os.fchown(lock, owner.st_uid, owner.st_gid)
    return lock


async def _lock_or_join(lock: int, data_dir: Path, wait_seconds: float, *, may_join: bool = True) -> str | None:
    """Return the DSN of a running server to join, or None once this process holds the lock."""
    pid = dsn = ""
    with suppress(TimeoutError):
        async with asyncio.timeout(wait_seconds):
            while True:
                with suppress(BlockingIOError):
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    _write_owner(lock, "")
                    return None
                pid, _, dsn = os.pread(lock, _LOCK_BYTES_MAX, 0).decode().partition("\n")
                if may_join and dsn and await _accepts_connections(dsn):
                    return dsn
                await asyncio.sleep(_POLL_SECONDS)
    in_use = f"{data_dir}: process {pid} uses the database, after {wait_seconds:g} s still"
    raise EmbeddedRefused(f"{in_use}: wait for it to end; beside `like-ledger serve` commands need not wait")


def _write_owner(lock: int, dsn: str) -> None:
    os.ftruncate(lock, 0)
    os.pwrite(lock, f"{os.getpid()}\n{dsn}".encode(), 0)


async def _accepts_connections(dsn: str) -> bool:
    """Return whether the server answers: one whose owner was killed refuses while it stops."""
    with suppress(OSError, asyncpg.PostgresError):
        conn = await asyncpg.connect(dsn, timeout=_CONNECT_SECONDS_MAX)
        await conn.close()
        return True
    return False


@asynccontextmanager
async def _cancel_if_ended(server: Server) -> AsyncIterator[None]:
    """Cancel the caller's work once the server has ended, and raise EmbeddedRefused instead."""

    async def watch(scope: asyncio.Timeout) -> str:
        reason = await server.wait_until_ended()
        scope.reschedule(0)
        return reason

    try:
        async with asyncio.timeout(None) as scope:
            watcher = asyncio.create_task(watch(scope))
            try:
                yield
            finally:
                watcher.cancel()
    except TimeoutError:
        if not scope.expired():
            raise
        raise EmbeddedRefused(watcher.result()) from None
