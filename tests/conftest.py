"""Fixtures of every test: a fresh database on each server, and the invariants afterwards."""

from collections.abc import AsyncIterator, Iterator

import asyncpg
import pytest

import sql
from databases import DatabaseServer, broken_invariants, running, server_names
from ops import backend


@pytest.fixture(scope="session", params=server_names())
def database_server(request: pytest.FixtureRequest) -> Iterator[DatabaseServer]:
    """Yield each server in turn: the embedded one always, the one that the environment names where it names one."""
    with running(request.param) as server:
        yield server


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out, on every server but the first, what tries no SQL that other tests do not try on each of them."""
    first = server_names()[0]
    again = [item for item in items if item.get_closest_marker("one_server") and server_of(item) not in (None, first)]
    config.hook.pytest_deselected(items=again)
    items[:] = [item for item in items if item not in again]


def server_of(item: pytest.Item) -> str | None:
    """Return the server that a test runs on; None: it needs none."""
    call = getattr(item, "callspec", None)
    return call.params.get("database_server") if call else None


@pytest.fixture
async def empty_dsn(database_server: DatabaseServer) -> AsyncIterator[str]:
    """Yield the address of a database with nothing in it."""
    async with database_server.database() as address:
        yield address


@pytest.fixture
async def dsn(database_server: DatabaseServer, request: pytest.FixtureRequest) -> AsyncIterator[str]:
    """Yield the address, with an owner's rights, of a fresh migrated database; invariants must hold at the end."""
    async with database_server.database(database_server.template) as address:
        yield address
        if request.node.get_closest_marker("breaks_invariants") is None:
            broken = await broken_invariants(address)
            assert not broken, f"what must always hold does not (sql/checks): {broken}"


@pytest.fixture
async def pool(dsn: str) -> AsyncIterator[sql.Pool]:
    """Yield a pool on the fresh database with the service's rights."""
    async with backend.pool(dsn, 10) as made:
        yield made


@pytest.fixture
async def owner(dsn: str) -> AsyncIterator[sql.Connection]:
    """Yield a connection to the fresh database with its owner's rights, for what the service may not do."""
    conn = await asyncpg.connect(dsn)
    yield conn
    await conn.close()
