"""Judging on a real database: what passes hold and clear, and that only observations decide."""

from campaigns.judging import judge_all
from campaigns.judging.pass_result import PassResult
from campaigns.pledging import pledge, settle
from judged_likes import (
    at,
    device_file,
    farm,
    homes,
    judged_campaign,
    likes_by_state,
    record_seen,
)
from promises import NOW
from sql import Pool


async def judge(pool: Pool, campaign) -> PassResult:
    return await judge_all.judge_campaign(pool, campaign, lambda: NOW, lambda _: None)


async def test_an_interim_pass_holds_what_a_rule_finds_and_opens_one_case(pool: Pool):
    campaign = await judged_campaign(pool, device_file())
    await record_seen(pool, campaign, [*farm(3), *homes(3)])
    result = await judge(pool, campaign)
    assert (result.judged, result.held_likes, result.opened_cases) == (12, 6, 1)
    assert await likes_by_state(pool) == {"counted": 6, "quarantined": 6}
    assert await judge(pool, campaign) == PassResult()


async def test_a_window_is_judged_again_when_a_late_like_falls_into_it(pool: Pool):
    campaign = await judged_campaign(pool, device_file())
    await record_seen(pool, campaign, farm(3, people=4))
    assert (await judge(pool, campaign)).held_likes == 0
    await record_seen(pool, campaign, farm(3, people=1, first=4))
    assert (await judge(pool, campaign)).held_likes == 5


async def test_a_settlement_takes_no_held_like(pool: Pool):
    campaign = await judged_campaign(pool, device_file(), ONE_EACH)
    await record_seen(pool, campaign, [*farm(3), *homes(3)])
    await pledge.run_tick(pool, campaign)
    [result] = await settle.settle_due_periods(pool, campaign, "schedule", at(9))
    assert result.total_minor == 6
    passes = await pool.fetch("SELECT likes, held_likes, cut_off::text FROM closing_passes")
    assert [tuple(row) for row in passes] == [(12, 6, "2026-11-05")]


ONE_EACH = ("rate = { amount_minor = 1, per_likes = 3 }", "rate = { amount_minor = 1, per_likes = 1 }")
