"""A database server of its own for a test, whose processes can be stopped as by SIGSTOP, and continued."""

import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

import psutil

from databases import SETTINGS, scratch_folder
from ops import embedded_postgres
from ops.migrate import migrate
from processes import child_processes


@dataclass
class OwnServer:
    """A migrated server; `dsn` is its superuser's address."""

    dsn: str
    pid: int

    @contextmanager
    def stop_processes(self) -> Iterator[None]:
        """Stop every process of the server until the block ends: connections stay, nothing answers."""
        try:
            self.signal(signal.SIGSTOP)
            yield
        finally:
            self.signal(signal.SIGCONT)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to every process of the server."""
        parent = psutil.Process(self.pid)
        for process in [parent, *child_processes(parent)]:
            os.kill(process.pid, number)


@asynccontextmanager
async def own_server() -> AsyncIterator[OwnServer]:
    """Yield a migrated server that no other test uses."""
    with scratch_folder() as folder:
        server = await embedded_postgres.start(folder, settings=SETTINGS)
        try:
            await migrate(server.dsn)
            yield OwnServer(server.dsn, server.process.pid)
        finally:
            await server.stop()
