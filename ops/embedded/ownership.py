"""Whose server it is: one process owns it, others join a lasting owner or wait for a short one to end."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import asyncpg

from ops.embedded import folders, locks, server
from ops.embedded.refusal import EmbeddedRefused

Role = Literal["serve", "demo", "command"]
_LASTING = ("serve", "demo")
_OWNER_BYTES_MAX = 4096
_CONNECT_SECONDS_MAX = 5


@dataclass(frozen=True, slots=True)
class Owner:
    """Who has the server; `dsn` is empty until it is ready."""

    role: str
    pid: int
    dsn: str = ""


@asynccontextmanager
async def database(
    data_dir: Path, role: Role, *, wait_seconds: float = 30, settings: Mapping[str, str] | None = None
) -> AsyncIterator[str]:
    """Yield the address of the database in `data_dir`: of a server of our own, or of the one that `serve` runs."""
    data_dir = folders.made(data_dir)
    lock = locks.opened(data_dir / "postgres.lock")
    try:
        joined = await _own_or_join(lock, data_dir, wait_seconds)
        if joined:
            yield joined
            return
        async with _owning(lock, data_dir, role, settings) as dsn:
            yield dsn
    finally:
        os.close(lock)


@asynccontextmanager
async def _owning(lock: int, data_dir: Path, role: Role, settings: Mapping[str, str] | None) -> AsyncIterator[str]:
    _tell(lock, Owner(role, os.getpid()))
    own = await server.start(data_dir, settings=settings)
    try:
        _tell(lock, Owner(role, os.getpid(), own.dsn))
        yield own.dsn
    finally:
        _tell(lock, Owner(role, os.getpid()))
        await own.stop()


async def _own_or_join(lock: int, data_dir: Path, wait_seconds: float) -> str | None:
    """Return the address of a lasting owner's server, or None once the lock is ours."""
    try:
        async with asyncio.timeout(wait_seconds):
            while not locks.taken(lock):
                owner = _read(lock)
                if owner.role in _LASTING and owner.dsn and await _answers(owner.dsn):
                    return owner.dsn
                await asyncio.sleep(locks.POLL_SECONDS)
    except TimeoutError:
        owner = _read(lock)
        raise EmbeddedRefused(_in_use(data_dir, owner, wait_seconds)) from None
    return None


def _in_use(data_dir: Path, owner: Owner, waited_seconds: float) -> str:
    who = f"{data_dir}: process {owner.pid} ({owner.role}) uses its database, after {waited_seconds:g} s still"
    if owner.role in _LASTING:
        return f"{who}, and is not ready: look at its messages, or at {data_dir / 'postgres' / 'server.log'}"
    return f"{who}: wait for it to end; beside `like-ledger serve` commands do not wait for each other"


async def _answers(dsn: str) -> bool:
    try:
        conn = await asyncpg.connect(dsn, timeout=_CONNECT_SECONDS_MAX)
    except (OSError, asyncpg.PostgresError):
        return False
    await conn.close()
    return True


def _tell(lock: int, owner: Owner) -> None:
    os.ftruncate(lock, 0)
    os.pwrite(lock, json.dumps(asdict(owner)).encode(), 0)


def _read(lock: int) -> Owner:
    try:
        return Owner(**json.loads(os.pread(lock, _OWNER_BYTES_MAX, 0)))
    except (ValueError, TypeError):  # it has just taken the lock, and is writing
        return Owner("starting", 0)
