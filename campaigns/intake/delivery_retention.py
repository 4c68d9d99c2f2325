"""How long a delivery's response is stored.

A redelivery within seven days gets the same response, byte for byte.
"""

from datetime import datetime, timedelta

from sql import Pool, query

RETENTION = timedelta(days=7)

_DELETE_OLD_DELIVERIES = query("delete_old_deliveries")


async def delete_expired(pool: Pool, now: datetime) -> None:
    """Delete the responses older than `RETENTION`.

    The likes stay: sent again later, they are duplicates.
    """
    async with pool.acquire() as conn:
        await conn.execute(_DELETE_OLD_DELIVERIES, now - RETENTION)
