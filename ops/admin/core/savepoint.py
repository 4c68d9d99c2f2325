"""A transaction that may be undone without anything having failed: a dry run, or what waits for a second person."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from sql import Connection


@dataclass(slots=True)
class Savepoint:
    """Say `is_undone = True`, and nothing of it is kept."""

    is_rolled_back: bool = False


@asynccontextmanager
async def savepoint(conn: Connection) -> AsyncIterator[Savepoint]:
    """Begin a transaction, or a savepoint within one; it is kept unless it fails or is said to be undone."""
    own, transaction = Savepoint(), conn.transaction()
    await transaction.start()
    try:
        yield own
    except BaseException:
        await transaction.rollback()
        raise
    await (transaction.rollback() if own.is_rolled_back else transaction.commit())
