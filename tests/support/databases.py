"""Databases for tests: a template is migrated once a server and copied for each test (CREATE DATABASE … TEMPLATE)."""

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
from ops import embedded
from ops.migrate import migrate

_IN_MEMORY = Path("/dev/shm")  # noqa: S108 - mkdtemp makes the folder
_ROOM_BYTES_MIN = 2 << 30
SETTINGS = {"max_wal_size": "256MB", "max_connections": "100"}  # the rest as in production
EMBEDDED, EXTERNAL = "pg18-embedded", "external"
EXTERNAL_URL = "LIKE_LEDGER_TEST_DATABASE_URL"
Answer = TypeVar("Answer")


def server_names() -> list[str]:
    """Return the servers that every database test runs on."""
    return [EMBEDDED, EXTERNAL] if os.environ.get(EXTERNAL_URL) else [EMBEDDED]


def settled(work: Coroutine[Any, Any, Answer]) -> Answer:
    """Return what `work` returns, from a loop of its own: fixtures that outlive a test must not touch the test's."""
    with ThreadPoolExecutor(1) as aside:
        return aside.submit(asyncio.run, work).result()


@dataclass
class DatabaseServer:
    """A server on which tests make their databases; `dsn` is a superuser's way to one that is always there."""

    dsn: str
    _made: list[str] = field(default_factory=list)

    def address(self, database: str) -> str:
        """Return the address of another database on the same server."""
        return urlsplit(self.dsn)._replace(path=f"/{database}").geturl()

    @cached_property
    def template(self) -> str:
        """Return the name of the migrated database, made when it is first asked for."""
        name = f"like_ledger_template_{uuid4().hex}"
        settled(self._execute(f"CREATE DATABASE {name}"))
        self._made.append(name)
        settled(migrate(self.address(name)))
        return name

    @asynccontextmanager
    async def database(self, template: str = "template0") -> AsyncIterator[str]:
        """Yield the address of a new copy of `template`, dropped afterwards with whoever is still connected."""
        name = f"like_ledger_test_{uuid4().hex}"
        await self._execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
        try:
            yield self.address(name)
        finally:
            await self._execute(f"DROP DATABASE {name} WITH (FORCE)")

    def drop_templates(self) -> None:
        """Leave the server as it was found."""
        for name in self._made:
            settled(self._execute(f"DROP DATABASE {name} WITH (FORCE)"))

    async def _execute(self, statement: str) -> None:
        conn = await asyncpg.connect(self.dsn)
        try:
            await conn.execute(statement)
        finally:
            await conn.close()


async def broken_invariants(dsn: str) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of each of `sql/checks` that finds any, by the check's name: none is right."""
    conn = await asyncpg.connect(dsn)
    try:
        found = {check.name: await conn.fetch(check.text) for check in sql.scripts("checks")}
    finally:
        await conn.close()
    return {name: [dict(row) for row in rows] for name, rows in found.items() if rows}


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Yield a folder for a server's data, in memory where it has room: a database takes 20 ms then, not 400."""
    roomy = _IN_MEMORY.is_dir() and shutil.disk_usage(_IN_MEMORY).free > _ROOM_BYTES_MIN
    with tempfile.TemporaryDirectory(prefix="like-ledger-", dir=_IN_MEMORY if roomy else None) as folder:
        yield Path(folder)


@contextmanager
def running(name: str) -> Iterator[DatabaseServer]:
    """Yield the server called `name`, one of `server_names`."""
    if name == EXTERNAL:
        server = DatabaseServer(os.environ[EXTERNAL_URL])
        yield server
        server.drop_templates()
        return
    with scratch_folder() as folder:
        own = settled(embedded.start(folder, settings=SETTINGS))
        try:
            yield DatabaseServer(own.dsn)
        finally:
            settled(own.stop())
