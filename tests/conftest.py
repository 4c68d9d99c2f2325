"""Fixtures of every test: a fresh database on each server, and the invariants afterwards."""

from collections.abc import AsyncIterator, Iterator

import asyncpg
import pytest

import sql
from databases import EMBEDDED, DatabaseServer, broken_invariants, running, server_names
from ops import backend


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out of the other servers' tests those that are about no server."""
    left_out = [item for item in items if item.get_closest_marker("one_server") and _is_of_another(item)]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in set(left_out)]


def _is_of_another(item: pytest.Item) -> bool:
    callspec = getattr(item, "callspec", None)
    return callspec is not None and callspec.params.get("database_server", EMBEDDED) != EMBEDDED


@pytest.fixture(scope="session", params=server_names())
def database_server(request: pytest.FixtureRequest) -> Iterator[DatabaseServer]:
    """Yield each server in turn: the embedded one always, the one that the environment names where it names one."""
    with running(request.param) as server:
        yield server


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
