"""How many different people have a like that counts: exact, counted off the hot path, with its own `as_of`."""

from datetime import datetime

from sql import Connection, query

_LIST_STALE_PEOPLE_COUNTS = query("list_stale_people_counts")
_COUNT_PEOPLE = query("count_people")


async def campaigns_to_count(conn: Connection) -> list[int]:
    """Return the campaigns in which something was recorded since their people were counted, or just before."""
    return [row["campaign_id"] for row in await conn.fetch(_LIST_STALE_PEOPLE_COUNTS)]


async def count_people(conn: Connection, campaign_id: int, now: datetime) -> None:
    """Count a campaign's people anew. Reads the whole campaign: see `ops/decisions` for what that takes."""
    await conn.execute(_COUNT_PEOPLE, campaign_id, now)
