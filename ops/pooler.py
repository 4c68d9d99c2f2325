"""Refuse a pooler that gives the service other sessions than it asked for, such as pgbouncer by transaction.

The service needs sessions: a payout is sent under a lock of the session, queries are prepared in it, and it has a
role and plan settings (`ops/decisions`: sessions, no pooler).
"""

import asyncpg

from ops.database_hosts import find_cluster
from sql import Connection, query

_PROBE_SETTINGS = {"plan_cache_mode": "force_generic_plan", "application_name": "like-ledger"}
_QUERY_SECONDS_MAX = 10
_READ_SESSION = query("read_session")
_ADVICE = (
    "Let LIKE_LEDGER_DATABASE_URL name PostgreSQL itself: the service has a pool of its own, of LIKE_LEDGER_POOL_SIZE"
    " connections. A proxy that only forwards bytes, such as HAProxy, is fine"
)


class PoolerRefused(Exception):
    """A pooler between the service and PostgreSQL shares out sessions; the message says what to do."""

    def __init__(self, fault: str) -> None:
        super().__init__(f"{fault}. {_ADVICE}.")
        self.fault, self.advice = fault, _ADVICE


async def require_sessions(dsn: str) -> None:
    """Check that connections to an address are sessions of PostgreSQL. Raises PoolerRefused otherwise."""
    conn = await _connect(dsn)
    try:
        if await _read_session_id(conn) != conn.get_server_pid():  # a pooler makes up its own ids
            await _require_settings(conn)
            await _require_one_session(conn, dsn)
    except asyncpg.PostgresConnectionError as error:
        if not isinstance(error.__cause__, asyncpg.ProtocolViolationError):
            raise
        raise PoolerRefused(f"A pooler, such as pgbouncer, allows no transactions: {error.__cause__}") from None
    finally:
        await conn.close()


async def _connect(dsn: str) -> Connection:
    """Return a connection without named statements, which a pooler by transaction would mix up."""
    try:
        return await find_cluster(dsn).connect(
            statement_cache_size=0, server_settings=_PROBE_SETTINGS, command_timeout=_QUERY_SECONDS_MAX
        )
    except asyncpg.ProtocolViolationError as error:  # no PostgreSQL refuses a setting that it knows in this way
        raise PoolerRefused(f"A pooler, such as pgbouncer, refuses the session's settings: {error}") from None


async def _read_session_id(conn: Connection) -> int:
    """Return the id of the server process; in a transaction, which a pooler does not split."""
    async with conn.transaction():
        return int(await conn.fetchval(_READ_SESSION))


async def _require_settings(conn: Connection) -> None:
    async with conn.transaction():
        mode = await conn.fetchval(_READ_SESSION, column=1)
    if mode != _PROBE_SETTINGS["plan_cache_mode"]:
        raise PoolerRefused("A pooler, such as pgbouncer, drops the session's settings (ignore_startup_parameters)")


async def _require_one_session(conn: Connection, dsn: str) -> None:
    """Raise PoolerRefused if a second client gets the session that the first one has just used."""
    before = after = await _read_session_id(conn)
    other = await _connect(dsn)
    try:
        async with other.transaction():
            await other.fetchval(_READ_SESSION)
            after = await _read_session_id(conn)
    except TimeoutError:  # the pooler has one session, and the second client holds it
        after = 0
    finally:
        other.terminate()
    if before != after:
        raise PoolerRefused("A pooler, such as pgbouncer, shares out sessions by transaction or by statement")
