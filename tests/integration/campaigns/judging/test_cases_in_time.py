"""Cases and observations in time: undecided cases, a close that waits, what is kept and dropped."""

from datetime import date, timedelta

import asyncpg
import pytest

from campaigns.catalogue.cache import Campaign
from campaigns.judging import judge_all, observation_retention, undecided
from campaigns.judging.errors import CampaignHasOpenCases
from campaigns.judging.pass_result import PassResult
from campaigns.pledging import budget, pledge, settle
from judged_likes import at, device_file, farm, homes, judged_campaign, likes_by_state, open_cases, record_seen
from ledger.error_collector import ErrorCollector
from promises import NOW
from settlements import read_balances
from sql import Pool

ONE_EACH = ("rate = { amount_minor = 1, per_likes = 3 }", "rate = { amount_minor = 1, per_likes = 1 }")
RELEASES = ("[authenticity]", '[authenticity]\nundecided = "release"')
KEEPS_60 = ("[authenticity]", "[authenticity]\nobservation_days = 60")
DUE = NOW + timedelta(days=30)


async def campaign_with_a_case(pool: Pool, *changes: tuple[str, str]) -> Campaign:
    campaign = await judged_campaign(pool, device_file(), ONE_EACH, *changes)
    await record_seen(pool, campaign, [*farm(3), *homes(3)])
    await judge_all.judge_campaign(pool, campaign, lambda: NOW, lambda _: None)
    return campaign


async def decide_due(pool: Pool, campaign: Campaign, now) -> PassResult:
    errors = ErrorCollector()
    result = await undecided.decide_due_cases(pool, {campaign.campaign_id: campaign}, now, errors)
    errors.raise_if_any("cases")
    return result


@pytest.mark.parametrize(
    ("changes", "verdict", "states", "earned_minor"),
    [([], "void", {"counted": 6, "void": 6}, 6), ([RELEASES], "released", {"counted": 12}, 12)],
)
async def test_the_promise_decides_a_case_that_is_due(pool: Pool, changes, verdict, states, earned_minor):
    campaign = await campaign_with_a_case(pool, *changes)
    assert await decide_due(pool, campaign, DUE - timedelta(seconds=1)) == PassResult()
    assert dict((await decide_due(pool, campaign, DUE)).verdicts) == {(verdict, "rules"): 6}
    assert await likes_by_state(pool) == states
    rows = await pool.fetch("SELECT outcome, action, by, likes FROM cases JOIN case_steps USING (case_id)")
    assert [tuple(row) for row in rows] == [(verdict, "undecided", "rules", 6)]
    await pledge.run_tick(pool, campaign)
    assert (await read_balances(pool, campaign)).earned_minor == earned_minor
    assert await decide_due(pool, campaign, DUE) == PassResult()
    await settle.settle_due_periods(pool, campaign, "schedule", at(10))  # its closing pass finds them again
    assert await likes_by_state(pool) == states


async def test_a_case_whose_likes_count_is_released_when_due(pool: Pool):
    campaign = await judged_campaign(pool, device_file(days=1, likes=1), ONE_EACH)
    await record_seen(pool, campaign, [*farm(3), *homes(3)])
    await settle.settle_due_periods(pool, campaign, "schedule", at(10))
    assert await open_cases(pool) == [("device.crowd", True, False, 6)]
    assert await decide_due(pool, campaign, DUE + timedelta(days=30)) == PassResult()
    assert await pool.fetchval("SELECT outcome FROM cases") == "released"
    assert await likes_by_state(pool) == {"counted": 12}


async def test_a_campaign_with_open_cases_closes_only_when_they_are_decided(pool: Pool):
    campaign = await campaign_with_a_case(pool)
    async with pool.acquire() as conn:
        with pytest.raises(CampaignHasOpenCases) as refused:
            async with conn.transaction():
                await budget.close_campaign(conn, campaign, NOW)
        assert refused.value.params == {"slug": campaign.slug, "cases_number": 1, "day": date(2026, 12, 10)}
        await decide_due(pool, campaign, DUE)
        async with conn.transaction():
            assert (await budget.close_campaign(conn, campaign, DUE)).is_new


async def drop_expired(pool: Pool, campaign: Campaign, now) -> int:
    return await observation_retention.drop_expired(pool, {campaign.campaign_id: campaign}, now)


async def test_observations_expire_when_their_days_are_settled_and_their_cases_decided(
    pool: Pool, owner: asyncpg.Connection
):
    campaign = await campaign_with_a_case(pool)
    await owner.execute("UPDATE observations SET recorded_at = $1", NOW)
    late = NOW + timedelta(days=36)
    assert await drop_expired(pool, campaign, late) == 0  # not settled
    await settle.settle_due_periods(pool, campaign, "schedule", at(10))
    assert await drop_expired(pool, campaign, late) == 0  # its case is open
    await decide_due(pool, campaign, DUE)
    assert await drop_expired(pool, campaign, NOW + timedelta(days=34)) == 0  # not old enough
    assert await drop_expired(pool, campaign, late) == 1
    assert await likes_by_state(pool) == {"counted": 6, "void": 6}


async def test_a_campaign_may_keep_its_observations_longer(pool: Pool, owner: asyncpg.Connection):
    campaign = await judged_campaign(pool, device_file(), KEEPS_60)
    await record_seen(pool, campaign, homes(3))
    await owner.execute("UPDATE observations SET recorded_at = $1", NOW)
    await settle.settle_due_periods(pool, campaign, "schedule", at(10))
    assert await drop_expired(pool, campaign, NOW + timedelta(days=59)) == 0
    assert await drop_expired(pool, campaign, NOW + timedelta(days=61)) == 1


async def partition_days(pool: Pool) -> list[str]:
    rows = await pool.fetch(
        "SELECT relname FROM pg_class WHERE relname ~ '^observations_[0-9]{8}$' AND relkind = 'r' ORDER BY 1"
    )
    return [row["relname"].removeprefix("observations_") for row in rows]


async def test_partitions_are_created_ahead_and_dropped_once_they_are_empty(pool: Pool):
    async with pool.acquire() as conn:
        assert await observation_retention.create_partitions(conn, date(2030, 5, 1)) == 0
        assert await observation_retention.create_partitions(conn, date(2030, 5, 1)) == 0
    days = await partition_days(pool)
    assert days[-8:] == [f"203005{day:02}" for day in range(1, 9)]
    campaign = await judged_campaign(pool, device_file())
    await record_seen(pool, campaign, homes(3))
    await drop_expired(pool, campaign, at(1) + timedelta(days=20_000))  # the likes are not settled
    rows = await pool.fetch("SELECT tableoid::regclass::text AS name FROM observations")
    assert [f"observations_{day}" for day in await partition_days(pool)] == [row["name"] for row in rows]


async def test_rows_without_a_partition_are_counted_and_keep_theirs_from_being_made(pool: Pool):
    campaign = await judged_campaign(pool, device_file())
    await record_seen(pool, campaign, homes(3))
    await pool.execute(
        "INSERT INTO observations SELECT campaign_id, bucket, batch_id, '2030-05-02', first_at, last_at, likes,"
        " judged_at, packed FROM observations"
    )
    async with pool.acquire() as conn:
        assert await observation_retention.create_partitions(conn, date(2030, 5, 1)) == 1
        storage = await observation_retention.read_storage(conn)
    assert (storage.rest_rows, storage.last_day) == (1, date(2030, 5, 8))
    assert not storage.is_behind(date(2030, 5, 7))
    assert storage.is_behind(date(2030, 5, 8))
