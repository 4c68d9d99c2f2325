"""Acknowledged means replicated: what a caller was told survives the loss of the primary.

With `synchronous_standby_names`, PostgreSQL commits on the primary first and then waits for the
standby. A wait that is cut off (a time limit, a crash, an administrator) leaves a transaction that
everybody sees and that a promoted standby lacks. `ops/decisions/0024-acknowledged-means-replicated.md`
says where that matters.
"""

from typing import TYPE_CHECKING, Any

import asyncpg

from sql import Connection, query

if TYPE_CHECKING:
    _Connection = asyncpg.Connection[asyncpg.Record]
else:  # generic in its stubs alone
    _Connection = asyncpg.Connection

# The function of PostgreSQL that warns when a wait is cut off. Its texts are translated, its name is not.
_WAIT_FUNCTION = "SyncRepWaitForLSN"
_SERVER_FUNCTION_FIELD = "R"  # https://www.postgresql.org/docs/current/protocol-error-fields.html
_COMMIT_AFTER_VISIBLE = query("commit_after_visible")


async def wait_until_replicated(conn: Connection) -> None:
    """Return once everything that any connection has seen so far is on the synchronous standby.

    Call it before an answer, a signature or a payment rests on rows that another transaction wrote.
    It commits one record behind them, so PostgreSQL waits for both. Without a synchronous standby it
    is one round trip. Raises TransactionResolutionUnknownError or TimeoutError if the wait is cut
    off, RuntimeError inside a transaction, which would wait too late.
    """
    if conn.is_in_transaction():
        raise RuntimeError("wait_until_replicated inside a transaction: it waits only at the commit")
    await conn.execute(_COMMIT_AFTER_VISIBLE)


class ReplicatedConnection(_Connection):
    """A connection that fails if the wait of its commit was cut off.

    PostgreSQL reports such a commit as a success with a warning, because it cannot undo it.
    """

    _cut_off_waits = 0

    def _process_log_message(self, fields: dict[str, str], last_query: str) -> None:
        """Count the waits that were cut off. A listener would warn if the connection ends meanwhile."""
        self._cut_off_waits += fields.get(_SERVER_FUNCTION_FIELD) == _WAIT_FUNCTION
        super()._process_log_message(fields, last_query)  # type: ignore[misc]

    async def execute(self, query: str, *args: Any, timeout: float | None = None) -> str:  # noqa: ASYNC109 - as in asyncpg
        """Execute a statement; return its command tag.

        Raises TransactionResolutionUnknownError (SQLSTATE 08007) if the wait was cut off.
        """
        cut_off_before = self._cut_off_waits
        status = await super().execute(query, *args, timeout=timeout)
        if self._cut_off_waits > cut_off_before:
            raise asyncpg.TransactionResolutionUnknownError("the wait for the synchronous standby was cut off")
        return status
