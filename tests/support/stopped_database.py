"""A database server that no other test uses, whose processes can be stopped as by SIGSTOP, and continued."""

import asyncio
import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

import psutil

from databases import SETTINGS, DatabaseServer, scratch_folder
from ops import embedded_postgres
from processes import child_processes


@dataclass
class OwnServer(DatabaseServer):
    """A server of its own."""

    pid: int = 0

    @contextmanager
    def stop_processes(self) -> Iterator[None]:
        """Stop every process of the server until the block ends: connections stay, nothing answers."""
        try:
            self._signal(signal.SIGSTOP)
            yield
        finally:
            self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        parent = psutil.Process(self.pid)
        for process in [parent, *child_processes(parent)]:
            os.kill(process.pid, number)


@contextmanager
def running_own_server() -> Iterator[OwnServer]:
    """Yield a server. It ends with the thread that starts it, so this thread lasts as long as the server."""
    with scratch_folder() as folder, ThreadPoolExecutor(1) as thread:
        server = thread.submit(asyncio.run, embedded_postgres.start(folder, settings=SETTINGS)).result()
        try:
            yield OwnServer(server.dsn, pid=server.process.pid)
        finally:
            thread.submit(asyncio.run, server.stop()).result()
