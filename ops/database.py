"""The database of a process: external by the settings, or embedded."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal

from ops.database_hosts import HOST_SECONDS_MAX, DatabaseConnection, connect, find_cluster
from ops.sessions import SessionPool
from ops.settings import Settings
from sql import Pool

# Plans of the hot path must not depend on statistics of a small table: always use an index.
_INTAKE_PLANS = {
    "plan_cache_mode": "force_generic_plan",
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "enable_bitmapscan": "off",
    "jit": "off",
}
_SESSION = {
    "application_name": "like-ledger",
    "timezone": "UTC",
    "role": "like_ledger_service",
    "synchronous_commit": "on",  # a role or a database may have weakened it
}
_COMMAND_SECONDS_MAX = 60
REQUEST_SECONDS_MAX = 5  # of a query for a sender or reader that waits

__all__ = ["REQUEST_SECONDS_MAX", "connect", "open_database", "open_pool"]


@asynccontextmanager
async def open_database(
    settings: Settings, role: Literal["serve", "command"], *, creates: bool = False
) -> AsyncIterator[str]:
    """Yield the database's address; an embedded one runs until the block ends.

    Raises EmbeddedRefused if a command finds no embedded database and `creates` is false.
    """
    if settings.database_url is not None:
        yield settings.database_url.get_secret_value()
        return
    from ops import embedded_postgres  # noqa: PLC0415 - unused with an external database

    if role == "command" and not creates:
        embedded_postgres.require_cluster(settings.data_dir)
    async with embedded_postgres.database(settings.data_dir, role=role) as dsn:
        yield dsn


@asynccontextmanager
async def open_pool(
    dsn: str, size: int = 4, *, for_intake: bool = False, seconds_max: float = _COMMAND_SECONDS_MAX
) -> AsyncIterator[Pool]:
    """Yield a pool of connections to the primary, with the service's role, in UTC.

    `seconds_max` limits each statement and each wait for a session. It is also how soon a server that
    hangs is noticed, and how long a commit waits for the synchronous standby.
    """
    cluster = find_cluster(dsn)
    pool = SessionPool(
        dsn,
        size,
        acquire_seconds_max=max(seconds_max, HOST_SECONDS_MAX * cluster.host_count),
        command_timeout=seconds_max,
        connect=cluster.connect,
        connection_class=DatabaseConnection,
        server_settings=_SESSION | (_INTAKE_PLANS if for_intake else {}),
    )
    async with pool:
        yield pool
