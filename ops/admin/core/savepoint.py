"""A transaction that may be undone without anything having failed: a dry run, or what waits for a second person."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from sql import Connection


@dataclass(slots=True)
class Undoing:
    """Say `is_undone = True`, and nothing of it is kept."""

    is_undone: bool = False


@asynccontextmanager
async def undoable(conn: Connection) -> AsyncIterator[Undoing]:
    """Begin a transaction, or a savepoint within one; it is kept unless it fails or is said to be undone."""
    own, transaction = Undoing(), conn.transaction()
    await transaction.start()
    try:
        yield own
    except BaseException:
        await transaction.rollback()
        raise
    await (transaction.rollback() if own.is_undone else transaction.commit())
