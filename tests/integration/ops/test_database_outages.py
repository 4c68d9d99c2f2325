"""Outages that PostgreSQL itself reports: each is 503 with Retry-After, never a bug, and `/ready` says why."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg
import pytest
import structlog

from ops import database
from running_service import RunningService, like, running_service
from sql import Connection, Outage, find_outage, is_unavailable

ErrorCase = Callable[[str], Awaitable[object]]
RAISED_SQLSTATES = ["53100", "53200", "58030", "25P04"]  # a full disk is met for real in tests/soak


async def run_in_session(dsn: str, *statements: str) -> None:
    """Run statements one after the other on a new connection."""
    conn = await asyncpg.connect(dsn)
    try:
        for statement in statements:
            await conn.execute(statement)
    finally:
        conn.terminate()


async def write_read_only(dsn: str) -> None:
    await run_in_session(dsn, "SET default_transaction_read_only = on", "CREATE TABLE t ()")


async def wait_for_a_lock(dsn: str) -> None:
    async with open_connection(dsn) as holder, holder.transaction():
        await holder.execute("LOCK campaigns")
        await run_in_session(dsn, "SET lock_timeout = 10", "SELECT * FROM campaigns")


async def run_too_long(dsn: str) -> None:
    await run_in_session(dsn, "SET statement_timeout = 10", "SELECT pg_sleep(9)")


async def idle_in_a_transaction(dsn: str) -> None:
    async with open_connection(dsn) as conn:
        await conn.execute("SET idle_in_transaction_session_timeout = 10")
        await conn.execute("BEGIN")
        async with asyncio.timeout(10):
            while not conn.is_closed():
                await asyncio.sleep(0.01)
        await conn.execute("SELECT 1")


async def be_cancelled(dsn: str) -> None:
    await end_a_query(dsn, "pg_cancel_backend")


async def be_terminated(dsn: str) -> None:
    await end_a_query(dsn, "pg_terminate_backend")


async def end_a_query(dsn: str, function: str) -> None:
    """Run a long query and end it from another session."""
    async with open_connection(dsn) as victim, open_connection(dsn) as other:
        query = asyncio.create_task(victim.execute("SELECT pg_sleep(60)"))
        active = "SELECT 1 FROM pg_stat_activity WHERE pid = $1 AND state = 'active'"
        while not await other.fetchval(active, victim.get_server_pid()):
            await asyncio.sleep(0.01)
        await other.execute(f"SELECT {function}({victim.get_server_pid()})")
        await query


async def deadlock(dsn: str) -> None:
    async with open_connection(dsn) as one, open_connection(dsn) as two:
        for conn, first in ((one, 1), (two, 2)):
            await conn.execute("SET deadlock_timeout = 20")
            await conn.execute("BEGIN")
            await conn.execute(f"SELECT pg_advisory_xact_lock({first})")
        waits = (one.execute("SELECT pg_advisory_xact_lock(2)"), two.execute("SELECT pg_advisory_xact_lock(1)"))
        results = await asyncio.gather(*waits, return_exceptions=True)
        raise next(error for error in results if isinstance(error, Exception))


async def lose_a_race(dsn: str) -> None:
    bump = "UPDATE catalogue_version SET version = version + 1"
    async with open_connection(dsn) as one, open_connection(dsn) as two, one.transaction(isolation="repeatable_read"):
        await one.fetchval("SELECT version FROM catalogue_version")
        await two.execute(bump)
        await one.execute(bump)


async def exceed_the_connections(dsn: str) -> None:
    await connect_as_role(dsn, "LOGIN CONNECTION LIMIT 0")


async def be_refused_a_login(dsn: str) -> None:
    await connect_as_role(dsn, "NOLOGIN")


async def connect_as_role(dsn: str, options: str) -> None:
    """Connect as a new role with these options."""
    role = f"role_{uuid4().hex}"
    await run_in_session(dsn, f"CREATE ROLE {role} {options}")
    try:
        async with open_connection(urlsplit(dsn)._replace(netloc=f"{role}@{urlsplit(dsn).hostname or ''}").geturl()):
            pass
    finally:
        await run_in_session(dsn, f"DROP ROLE {role}")


async def exceed_the_temporary_files(dsn: str) -> None:
    spill = "SELECT count(*) FROM (SELECT n FROM generate_series(1, 300000) n ORDER BY n DESC OFFSET 1) s"
    await run_in_session(dsn, "SET work_mem = '64kB'", "SET temp_file_limit = '64kB'", spill)


async def use_a_missing_database(dsn: str) -> None:
    async with open_connection(urlsplit(dsn)._replace(path="/no_such_database").geturl()):
        pass


@asynccontextmanager
async def open_connection(dsn: str) -> AsyncIterator[Connection]:
    conn = await asyncpg.connect(dsn)
    try:
        yield conn
    finally:
        conn.terminate()


CASES: list[tuple[ErrorCase, Outage]] = [
    (write_read_only, Outage.READ_ONLY),
    (wait_for_a_lock, Outage.BUSY),
    (run_too_long, Outage.BUSY),
    (be_cancelled, Outage.BUSY),
    (deadlock, Outage.BUSY),
    (lose_a_race, Outage.BUSY),
    (idle_in_a_transaction, Outage.UNREACHABLE),
    (be_terminated, Outage.UNREACHABLE),
    (exceed_the_connections, Outage.EXHAUSTED),
    (exceed_the_temporary_files, Outage.EXHAUSTED),
    (be_refused_a_login, Outage.UNREACHABLE),
    (use_a_missing_database, Outage.UNREACHABLE),
]


@pytest.mark.parametrize(("cause", "outage"), CASES, ids=lambda case: getattr(case, "__name__", ""))
async def test_what_the_server_reports_is_an_outage(dsn: str, cause: ErrorCase, outage: Outage) -> None:
    with pytest.raises(Exception) as raised:  # noqa: PT011 - its classification is what is tested
        await cause(dsn)
    assert find_outage(raised.value) is outage, repr(raised.value)


@pytest.fixture
async def service(dsn: str) -> AsyncIterator[RunningService]:
    async with running_service(dsn) as running:
        yield running


@pytest.mark.parametrize("sqlstate", RAISED_SQLSTATES)
async def test_an_outage_of_a_write_is_503_in_one_line(
    service: RunningService, owner: Connection, sqlstate: str
) -> None:
    raise_error = f"BEGIN RAISE EXCEPTION 'full' USING ERRCODE = '{sqlstate}'; END"
    await owner.execute(f"CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ {raise_error} $$")
    await owner.execute("CREATE TRIGGER fails BEFORE INSERT ON like_batches EXECUTE FUNCTION fail()")
    with structlog.testing.capture_logs() as lines:
        refused = [await service.send([like("ann")], "same") for _ in range(5)]
    assert {(r.status, r.json["code"], "Retry-After" in r.headers) for r in refused} == {
        (503, "database_unavailable", True)
    }
    assert [line["event"] for line in lines] == ["database unavailable"]
    ready = await service.get("/ready")
    is_shown = sqlstate != "25P04"  # a transaction that took too long says nothing about the next
    assert (ready.status, "Retry-After" in ready.headers) == ((503, True) if is_shown else (200, False))
    await owner.execute("DROP TRIGGER fails ON like_batches")
    assert (await service.send([like("ann")], "same")).outcomes == {"counted": 1}


async def test_a_cancelled_or_terminated_session_costs_one_503_at_most(
    service: RunningService, owner: Connection
) -> None:
    await service.send([like("ann")])
    ours = "datname = current_database() AND application_name = 'like-ledger'"
    await owner.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {ours}")
    statuses = [(await service.send([like("ben")], "same")).status for _ in range(3)]
    assert (set(statuses) <= {200, 503}, statuses[-1]) == (True, 200)


async def test_sessions_that_turned_read_only_leave_the_pool_at_once(dsn: str, owner: Connection) -> None:
    role = f"role_{uuid4().hex}"
    await owner.execute(f"CREATE ROLE {role} LOGIN IN ROLE like_ledger_service")
    address = urlsplit(dsn)._replace(netloc=f"{role}@{urlsplit(dsn).hostname or ''}").geturl()
    async with database.open_pool(address, 3) as pool:
        await owner.execute(f"ALTER ROLE {role} SET default_transaction_read_only = on")
        await owner.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1", role)
        while await owner.fetchval("SELECT count(*) FROM pg_stat_activity WHERE usename = $1", role):
            await asyncio.sleep(0.01)
        assert await is_read_only(pool)
        await owner.execute(f"ALTER ROLE {role} RESET default_transaction_read_only")
        assert [await is_read_only(pool) for _ in range(3)] == [False] * 3
    await owner.execute(f"DROP ROLE {role}")


async def is_read_only(pool: asyncpg.Pool) -> bool:
    """Return whether the pool's next session may only read."""
    async with asyncio.timeout(10):
        while True:
            try:
                return bool(await pool.fetchval("SELECT current_setting('transaction_read_only')::boolean"))
            except Exception as error:
                if not is_unavailable(error):
                    raise
