"""The database fails in every way under load: no acknowledged like is lost or doubled, and the service heals."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import asyncpg
import pytest

from small_disk import filled_disk, mounted_disk
from soak_stage import FACTOR, Account, Stage, close_account, running_stage, steady_load
from stopped_database import OwnServer, running_own_server

pytestmark = pytest.mark.slow

ROUNDS = 2 * FACTOR
HEALED_SECONDS_MAX = 10.0
STORM_BURSTS, STORM_PAUSE_SECONDS = 10, 0.03
Fault = Callable[[Stage], Awaitable[None]]


async def terminate_sessions(stage: Stage) -> None:
    """Terminate every session, again and again."""
    for _ in range(STORM_BURSTS):
        await stage.end_sessions()
        await asyncio.sleep(STORM_PAUSE_SECONDS)


async def cancel_queries(stage: Stage) -> None:
    """Cancel every query, again and again."""
    for _ in range(STORM_BURSTS):
        await stage.cancel_queries()
        await asyncio.sleep(STORM_PAUSE_SECONDS)


async def stop_processes(stage: Stage) -> None:
    """Stop every process of the server, until senders are refused."""
    with stage.server.stop_processes():
        await stage.wait_for_refusals()


async def turn_read_only(stage: Stage) -> None:
    """Make new sessions read-only and end the others, until senders are refused."""
    await stage.owner.execute(f"ALTER ROLE {stage.login} SET default_transaction_read_only = on")
    await stage.end_sessions()
    await stage.wait_for_refusals(5)
    await stage.owner.execute(f"ALTER ROLE {stage.login} RESET default_transaction_read_only")


async def refuse_connections(stage: Stage) -> None:
    """Leave no connection to the service, until senders are refused."""
    await stage.owner.execute(f"ALTER ROLE {stage.login} CONNECTION LIMIT 0")
    await stage.end_sessions()
    await stage.wait_for_refusals(5)
    await stage.owner.execute(f"ALTER ROLE {stage.login} CONNECTION LIMIT -1")


FAULTS: tuple[Fault, ...] = (
    terminate_sessions,
    cancel_queries,
    stop_processes,
    turn_read_only,
    refuse_connections,
)


@pytest.fixture(scope="module")
def server() -> Iterator[OwnServer]:
    with running_own_server() as running:
        yield running


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
async def test_the_service_lives_through(server: OwnServer, report: Callable[[object], None], fault: Fault) -> None:
    async with server.database(server.template) as dsn, running_stage(server, dsn) as stage:
        report(await run_rounds(stage, fault))


async def test_the_service_lives_through_a_full_disk(server: OwnServer, report: Callable[[object], None]) -> None:
    with mounted_disk(server_folder(server)) as disk:
        async with database_on(server, disk) as dsn, running_stage(server, dsn) as stage:

            async def fill_disk(_: Stage) -> None:
                with filled_disk(disk):
                    await stage.wait_for_refusals(5)
                    await assert_not_ready(stage)

            report(await run_rounds(stage, fill_disk))


async def run_rounds(stage: Stage, fault: Fault) -> Account:
    """Fail once in each round of load; return what was acknowledged, and how soon the service healed."""
    account, numbers = Account(), count()
    for _ in range(ROUNDS):
        async with steady_load(stage.sender, numbers):
            await stage.seconds_to_next_response()
            await fault(stage)
            seconds = await stage.seconds_to_next_response()
        account.rounds += 1
        account.seconds_to_heal_max = max(account.seconds_to_heal_max, seconds)
        assert seconds < HEALED_SECONDS_MAX
    assert stage.program.process is not None
    assert stage.program.process.poll() is None, "the service ended"
    return await close_account(stage, next(numbers), account)


async def assert_not_ready(stage: Stage) -> None:
    """Assert that `/ready` says what refused the writes."""
    async with stage.sender.http.get(f"http://127.0.0.1:{stage.program.port}/ready") as response:
        assert (response.status, (await response.json())["code"]) == (503, "database_exhausted")


def server_folder(server: OwnServer) -> Path:
    return Path(parse_qs(urlsplit(server.dsn).query)["host"][0])


@asynccontextmanager
async def database_on(server: OwnServer, disk: Path) -> AsyncIterator[str]:
    """Yield the address of a migrated database whose tables are on a disk of their own."""
    name, conn = f"small_{uuid4().hex}", await asyncpg.connect(server.dsn)
    await conn.execute(f"CREATE TABLESPACE {name} LOCATION '{disk}/tablespace'")
    options = f"TEMPLATE {server.template} TABLESPACE {name} STRATEGY FILE_COPY"
    await conn.execute(f"CREATE DATABASE {name} {options}")
    try:
        yield server.database_dsn(name)
    finally:
        await conn.execute(f"DROP DATABASE {name} WITH (FORCE)")
        await conn.execute(f"DROP TABLESPACE {name}")
        await conn.close()
