"""Fixtures of every test: a fresh database on each server, and the invariants afterwards."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

import sql
from databases import EMBEDDED, EXTERNAL, DatabaseServer, broken_invariants, running_server, server_names
from ops import database

ONE_SERVER = ("tests/api/", "tests/browser/")  # every module in them is marked `one_server`


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out on the second server what is marked `one_server`."""
    second = [item for item in items if item.get_closest_marker("one_server") and server_of(item.nodeid) == EXTERNAL]
    config.hook.pytest_deselected(items=second)
    items[:] = [item for item in items if item not in second]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Where two run the tests, give each all those of one server, so that none is started again and again.

    The slow modules of `ONE_SERVER` go one by one to the first worker that is free: else one worker had them all.
    """
    from xdist.scheduler import LoadScopeScheduling  # noqa: PLC0415 - tests run without it too

    class ByServer(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            module = nodeid.partition("::")[0]
            return module if module.startswith(ONE_SERVER) else server_of(nodeid) or nodeid

    return ByServer(config, log)


def server_of(nodeid: str) -> str | None:
    """Return the server that a test runs on, as its name tells; None: on none."""
    parameters = nodeid.partition("[")[2].rstrip("]").split("-")
    return next((name for name in (EXTERNAL, EMBEDDED) if set(name.split("-")) <= set(parameters)), None)


@pytest.fixture(autouse=True)
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Yield the data folder of this test alone: keys and ids are the same in every test, what they did is not."""
    folder = tmp_path_factory.mktemp("data")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("LIKE_LEDGER_DATA_DIR", str(folder))
        yield folder


@pytest.fixture
def log_state(data_dir: Path) -> Path:
    """Return the file with the newest signed head."""
    return data_dir / "log-state.json"


@pytest.fixture(scope="session", params=server_names())
def database_server(request: pytest.FixtureRequest) -> Iterator[DatabaseServer]:
    """Yield each server in turn: the embedded one always, the one that the environment names where it names one."""
    with running_server(request.param) as server:
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
    async with database.open_pool(dsn, 10) as made:
        yield made


@pytest.fixture
async def owner(dsn: str) -> AsyncIterator[sql.Connection]:
    """Yield a connection to the fresh database with its owner's rights, for what the service may not do."""
    conn = await asyncpg.connect(dsn)
    yield conn
    await conn.close()
