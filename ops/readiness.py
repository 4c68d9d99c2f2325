"""Whether the database can write (`/ready`): a real write, tested at most once a second for any number of callers."""

import asyncio
from typing import NamedTuple, Self

import asyncpg

from sql import Outage, Pool, find_outage, query

ANSWER_SECONDS_MAX = 2.0
_FRESH_SECONDS = 1.0
_TEST_WRITE = query("test_write")


class Fault(NamedTuple):
    """Why the service is not ready; `code` is stable."""

    code: str
    reason: str

    @classmethod
    def of(cls, outage: Outage) -> Self:
        """Return the fault that an outage is."""
        return cls(f"database_{outage.code}", outage.value)


_NO_SCHEMA = Fault("database_not_prepared", "The database lacks the schema, or a right: run `like-ledger doctor`.")


class WriteProbe:
    """Tests whether a write reaches the disk."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._test: asyncio.Task[Fault | None] | None = None
        self._started_at = 0.0

    async def find_fault(self) -> Fault | None:
        """Return why writing does not work, or None, in two seconds at most."""
        now = asyncio.get_running_loop().time()
        if self._test is None or (self._test.done() and now >= self._started_at + _FRESH_SECONDS):
            self._started_at = now
            self._test = asyncio.create_task(self._test_write())
        test = self._test
        # A test that hangs is not awaited longer by the callers after it: it ends by itself.
        done, _ = await asyncio.wait({test}, timeout=max(0.0, self._started_at + ANSWER_SECONDS_MAX - now))
        return test.result() if done else Fault.of(Outage.TIMEOUT)

    async def _test_write(self) -> Fault | None:
        try:
            async with self._pool.acquire() as conn, conn.transaction():
                is_read_only = await conn.fetchval(_TEST_WRITE) is None
        except Exception as error:
            outage = find_outage(error)
            if outage is None and not isinstance(error, asyncpg.PostgresError):
                raise
            return _NO_SCHEMA if outage is None else Fault.of(outage)
        return Fault.of(Outage.READ_ONLY) if is_read_only else None
