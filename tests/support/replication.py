"""A primary and a synchronous standby, of the system's PostgreSQL, to be killed, frozen and promoted."""

import asyncio
import os
import signal
import socket
import subprocess
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import psutil
import pytest

from databases import scratch_folder
from ops.embedded_postgres.cluster import ENVIRONMENT
from ops.embedded_postgres.privileges import ServerUser, server_user

BINARIES = Path(os.environ.get("POSTGRES15_BIN", "/usr/lib/postgresql/15/bin"))
HOST = "127.0.0.1"
_PATIENCE_SECONDS = 30
_POLL_SECONDS = 0.02
_SETTINGS = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "shared_buffers": "32MB",
    "max_connections": "60",
    "wal_keep_size": "256MB",  # a standby that was away finds what it missed
    "wal_retrieve_retry_interval": "100ms",
}

needs_postgresql = pytest.mark.skipif(
    not (BINARIES / "pg_basebackup").exists() and os.environ.get("CI") != "true",
    reason=f"{BINARIES} has no PostgreSQL",
)


@dataclass
class Server:
    """A server on a free port of this machine, over TCP alone."""

    folder: Path
    user: ServerUser
    port: int
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def dsn(self) -> str:
        """Return the superuser's address of this server alone."""
        return f"postgresql://postgres@{HOST}:{self.port}/postgres"

    def run(self, program: str, *arguments: str) -> None:
        """Run one of PostgreSQL's programs to its end."""
        command = [*self.user.prefix, str(BINARIES / program), *arguments]
        subprocess.run(command, env=ENVIRONMENT, cwd="/", capture_output=True, check=True, timeout=_PATIENCE_SECONDS)

    async def start(self) -> None:
        """Start, and return once it accepts connections."""
        self._launch()
        await self.wait_until("SELECT true")

    def _launch(self) -> None:
        options = [f"--{name}={value}" for name, value in (_SETTINGS | {"port": str(self.port)}).items()]
        command = [*self.user.prefix, str(BINARIES / "postgres"), "-D", str(self.folder), *options]
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(command, env=ENVIRONMENT, cwd="/", stdout=log, stderr=log)

    @property
    def _log(self) -> Path:
        return self.folder.with_suffix(".log")

    async def fetchval(self, statement: str) -> Any:
        conn = await asyncpg.connect(self.dsn, timeout=_PATIENCE_SECONDS)
        try:
            return await conn.fetchval(statement)
        finally:
            await conn.close()

    async def wait_until(self, condition: str) -> None:
        """Return once this expression of SQL is true."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while time.monotonic() < deadline:
            with suppress(OSError, asyncpg.PostgresError):
                if await self.fetchval(condition):
                    return
            await asyncio.sleep(_POLL_SECONDS)
        raise AssertionError(f"never true: {condition}\n{self._log.read_text()[-2000:]}")

    async def set(self, name: str, value: str) -> None:
        """Change a setting of the running server."""
        await self.fetchval(f"ALTER SYSTEM SET {name} = '{value}'")
        await self.fetchval("SELECT pg_reload_conf()")
        await self.wait_until(f"SELECT current_setting('{name}') = '{value}'")

    async def promote(self) -> None:
        """Let the standby accept writes; return once it does."""
        await self.fetchval("SELECT pg_promote()")

    def freeze(self) -> None:
        """Stop every process of the server where it is: it answers nothing, and its sockets stay open."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        """End every process of the server at once, as a power cut does."""
        self._signal(signal.SIGKILL)
        if self.process is not None:
            self.process.wait(_PATIENCE_SECONDS)
            self.process = None

    def _signal(self, number: signal.Signals) -> None:
        if self.process is None:
            return
        postmaster = psutil.Process(self.process.pid)
        for process in [postmaster, *postmaster.children(recursive=True)]:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(number)


@dataclass
class Pair:
    """A primary whose commits wait for its standby."""

    primary: Server
    standby: Server

    @property
    def dsn(self) -> str:
        """Return the address that names both, the primary first."""
        return f"postgresql://postgres@{HOST}:{self.primary.port},{HOST}:{self.standby.port}/postgres"

    async def synchronise(self) -> None:
        """Return once commits wait for the standby, and it is there."""
        await self.primary.set("synchronous_standby_names", "*")
        await self.primary.wait_until("SELECT count(*) = 1 FROM pg_stat_replication WHERE sync_state = 'sync'")


@asynccontextmanager
async def replicated_pair() -> AsyncIterator[Pair]:
    """Yield a primary with a synchronous standby; both end with the test."""
    with scratch_folder() as folder:
        user = server_user(folder, str(BINARIES / "postgres"))
        user.take(folder)
        primary, standby = (Server(folder / name, user, _free_port()) for name in ("primary", "standby"))
        options = ("--username=postgres", "--encoding=UTF8", "--locale=C.UTF-8", "--auth=trust", "--no-sync")
        primary.run("initdb", f"--pgdata={primary.folder}", *options)
        try:
            await primary.start()
            source = f"--dbname=host={HOST} port={primary.port} user=postgres"
            copy = ("--write-recovery-conf", "--checkpoint=fast", "--no-sync")
            standby.run("pg_basebackup", f"--pgdata={standby.folder}", source, *copy)
            await standby.start()
            pair = Pair(primary, standby)
            await pair.synchronise()
            yield pair
        finally:
            for server in (standby, primary):
                server.kill()


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        return int(listener.getsockname()[1])
