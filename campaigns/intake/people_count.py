"""The number of different people with a counted like.

It is exact, counted outside of intake, with its own `as_of`.
"""

from collections.abc import Callable
from datetime import datetime

from sql import Connection, Pool, query

_LIST_STALE_PEOPLE_COUNTS = query("list_stale_people_counts")
_COUNT_PEOPLE = query("count_people")


async def count_stale(pool: Pool, clock: Callable[[], datetime]) -> int:
    """Count the people of every campaign that recorded likes since its last count.

    Returns the number of campaigns. Takes the time of each count from `clock`: the count of a large
    campaign takes minutes.
    """
    async with pool.acquire() as conn:
        campaign_ids = await stale_campaigns(conn)
        for campaign_id in campaign_ids:
            await count_people(conn, campaign_id, clock())
    return len(campaign_ids)


async def stale_campaigns(conn: Connection) -> list[int]:
    """Return the campaigns that recorded likes since, or just before, their last count."""
    return [row["campaign_id"] for row in await conn.fetch(_LIST_STALE_PEOPLE_COUNTS)]


async def count_people(conn: Connection, campaign_id: int, now: datetime) -> None:
    """Count a campaign's people and store the number.

    Scans all likes of the campaign: see `ops/decisions`.
    """
    await conn.execute(_COUNT_PEOPLE, campaign_id, now)
