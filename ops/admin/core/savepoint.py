"""A savepoint that can be rolled back without an error (dry runs, proposals)."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from sql import Connection


@dataclass(slots=True)
class Savepoint:
    """A transaction or savepoint; set `is_rolled_back` to discard its changes at the end."""

    is_rolled_back: bool = False


@asynccontextmanager
async def savepoint(conn: Connection) -> AsyncIterator[Savepoint]:
    """Yield a transaction, or a savepoint inside one; commit it unless it fails or is marked."""
    mark, transaction = Savepoint(), conn.transaction()
    await transaction.start()
    try:
        yield mark
    except BaseException:
        await transaction.rollback()
        raise
    await (transaction.rollback() if mark.is_rolled_back else transaction.commit())
