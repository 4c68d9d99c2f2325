"""Databases for tests.

Copies of a template that is migrated once for each server (CREATE DATABASE).
"""

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg

import sql
from ops import embedded_postgres
from ops.migrate import migrate

_IN_MEMORY = Path("/dev/shm")  # noqa: S108 - mkdtemp makes the folder
_FREE_BYTES_MIN = 2 << 30
SETTINGS = {"max_wal_size": "256MB", "max_connections": "100"}  # the rest as in production
EMBEDDED, EXTERNAL = "pg18-embedded", "external"
EXTERNAL_URL = "LIKE_LEDGER_TEST_DATABASE_URL"
ResultT = TypeVar("ResultT")


def server_names() -> list[str]:
    """Return the names of the servers that each database test runs on."""
    return [EMBEDDED, EXTERNAL] if os.environ.get(EXTERNAL_URL) else [EMBEDDED]


def run_in_thread(work: Coroutine[Any, Any, ResultT]) -> ResultT:
    """Return the result of `work`, run in another loop.

    A session's fixture must not use a test's.
    """
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


@dataclass
class DatabaseServer:
    """A server for tests' databases; `dsn` is a superuser's address of its `postgres` database."""

    dsn: str
    _templates: list[str] = field(default_factory=list)

    def database_dsn(self, database: str) -> str:
        """Return the address of another database on the same server."""
        return urlsplit(self.dsn)._replace(path=f"/{database}").geturl()

    @cached_property
    def template(self) -> str:
        """Return the name of the migrated database, created at first use."""
        name = f"like_ledger_template_{uuid4().hex}"
        run_in_thread(self._execute(f"CREATE DATABASE {name}"))
        self._templates.append(name)
        run_in_thread(migrate(self.database_dsn(name)))
        return name

    @asynccontextmanager
    async def database(self, template: str = "template0") -> AsyncIterator[str]:
        """Yield the address of a new copy of `template`.

        The end drops it, and all its connections.
        """
        name = f"like_ledger_test_{uuid4().hex}"
        await self._execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
        try:
            yield self.database_dsn(name)
        finally:
            await self._execute(f"DROP DATABASE {name} WITH (FORCE)")

    def drop_templates(self) -> None:
        """Drop the templates that this object has made."""
        for name in self._templates:
            run_in_thread(self._execute(f"DROP DATABASE {name} WITH (FORCE)"))

    async def _execute(self, statement: str) -> None:
        conn = await asyncpg.connect(self.dsn)
        try:
            await conn.execute(statement)
        finally:
            await conn.close()


async def broken_invariants(dsn: str) -> dict[str, list[dict[str, Any]]]:
    """Return the rows that `sql/checks` return, by the check's name.

    Empty if all invariants hold.
    """
    conn = await asyncpg.connect(dsn)
    try:
        violations = {check.name: await conn.fetch(check.text) for check in sql.scripts("checks")}
    finally:
        await conn.close()
    return {name: [dict(row) for row in rows] for name, rows in violations.items() if rows}


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Yield a folder for a server's data, in memory if possible.

    20 ms a database instead of 400.
    """
    roomy = _IN_MEMORY.is_dir() and shutil.disk_usage(_IN_MEMORY).free > _FREE_BYTES_MIN
    with tempfile.TemporaryDirectory(prefix="like-ledger-", dir=_IN_MEMORY if roomy else None) as folder:
        yield Path(folder)


@contextmanager
def running_server(name: str) -> Iterator[DatabaseServer]:
    """Yield the server with this name, one of `server_names`."""
    if name == EXTERNAL:
        external = DatabaseServer(os.environ[EXTERNAL_URL])
        yield external
        external.drop_templates()
        return
    # The server ends with the thread that starts it, so this thread lasts as long as the server.
    with scratch_folder() as folder, ThreadPoolExecutor(1) as thread:
        server = thread.submit(asyncio.run, embedded_postgres.start(folder, settings=SETTINGS)).result()
        try:
            yield DatabaseServer(server.dsn)
        finally:
            thread.submit(asyncio.run, server.stop()).result()
