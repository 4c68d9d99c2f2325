"""Judging on a real database: what passes hold and clear, and that only observations decide."""

import asyncio
import random
import sys
from collections.abc import Callable
from datetime import date

import asyncpg
import pytest

from campaigns.authenticity import engine
from campaigns.authenticity.rule_input import Hit, Numbers, RuleInput
from campaigns.authenticity.rules.device import find_device_crowds
from campaigns.catalogue.cache import Campaign
from campaigns.intake.like_state import LikeVerdict
from campaigns.intake.verdict_change import VerdictChange, VerdictSource
from campaigns.intake.verdicts import apply_verdicts
from campaigns.judging import engine_run, interim_pass, judge_all, stored_observations
from campaigns.judging.errors import JudgingRefused, RuleFailure, SettlementWaits
from campaigns.judging.pass_result import PassResult
from campaigns.pledging import settle
from campaigns.pledging.closing_days import judge_all_days
from judged_likes import (
    Seen,
    apply_rules,
    at,
    device_file,
    farm,
    homes,
    judged_campaign,
    likes_by_state,
    open_cases,
    record_seen,
    verdict_rows,
)
from ledger.settlements.settle import SettlementResult
from promises import NOW
from sql import Pool

ONE_EACH = ("rate = { amount_minor = 1, per_likes = 3 }", "rate = { amount_minor = 1, per_likes = 1 }")
FIRST, SECOND = at(9, 60 * 24), at(16, 60 * 24)  # after the periods of the ninth and the sixteenth fell due


async def judge(pool: Pool, campaign: Campaign) -> PassResult:
    return await judge_all.judge_campaign(pool, campaign, lambda: NOW, lambda _: None)


async def settle_at(pool: Pool, campaign: Campaign, moment=FIRST) -> list[SettlementResult]:
    return await settle.settle_due_periods(pool, campaign, "schedule", moment)


async def judge_upto(pool: Pool, campaign: Campaign, day: int) -> PassResult:
    async with pool.acquire() as conn, conn.transaction():
        result = await judge_all_days(conn, campaign, NOW, upto=date(2026, 11, day))
    assert result is not None
    return result


async def test_an_interim_pass_holds_what_a_rule_finds_and_opens_one_case(pool: Pool):
    campaign = await judged_campaign(pool, device_file())
    await record_seen(pool, campaign, [*farm(3), *homes(3)])
    result = await judge(pool, campaign)
    assert (result.judged, result.held_likes, result.opened_cases) == (12, 6, 1)
    assert (dict(result.findings), dict(result.verdicts)) == ({("device", "live"): 1}, {("held", "rules"): 6})
    assert await likes_by_state(pool) == {"counted": 6, "quarantined": 6}
    assert await judge(pool, campaign) == PassResult()


async def test_a_window_is_judged_again_when_a_late_like_falls_into_it(pool: Pool):
    campaign = await judged_campaign(pool, device_file())
    await record_seen(pool, campaign, farm(3, people=4))
    assert (await judge(pool, campaign)).held_likes == 0
    await record_seen(pool, campaign, homes(8))
    await judge(pool, campaign)
    await record_seen(pool, campaign, farm(3, people=1, first=4))
    assert (await judge(pool, campaign)).held_likes == 5


async def test_a_settlement_takes_no_held_like(pool: Pool):
    campaign = await judged_campaign(pool, device_file(), ONE_EACH)
    await record_seen(pool, campaign, [*farm(3), *homes(3)])
    [result] = await settle_at(pool, campaign)
    assert result.total_minor == 6
    passes = await pool.fetch("SELECT likes, held_likes, cut_off::text FROM closing_passes")
    assert [tuple(row) for row in passes] == [(12, 6, "2026-11-05")]


async def test_a_closing_pass_clears_what_it_does_not_find_and_closes_the_empty_case(pool: Pool):
    campaign = await judged_campaign(pool, device_file(people=5), ONE_EACH)
    await record_seen(pool, campaign, farm(3))
    await judge(pool, campaign)
    milder = await apply_rules(pool, campaign, device_file(3, people=50))
    [result] = await settle_at(pool, milder)
    assert result.total_minor == 6
    assert [row[2:] for row in await verdict_rows(pool)] == [
        ("cleared", ["device"], ["device.crowd"], 3) for _ in range(6)
    ]
    assert await open_cases(pool) == []
    assert await pool.fetch("SELECT outcome, action, likes FROM cases JOIN case_steps USING (case_id)") == [
        ("cleared", "clear", 6)
    ]


@pytest.mark.parametrize("decision", [LikeVerdict.RELEASED, LikeVerdict.VOID])
async def test_no_rule_overrides_what_people_decided(pool: Pool, decision: LikeVerdict):
    campaign = await judged_campaign(pool, device_file())
    await record_seen(pool, campaign, farm(3))
    await judge(pool, campaign)
    [content, person] = await pool.fetchrow("SELECT content, person FROM verdicts ORDER BY person LIMIT 1")
    change = VerdictChange(content, person, decision, ("device",), ("device.crowd",))
    async with pool.acquire() as conn, conn.transaction():
        await apply_verdicts(conn, campaign, [change], VerdictSource(2, "case", "people", NOW))
    await judge_upto(pool, campaign, 20)
    await record_seen(pool, campaign, farm(4, people=1, first=9))
    await judge(pool, campaign)
    assert await pool.fetchval("SELECT verdict::text FROM verdicts WHERE person = $1", person) == decision
    await judge_upto(pool, await apply_rules(pool, campaign, device_file(3, people=50)), 20)
    assert await pool.fetchval("SELECT verdict::text FROM verdicts WHERE person = $1", person) == decision


async def test_a_like_without_its_observation_keeps_its_verdict(pool: Pool):
    campaign = await judged_campaign(pool, device_file())
    await record_seen(pool, campaign, farm(3))
    await judge(pool, campaign)
    await pool.execute("DELETE FROM observations")
    await judge_upto(pool, await apply_rules(pool, campaign, device_file(3, people=50)), 20)
    assert await likes_by_state(pool) == {"quarantined": 6}


async def test_a_shadow_rule_holds_nothing(pool: Pool):
    campaign = await judged_campaign(pool, device_file(mode="shadow"), ONE_EACH)
    await record_seen(pool, campaign, farm(3))
    result = await judge(pool, campaign)
    assert (result.held_likes, dict(result.findings)) == (0, {("device", "shadow"): 1})
    [settlement] = await settle_at(pool, campaign)
    assert (settlement.total_minor, await open_cases(pool)) == (6, [])


async def test_a_rule_only_records_findings_where_few_likes_carry_its_signal(pool: Pool):
    campaign = await judged_campaign(pool, device_file(), ONE_EACH)
    unsigned = [like._replace(device=None) for like in homes(3, people=7)]
    await record_seen(pool, campaign, [*farm(3), *unsigned])
    [settlement] = await settle_at(pool, campaign)
    assert settlement.total_minor == 13
    assert await pool.fetchval("SELECT not_judged FROM closing_passes") == '[["video","2026-11-03","device.crowd"]]'


async def test_findings_about_settled_days_open_a_case_whose_likes_count(pool: Pool):
    campaign = await judged_campaign(pool, device_file(), ONE_EACH)
    await record_seen(pool, campaign, farm(3, people=4))
    assert [s.total_minor for s in await settle_at(pool, campaign)] == [4]
    await record_seen(pool, campaign, [*farm(8, people=2, first=4), *homes(8)])
    assert [s.total_minor for s in await settle_at(pool, campaign, SECOND)] == [6]
    assert await likes_by_state(pool) == {"counted": 10, "quarantined": 2}
    assert await open_cases(pool) == [("device.crowd", False, False, 2), ("device.crowd", True, False, 4)]
    await judge_upto(pool, campaign, 29)
    assert len(await open_cases(pool)) == 2  # the same findings again open nothing


async def test_late_likes_of_a_settled_day_are_judged_before_the_next_settlement_takes_them(pool: Pool):
    campaign = await judged_campaign(pool, device_file(), ONE_EACH)
    await record_seen(pool, campaign, homes(3))
    await settle_at(pool, campaign)
    await record_seen(pool, campaign, [*homes(3, first=10), *farm(4)])
    assert [s.total_minor for s in await settle_at(pool, campaign, SECOND)] == [12]
    assert await open_cases(pool) == [("device.crowd", True, False, 6)]
    assert await pool.fetchval("SELECT count(*) FROM observations WHERE judged_at IS NULL") == 0


def regulars(people: int, device: Callable[[int], str]) -> list[Seen]:
    """Return likes of people who come each day of three."""
    return [
        Seen(f"regular {number}", f"c{day}", at(day, number), device(number))
        for day in (2, 3, 4)
        for number in range(people)
    ]


async def test_a_rule_that_would_hold_too_many_established_people_waits_for_a_reviewer(pool: Pool):
    rules = device_file(established="hold", days=3, likes=3)
    campaign = await judged_campaign(pool, rules, ONE_EACH)
    await record_seen(pool, campaign, regulars(60, lambda n: "school" if n < 25 else f"phone {n}"))
    with pytest.raises(SettlementWaits, match="settlement_waits_for_review"):
        await settle_at(pool, campaign)
    assert await open_cases(pool) == [("device.crowd", True, True, 75)]
    assert await likes_by_state(pool) == {"counted": 180}
    with pytest.raises(SettlementWaits):
        await settle_at(pool, campaign)
    run = await settle.settle_all(pool, [campaign], lambda: FIRST)
    assert (run.overdue_count, run.errors.errors, len(run.waits)) == (1, [], 1)
    await pool.execute("UPDATE cases SET closed_at = now(), outcome = 'released'")
    [settlement] = await settle_at(pool, campaign)
    assert (settlement.total_minor, await open_cases(pool)) == (180, [])


async def test_established_people_count_until_people_decide(pool: Pool):
    campaign = await judged_campaign(pool, device_file(established="case", days=3, likes=3), ONE_EACH)
    await record_seen(pool, campaign, regulars(30, lambda n: "tablet" if n < 6 else f"phone {n}"))
    [settlement] = await settle_at(pool, campaign)
    assert (settlement.total_minor, await open_cases(pool)) == (90, [("device.crowd", True, False, 18)])


def break_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a rule fail over likes of a content named `broken`."""

    def find_hits(inputs: RuleInput, numbers: Numbers) -> list[Hit]:
        if any(like.content == "broken" for like in inputs.window.likes):
            raise ZeroDivisionError
        return find_device_crowds(inputs, numbers)

    monkeypatch.setattr(engine, "WINDOW_RULES", {**engine.WINDOW_RULES, "device.crowd": find_hits})


async def test_a_failed_rule_stops_settlements_of_its_campaign_alone(pool: Pool, monkeypatch: pytest.MonkeyPatch):
    campaign = await judged_campaign(pool, device_file(), ONE_EACH)
    other = await judged_campaign(pool, device_file(), ONE_EACH, ('slug = "rural-education"', 'slug = "other"'))
    await record_seen(pool, campaign, homes(3, content="broken"))
    await record_seen(pool, other, homes(3, content="sound"))
    with monkeypatch.context() as patched:
        break_rule(patched)
        campaigns = {c.campaign_id: c for c in (campaign, other)}
        errors = await judge_all.judge_all(pool, campaigns, lambda: NOW, lambda _: None)
        assert [error.params for error in errors.errors] == [{"slug": campaign.slug, "rule": "device.crowd"}]
        run = await settle.settle_all(pool, campaigns.values(), lambda: FIRST)
        assert [type(error) for error in run.errors.errors] == [RuleFailure]
        assert run.overdue_count == 1
        await record_seen(pool, campaign, homes(3, first=20))  # intake goes on
    assert await pool.fetch("SELECT campaign FROM settlements") == [("other",)]
    assert [s.total_minor for s in await settle_at(pool, campaign)] == [12]


async def test_unreadable_observations_stop_settlements(pool: Pool):
    campaign = await judged_campaign(pool, device_file(), ONE_EACH)
    await record_seen(pool, campaign, homes(3))
    [packed] = await pool.fetchrow("UPDATE observations SET packed = '' RETURNING (SELECT packed FROM observations)")
    with pytest.raises(RuleFailure, match="rule=engine"):
        await settle_at(pool, campaign)
    await pool.execute("UPDATE observations SET packed = $1", packed)
    assert len(await settle_at(pool, campaign)) == 1


async def test_a_pass_that_is_cut_leaves_nothing_half_done(pool: Pool, monkeypatch: pytest.MonkeyPatch):
    campaign = await judged_campaign(pool, device_file())
    await record_seen(pool, campaign, [*farm(3), *homes(3)])

    async def cut(conn: asyncpg.Connection, *_: object) -> int:
        await conn.fetchval("SELECT pg_terminate_backend(pg_backend_pid())")
        return 0

    with monkeypatch.context() as patched:
        patched.setattr(interim_pass, "store_cases", cut)
        with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, ConnectionError)):
            await judge(pool, campaign)
    assert await likes_by_state(pool) == {"counted": 12}
    assert await pool.fetchval("SELECT count(*) FROM observations WHERE judged_at IS NOT NULL") == 0
    assert (await judge(pool, campaign)).held_likes == 6


async def test_two_instances_judge_each_batch_once(pool: Pool):
    campaign = await judged_campaign(pool, device_file())
    for day in (2, 3, 4):
        await record_seen(pool, campaign, [*farm(day, content=f"c{day}"), *homes(day, content=f"c{day}")])
    results = await asyncio.gather(*(judge(pool, campaign) for _ in range(3)))
    assert sum(result.judged for result in results) == 36
    assert sum(result.held_likes for result in results) == 18
    assert await likes_by_state(pool) == {"counted": 18, "quarantined": 18}


async def outcome(pool: Pool, seed: int) -> tuple[object, ...]:
    """Return what a settlement finds after the same likes in another order, other batches and other passes."""
    rng = random.Random(seed)
    campaign = await judged_campaign(
        pool, device_file(), ONE_EACH, ('slug = "rural-education"', f'slug = "run-{seed}"')
    )
    likes = [
        *farm(2), *farm(3, device="other", people=4), *farm(5, device="other", people=2, first=3), *homes(3),
        *homes(4, content="d"), *(like._replace(device="other") for like in homes(4, people=2, content="e")),
    ]  # fmt: skip
    likes = [like._replace(content=f"{like.content}-{seed}") for like in likes]
    rng.shuffle(likes)
    while likes:
        size = rng.randrange(1, 9)
        await record_seen(pool, campaign, likes[:size])
        likes = likes[size:]
        if rng.random() < 0.5:
            await asyncio.gather(judge(pool, campaign), judge(pool, campaign))
    [settlement] = await settle_at(pool, campaign)
    rows = await pool.fetch(
        "SELECT state::text, v.verdict::text, v.families, v.rules, v.ruleset, count(*) FROM likes l"
        " LEFT JOIN verdicts v USING (campaign_id, content, person, bucket)"
        " WHERE campaign_id = $1 GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4",
        campaign.campaign_id,
    )
    return settlement.total_minor, [tuple(row) for row in rows]


async def test_order_batches_and_earlier_passes_change_no_verdict(pool: Pool):
    outcomes = [await outcome(pool, seed) for seed in range(4)]
    assert outcomes == [outcomes[0]] * 4


async def test_the_digest_depends_on_the_observations_alone(pool: Pool):
    campaign = await judged_campaign(pool, device_file())
    await record_seen(pool, campaign, [*farm(3), *homes(3)])
    first = await judge_upto(pool, campaign, 20)
    batches = await pool.fetch("SELECT packed FROM observations")
    assert len(batches) == 1
    again = await judge_upto(pool, campaign, 20)
    assert (again.digest, again.held_likes, again.cleared) == (first.digest, 0, 0)


async def test_a_large_pass_runs_in_a_process_and_finds_the_same(pool: Pool, monkeypatch: pytest.MonkeyPatch):
    campaign = await judged_campaign(pool, device_file())
    await record_seen(pool, campaign, [*farm(3), *homes(3)])
    first = await judge_upto(pool, campaign, 20)
    monkeypatch.setattr(engine_run, "PROCESS_FROM", 0)
    assert (await judge_upto(pool, campaign, 20)).digest == first.digest


async def test_a_process_that_ends_before_its_time_decides_nothing(pool: Pool, monkeypatch: pytest.MonkeyPatch):
    campaign = await judged_campaign(pool, device_file())
    await record_seen(pool, campaign, farm(3))
    monkeypatch.setattr(engine_run, "PROCESS_FROM", 0)
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(RuleFailure, match="rule=engine"):
        await judge(pool, campaign)
    assert await pool.fetchval("SELECT count(*) FROM observations WHERE judged_at IS NULL") == 1


async def test_a_settlement_under_older_rules_is_refused(pool: Pool):
    campaign = await judged_campaign(pool, device_file(), ONE_EACH)
    await record_seen(pool, campaign, homes(3))
    newer = await apply_rules(pool, campaign, device_file(3))
    with pytest.raises(JudgingRefused, match="ruleset_changed_meanwhile"):
        await settle_at(pool, campaign)
    assert [s.total_minor for s in await settle_at(pool, newer)] == [6]


async def test_a_pass_that_is_too_large_is_refused(pool: Pool, monkeypatch: pytest.MonkeyPatch):
    campaign = await judged_campaign(pool, device_file())
    await record_seen(pool, campaign, homes(3))
    monkeypatch.setattr(stored_observations, "CLOSING_LIKES_MAX", 5)
    with pytest.raises(JudgingRefused, match="judging_too_large"):
        await settle_at(pool, campaign)
