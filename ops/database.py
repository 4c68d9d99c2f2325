"""The database of a process: external by the settings, or embedded."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal

import asyncpg

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
_COMMAND_SECONDS_MAX = 60


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
async def open_pool(dsn: str, size: int = 4, *, for_intake: bool = False) -> AsyncIterator[Pool]:
    """Yield a connection pool with the service's role, in UTC, with a time limit per query."""
    settings = {"application_name": "like-ledger", "timezone": "UTC", "role": "like_ledger_service"}
    async with asyncpg.create_pool(
        dsn,
        min_size=1,
        max_size=size,
        command_timeout=_COMMAND_SECONDS_MAX,
        server_settings=settings | (_INTAKE_PLANS if for_intake else {}),
    ) as pool:
        yield pool
