"""How long observations are kept: partitions of a day, created ahead and dropped in time.

A campaign's observations expire `observation_days` after they were recorded, but not before their
days are settled and the cases about them are decided.
"""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import NamedTuple

from campaigns.catalogue.cache import Campaign
from campaigns.judging.judge_campaign import find_settled_day, start_of_day
from sql import Connection, Pool, query, rows_affected

DAYS_AHEAD = 7
_ROWS_MAX = 10_000  # deleted in one statement
_DAY = timedelta(days=1)

_CREATE_OBSERVATION_PARTITIONS = query("create_observation_partitions")
_LIST_OBSERVED_CAMPAIGNS = query("list_observed_campaigns")
_FIND_FIRST_CASE_DAY = query("find_first_case_day")
_DELETE_EXPIRED_OBSERVATIONS = query("delete_expired_observations")
_DROP_EMPTY_OBSERVATION_PARTITIONS = query("drop_empty_observation_partitions")
_READ_OBSERVATION_STORAGE = query("read_observation_storage")


class ObservationStorage(NamedTuple):
    """How the storage of observations stands."""

    rest_rows: int  # in no partition of their day; at most 1,000 are counted
    last_day: date | None  # that has a partition
    oldest_at: datetime | None

    def is_behind(self, today: date) -> bool:
        """Return whether partitions are missing for today or tomorrow."""
        return self.last_day is None or self.last_day < today + _DAY


async def create_partitions(conn: Connection, today: date) -> int:
    """Create the partitions of today and the days ahead; return the number of those that must wait."""
    return int(await conn.fetchval(_CREATE_OBSERVATION_PARTITIONS, today, DAYS_AHEAD))


async def drop_expired(pool: Pool, campaigns: Mapping[int, Campaign], now: datetime) -> int:
    """Delete expired observations, then drop the partitions that are empty; return the rows deleted."""
    shortest = min((c.authenticity.observation_days for c in campaigns.values()), default=0)
    deleted = 0
    async with pool.acquire() as conn:
        rows = await conn.fetch(_LIST_OBSERVED_CAMPAIGNS, now - timedelta(days=shortest))
    for row in rows:
        if campaign := campaigns.get(row["campaign_id"]):
            deleted += await _delete_expired(pool, campaign, now)
    async with pool.acquire() as conn:
        await conn.fetchval(_DROP_EMPTY_OBSERVATION_PARTITIONS, (now - timedelta(days=shortest)).date())
    return deleted


async def _delete_expired(pool: Pool, campaign: Campaign, now: datetime) -> int:
    """Delete a campaign's expired observations in parts; return their number."""
    recorded_before = now - timedelta(days=campaign.authenticity.observation_days)
    deleted, part = 0, _ROWS_MAX
    while part == _ROWS_MAX:
        async with pool.acquire() as conn, conn.transaction():
            bounds = recorded_before, await _find_end(conn, campaign), _ROWS_MAX
            part = rows_affected(await conn.execute(_DELETE_EXPIRED_OBSERVATIONS, campaign.campaign_id, *bounds))
        deleted += part
    return deleted


async def _find_end(conn: Connection, campaign: Campaign) -> datetime:
    """Return the moment from which on events may still be judged, or concern an open case."""
    kept_day = await find_settled_day(conn, campaign) + _DAY
    case_day: date | None = await conn.fetchval(_FIND_FIRST_CASE_DAY, campaign.campaign_id)
    return start_of_day(campaign, min(kept_day, case_day or kept_day))


async def read_storage(conn: Connection) -> ObservationStorage:
    """Return how the storage of observations stands."""
    [row] = await conn.fetch(_READ_OBSERVATION_STORAGE)
    return ObservationStorage(*row)
