"""Sessions of the connection pool that bound every wait, and that are dropped once they cannot write.

asyncpg waits for a cancelled query as long as for the query itself, and for a free session for ever: with a
database that hangs, every request would wait for a minute.
"""

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeAlias

import asyncpg

from sql import Connection

if TYPE_CHECKING:
    _AsyncpgPool: TypeAlias = asyncpg.Pool[asyncpg.Record]
else:  # generic in its stubs alone
    _AsyncpgPool = asyncpg.Pool

CANCEL_SECONDS_MAX = 1.0


class CancelBound:
    """The part of a connection's class that waits at most a second for a cancelled query."""

    async def _cancel(self, waiter: Any, cancel_waiter: Any = None) -> None:
        """Ask the server to stop the query; close the session if it does not confirm in time.

        asyncpg has no public way to do so. `tests/integration/ops/test_hanging_database.py` fails if it changes.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(CANCEL_SECONDS_MAX):
                await super()._cancel(waiter, cancel_waiter)  # type: ignore[misc]
        if cancel_waiter is not None and not cancel_waiter.done():
            self.terminate()  # type: ignore[attr-defined]


class SessionPool(_AsyncpgPool):
    """A pool that waits only for so long for a free session, and for the end of a session's use."""

    def __init__(self, dsn: str, size: int, *, acquire_seconds_max: float, **connect_options: Any) -> None:
        super().__init__(
            dsn,
            init_size=1,
            min_size=0,  # no session is opened for stock: during an outage it would be a read-only one
            max_size=size,
            max_queries=50_000,
            max_inactive_connection_lifetime=300.0,
            reset=_reset_session,
            loop=None,
            record_class=asyncpg.Record,
            **connect_options,
        )
        self._acquire_seconds_max = acquire_seconds_max

    def acquire(self, *, timeout: float | None = None) -> Any:
        """Return a context manager of a session. Raises TimeoutError if none is free in time."""
        return super().acquire(timeout=timeout or self._acquire_seconds_max)


async def _reset_session(conn: Any) -> None:
    """Prepare a session for its next use; close it if it cannot write, so that the pool asks the server again.

    After a failover, sessions would stay read-only for as long as they live.
    """
    if is_read_only(conn):
        conn.terminate()
    else:
        await conn.execute(conn.get_reset_query())


def is_read_only(conn: Connection) -> bool:
    """Return whether the server last reported that the session writes nothing; costs no round trip."""
    settings = conn.get_settings()
    names = ("default_transaction_read_only", "in_hot_standby")
    return any(getattr(settings, name, "off") == "on" for name in names)
