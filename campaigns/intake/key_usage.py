"""When a platform's keys were last used: remembered beside the deliveries, and written down once a while.

So no delivery costs a write, and the figure is as late as the last flush. What a killed process had not written down
yet is lost: then a key was used later than it says, never earlier.
"""

from collections.abc import Iterable
from datetime import datetime

from campaigns.catalogue.cache import PlatformKey
from sql import Pool, query

_STORE_KEY_USAGE = query("store_key_usage")


class KeyUsage:
    """What was used since the last flush; as many entries as keys that hold, at most."""

    def __init__(self) -> None:
        self._last_used_at: dict[int, datetime] = {}

    def record_use(self, keys: Iterable[PlatformKey], now: datetime) -> None:
        """Remember which keys verified a delivery, newest first: of each scheme the newest that did.

        A delivery that is signed by the old secret and by the new one does not need the old one any more.
        """
        for key in {key.scheme: key for key in reversed(tuple(keys))}.values():
            self._last_used_at[key.key_id] = now

    async def flush(self, pool: Pool) -> None:
        """Write down what was used since the last time; where that fails, the next time."""
        taken, self._last_used_at = self._last_used_at, {}
        if not taken:
            return
        try:
            async with pool.acquire() as conn:
                await conn.execute(_STORE_KEY_USAGE, list(taken), list(taken.values()))
        except BaseException:
            self._last_used_at = taken | self._last_used_at
            raise
