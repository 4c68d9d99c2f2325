"""When a platform's keys were last used: noted in memory for each delivery, stored once a while.

So no delivery costs a write. A process that is killed loses the notes since its last flush: the
stored time is never too late, but can be too early.
"""

from collections.abc import Iterable
from datetime import datetime

from campaigns.catalogue.cache import PlatformKey
from sql import Pool, query

_STORE_KEY_USAGE = query("store_key_usage")


class KeyUsage:
    """The keys used since the last flush: at most one entry for each live key."""

    def __init__(self) -> None:
        self._last_used_at: dict[int, datetime] = {}

    def record_use(self, keys: Iterable[PlatformKey], now: datetime) -> None:
        """Note the keys that verified a delivery, newest first: the newest of each scheme.

        A delivery signed with the old and the new secret does not need the old one any more.
        """
        for key in {key.scheme: key for key in reversed(tuple(keys))}.values():
            self._last_used_at[key.key_id] = now

    async def flush(self, pool: Pool) -> None:
        """Store the uses since the last flush; keep them for the next flush if that fails."""
        unstored, self._last_used_at = self._last_used_at, {}
        if not unstored:
            return
        try:
            async with pool.acquire() as conn:
                await conn.execute(_STORE_KEY_USAGE, list(unstored), list(unstored.values()))
        except BaseException:
            self._last_used_at = unstored | self._last_used_at
            raise
