"""Settling on a real database: the amounts of a period, of carried shares and of the close.

Once, from any caller.
"""

import asyncio
import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from campaigns.catalogue import apply_promise
from campaigns.catalogue.cache import CatalogueCache
from campaigns.errors import UnknownPeriod
from campaigns.pledging import budget, settle
from campaigns.reporting.settlements import published_settlements, settlements_csv
from campaigns.reporting.snapshot import read_snapshots
from campaigns.reporting.totals import campaign_totals
from ledger.accounting.balances import CampaignBalances
from ledger.settlements import settle as settlement
from ops.admin.core.command import CommandServices
from ops.clock import utc_now
from ops.jobs import Jobs
from ops.keys import Keys
from ops.metrics import Metrics
from ops.settings import Settings
from promises import NOW, PSEUDONYM_KEY, SLUG, fetch_rows, likes_body, promise, record
from settlements import (
    assert_replay_agrees,
    create_campaign,
    likes_delivery,
    read_balances,
    read_settlements,
    record_likes,
    record_unlikes,
    settle_periods,
    settlement_states,
)
from sql import Connection, Pool

SHANGHAI = ZoneInfo("Asia/Shanghai")
FIRST, SECOND, THIRD = (datetime(2026, 11, day, 3, tzinfo=SHANGHAI) for day in (9, 16, 23))  # Mondays
ONE_EACH = ("rate = { amount_minor = 1, per_likes = 3 }", "rate = { amount_minor = 1, per_likes = 1 }")
CARRIES = ("[terms]", "[settlement]\nminimum_minor = 50\n[terms]")


def figures(balances: CampaignBalances) -> tuple[int, int, int]:
    return balances.pledged.minor, balances.payable.minor, balances.earned_minor


async def test_a_period_takes_the_earnings_of_its_mature_days_and_splits_them(pool: Pool):
    campaign = await create_campaign(pool, ONE_EACH)
    await record_likes(pool, campaign, {2: 100, 5: 55, 6: 30})  # the sixth has not matured on the ninth
    (first,) = await settle_periods(pool, campaign, FIRST)
    assert (first.period, first.total_minor, first.payout_count) == (date(2026, 11, 9), 155, 2)
    (settled,) = await read_settlements(pool, campaign)
    assert [(p.charity, p.amount_minor) for p in settled.payouts] == [
        ("village-schools", 109),  # 108.5 and 46.5: a tie goes to the one listed first
        ("mobile-libraries", 46),
    ]
    assert settled.cut_off == date(2026, 11, 5)
    assert figures(await read_balances(pool, campaign)) == (30, 155, 185)


async def test_the_same_period_again_settles_nothing(pool: Pool):
    campaign = await create_campaign(pool, ONE_EACH)
    await record_likes(pool, campaign, {2: 100})
    assert len(await settle_periods(pool, campaign, FIRST)) == 1
    assert await settle_periods(pool, campaign, FIRST) == []
    assert await settle_periods(pool, campaign, FIRST + timedelta(days=6)) == []


async def test_missed_periods_are_settled_singly_oldest_first(pool: Pool):
    campaign = await create_campaign(pool, ONE_EACH)
    await record_likes(pool, campaign, {2: 100, 9: 70, 10: 30})
    results = await settle_periods(pool, campaign, THIRD + timedelta(hours=1))
    assert [(str(s.period), s.total_minor) for s in results] == [("2026-11-09", 100), ("2026-11-16", 100)]
    rows = await fetch_rows(pool, "SELECT FROM settlements")
    assert len(rows) == 2  # the third period took nothing, so it has no row


async def test_the_earnings_of_late_likes_go_into_the_next_period(pool: Pool):
    campaign = await create_campaign(pool, ONE_EACH)
    await record_likes(pool, campaign, {9: 100})
    await settle_periods(pool, campaign, SECOND)
    await record_likes(pool, campaign, {2: 40}, now=SECOND + timedelta(hours=1))
    assert await settle_periods(pool, campaign, SECOND + timedelta(hours=2)) == []
    (result,) = await settle_periods(pool, campaign, THIRD)
    assert (str(result.period), result.total_minor) == ("2026-11-23", 40)


async def test_looking_at_a_period_that_takes_nothing_changes_no_later_result(pool: Pool):
    campaigns = [await create_campaign(pool, (SLUG, slug), ONE_EACH) for slug in ("looked-at", "missed")]
    for moment in (FIRST, FIRST + timedelta(days=40)):  # the second look is that of a clock far ahead
        assert await settle_periods(pool, campaigns[0], moment) == []
    assert await fetch_rows(pool, "SELECT FROM settlements") == []
    results = []
    for campaign in campaigns:
        await record_likes(pool, campaign, {2: 40})
        results.append([(r.period, r.total_minor) for r in await settle_periods(pool, campaign, SECOND)])
    assert results[0] == results[1] == [(FIRST.date(), 40)]


async def test_a_settled_period_that_is_still_to_come_is_overdue(pool: Pool):
    campaign = await create_campaign(pool, ONE_EACH)
    await record_likes(pool, campaign, {2: 40})
    assert (await settle.settle_all(pool, [campaign], lambda: THIRD)).overdue_count == 0
    assert (await settle.settle_all(pool, [campaign], lambda: FIRST - timedelta(days=3))).overdue_count == 1


async def test_a_share_below_the_minimum_waits_as_carried_and_goes_with_a_later_one(pool: Pool):
    campaign = await create_campaign(pool, ONE_EACH, CARRIES)
    await record_likes(pool, campaign, {2: 100, 9: 100})
    await settle_periods(pool, campaign, FIRST)
    (first,) = await read_settlements(pool, campaign)
    assert [(p.charity, p.amount_minor) for p in first.payouts] == [("village-schools", 70)]
    assert first.carried_minor_by_charity == {"mobile-libraries": 30}
    assert (await read_balances(pool, campaign)).payable.minor == 100
    await settle_periods(pool, campaign, SECOND)
    second = (await read_settlements(pool, campaign))[1]
    assert second.total_minor == 100
    assert [(p.charity, p.amount_minor) for p in second.payouts] == [
        ("village-schools", 70),
        ("mobile-libraries", 60),
    ]
    assert second.carried_minor_by_charity == {}


async def test_closing_makes_the_last_settlement_with_the_floor_and_all_carried_shares(pool: Pool):
    campaign = await create_campaign(pool, ONE_EACH, CARRIES, ("floor_minor = 0", "floor_minor = 300"))
    await record_likes(pool, campaign, {2: 100, 9: 11})
    await settle_periods(pool, campaign, FIRST)
    async with pool.acquire() as conn, conn.transaction():
        await budget.close_campaign(conn, campaign, NOW)
    assert await settle_periods(pool, campaign, NOW + timedelta(days=1)) == []  # the likes of the tenth mature first
    (last,) = await settle_periods(pool, campaign, datetime(2026, 11, 14, tzinfo=SHANGHAI))
    assert (str(last.period), last.total_minor) == ("2026-11-14", 200)
    settled = (await read_settlements(pool, campaign))[-1]
    assert settled.is_last
    assert {p.charity: p.amount_minor for p in settled.payouts} == {"village-schools": 140, "mobile-libraries": 90}
    assert figures(await read_balances(pool, campaign)) == (0, 300, 300)
    assert await settle_periods(pool, campaign, THIRD) == []


async def test_a_like_that_was_some_minutes_ahead_when_the_campaign_closed_is_settled_too(pool: Pool):
    """Its day is the day after the close: the last settlement takes it, for none comes later."""
    campaign = await create_campaign(pool, ONE_EACH)
    midnight = datetime(2026, 11, 11, tzinfo=SHANGHAI)
    ahead = f"{midnight + timedelta(minutes=1):%Y-%m-%dT%H:%M:%S}+08:00"
    minutes = timedelta(minutes=1)
    assert await record(pool, [likes_delivery(SLUG, ahead, range(20))], midnight - 3 * minutes) == {"counted": 20}
    async with pool.acquire() as conn, conn.transaction():
        await budget.close_campaign(conn, campaign, midnight - 2 * minutes)
    assert await settle_periods(pool, campaign, midnight + timedelta(days=4) - minutes) == [], (
        "these likes have to mature, too"
    )
    (last,) = await settle_periods(pool, campaign, midnight + timedelta(days=4))
    assert last.total_minor == 20
    assert figures(await read_balances(pool, campaign)) == (0, 20, 20)


async def test_the_last_settlement_takes_everything_even_after_a_clock_that_was_ahead(pool: Pool):
    """An instance with a clock an hour ahead counted a like of a day after the close."""
    campaign = await create_campaign(pool, ONE_EACH)
    midnight = datetime(2026, 11, 11, tzinfo=SHANGHAI)
    await record(pool, [likes_delivery(SLUG, "2026-11-11T00:01:00+08:00", range(20))], midnight)
    async with pool.acquire() as conn, conn.transaction():
        await budget.close_campaign(conn, campaign, midnight - timedelta(hours=1))
    (last,) = await settle_periods(pool, campaign, midnight + timedelta(days=9))
    assert last.total_minor == 20
    assert figures(await read_balances(pool, campaign)) == (0, 20, 20)


async def test_the_top_up_of_the_close_goes_to_the_terms_in_force(pool: Pool):
    """New terms start tomorrow; the campaign closes today, so they were never in force."""
    campaign = await create_campaign(pool, ONE_EACH, ("floor_minor = 0", "floor_minor = 100"))
    only_schools = ("share_bp = 7000", "share_bp = 1000"), ("share_bp = 3000", "share_bp = 9000")
    floor = ("floor_minor = 0", "floor_minor = 100")
    async with pool.acquire() as conn, conn.transaction():
        changed = promise(ONE_EACH, floor, *only_schools)
        campaign = (await apply_promise.apply_promise(conn, changed, NOW, pseudonym_key=PSEUDONYM_KEY)).campaign
        await budget.close_campaign(conn, campaign, NOW)
    await settle_periods(pool, campaign, THIRD)
    (settled,) = await read_settlements(pool, campaign)
    assert {p.charity: p.amount_minor for p in settled.payouts} == {"village-schools": 70, "mobile-libraries": 30}
    await assert_replay_agrees(pool, campaign)


async def test_the_last_settlement_pays_out_carried_shares_even_without_an_amount(pool: Pool):
    campaign = await create_campaign(pool, ONE_EACH, CARRIES)
    await record_likes(pool, campaign, {2: 100})
    await settle_periods(pool, campaign, FIRST)
    async with pool.acquire() as conn, conn.transaction():
        await budget.close_campaign(conn, campaign, NOW)
    (last,) = await settle_periods(pool, campaign, SECOND)
    assert (last.total_minor, last.payout_count) == (0, 1)
    assert (await read_settlements(pool, campaign))[-1].to_send_minor == 30


async def test_settled_likes_that_were_withdrawn_are_deducted_from_later_ones(pool: Pool):
    campaign = await create_campaign(pool, ONE_EACH)
    await record_likes(pool, campaign, {2: 100})
    await settle_periods(pool, campaign, FIRST)
    await record_unlikes(pool, campaign, 2, range(40))
    view = await shown_settlements(pool)
    assert (view["offset"]["minor"], view["unsettled"]["minor"]) == (40, 0)
    await record_likes(pool, campaign, {9: 55})
    assert (await shown_settlements(pool))["offset"]["minor"] == 0
    (second,) = await settle_periods(pool, campaign, SECOND)
    assert second.total_minor == 15
    assert sum(e.total_minor for e in await read_settlements(pool, campaign)) == 115


async def test_an_offset_that_remains_at_the_close_is_shown(pool: Pool):
    campaign = await create_campaign(pool, ONE_EACH)
    await record_likes(pool, campaign, {2: 100})
    await settle_periods(pool, campaign, FIRST)
    await record_unlikes(pool, campaign, 2, range(40))
    async with pool.acquire() as conn, conn.transaction():
        await budget.close_campaign(conn, campaign, NOW)
    assert await settle_periods(pool, campaign, SECOND) == []
    assert (await shown_settlements(pool, SECOND))["offset"]["minor"] == 40


async def shown_settlements(pool: Pool, now: datetime = NOW) -> dict:
    (snapshot,) = await read_snapshots(pool, CatalogueCache(pool, PSEUDONYM_KEY), now)
    return json.loads(json.dumps(published_settlements(snapshot)))


async def test_the_totals_have_the_unsettled_amount_and_the_next_settlement_day(pool: Pool):
    campaign = await create_campaign(pool, ONE_EACH)
    await record_likes(pool, campaign, {2: 100, 9: 55})
    await settle_periods(pool, campaign, FIRST)
    (snapshot,) = await read_snapshots(pool, CatalogueCache(pool, PSEUDONYM_KEY), NOW)
    view = campaign_totals(snapshot)
    assert (view["money"]["settled"]["minor"], view["unsettled"]["minor"]) == (100, 55)
    assert view["next_settlement"] == "2026-11-16"


async def test_the_public_sees_settlements_and_payouts(pool: Pool):
    campaign = await create_campaign(pool, ONE_EACH, CARRIES)
    await record_likes(pool, campaign, {2: 100})
    await settle_periods(pool, campaign, FIRST)
    (view,) = (await shown_settlements(pool))["settlements"]
    assert view["period"], view["cut_off"] == ("2026-11-09", "2026-11-05")
    assert view["total"] == {"minor": 100, "text": "1.00"}
    assert view["carried"] == [{"charity": "mobile-libraries", "amount": {"minor": 30, "text": "0.30"}}]
    (payout,) = view["payouts"]
    assert (payout["charity"], payout["amount"]["text"], payout["state"]) == ("village-schools", "0.70", "waiting")
    assert view["count"] == sum(view["counts"].values()) == 1
    (snapshot,) = await read_snapshots(pool, CatalogueCache(pool, PSEUDONYM_KEY), NOW)
    head, *table = settlements_csv(snapshot).split("\r\n")[:-1]
    assert [line.count(",") for line in table] == [head.count(",")] * 2
    assert "6222020200112233445" not in settlements_csv(snapshot) + json.dumps(view)


async def test_a_cancelled_settlement_shows_nothing_as_carried(pool: Pool):
    """Its amount returned to the pledge, and the next period takes it.

    Otherwise it would show twice.
    """
    campaign = await create_campaign(pool, ONE_EACH, CARRIES)
    await record_likes(pool, campaign, {2: 100})
    await settle_periods(pool, campaign, FIRST)
    (settled,) = await read_settlements(pool, campaign)
    async with pool.acquire() as conn, conn.transaction():
        await settle.cancel_campaign_settlement(conn, campaign, settled.settlement_id, "ann", FIRST)
    await settle_periods(pool, campaign, SECOND)
    (snapshot,) = await read_snapshots(pool, CatalogueCache(pool, PSEUDONYM_KEY), NOW)
    views = published_settlements(snapshot)["settlements"]
    assert [view["state"] for view in views] == ["cancelled", "open"]
    assert [[c["amount"]["minor"] for c in view["carried"]] for view in views] == [[], [30]]
    head, *table = (line.split(",") for line in settlements_csv(snapshot).split("\r\n")[:-1])
    assert [row[head.index("carried")] for row in table] == ["no", "no", "no", "yes"]
    assert figures(await read_balances(pool, campaign)) == (0, 100, 100)


async def test_five_schedulers_at_once_make_the_same_one_settlement_a_period(pool: Pool):
    campaign = await create_campaign(pool, ONE_EACH)
    await record_likes(pool, campaign, {2: 100, 9: 70})
    services = CommandServices(pool, Keys(PSEUDONYM_KEY, b"w" * 32), Settings())
    jobs = [Jobs(pool, CatalogueCache(pool, PSEUDONYM_KEY), Metrics(), services) for _ in range(5)]
    runs = await asyncio.gather(*(settle.settle_due_periods(pool, campaign, "schedule", THIRD) for _ in jobs))
    assert sorted(result.total_minor for results in runs for result in results) == [70, 100]
    await asyncio.gather(*(job.settle() for job in jobs))  # by today's clock
    assert (await read_balances(pool, campaign)).payable.minor == 170


class Crash(Exception):
    """The process ends here."""


WRITES = [
    "_insert_settlement",
    "_post_share",
    "_enqueue_settlement_leaf",
    "_create_payouts",
    "insert_step",
    "post_transfer",
    "enqueue_leaf",
]


@pytest.mark.parametrize("kept", [False, True], ids=["lost", "kept"])
@pytest.mark.parametrize("write", [*WRITES, "all"])
async def test_after_a_crash_at_any_write_the_period_is_settled_once(
    pool: Pool, monkeypatch: pytest.MonkeyPatch, write: str, kept: bool
):
    """T3: each write lost, or done but reported lost.

    And all of it lost, or committed and reported lost.
    """
    campaign = await create_campaign(pool, ONE_EACH)
    await record_likes(pool, campaign, {2: 100})
    module, name = (settle, "settle_next_period") if write == "all" else (settlement, write)
    real = getattr(module, name)

    async def crashes(conn: Connection, *args: object) -> None:
        if kept and write == "all":
            async with pool.acquire() as other, other.transaction():
                await real(other, *args)
        elif kept:
            await real(conn, *args)
        raise Crash

    with monkeypatch.context() as broken:
        broken.setattr(module, name, crashes)
        with pytest.raises(Crash):
            await settle_periods(pool, campaign, FIRST)
    await settle_periods(pool, campaign, FIRST)
    assert await settle_periods(pool, campaign, FIRST) == []
    assert [e.total_minor for e in await read_settlements(pool, campaign)] == [100]
    assert figures(await read_balances(pool, campaign)) == (0, 100, 100)


async def test_the_job_settles_only_campaigns_that_settle_automatically(pool: Pool):
    by_hand = ("[terms]", "[settlement]\nautomatic = false\n[terms]")
    past = [("2026-11-01", "2020-11-01"), ("2026-12-01", "2020-12-01")]
    for slug, *changes in (("on-request", by_hand), ("automatic",)):
        campaign = await create_campaign(pool, (SLUG, slug), ONE_EACH, *past, *changes)
        await record(pool, [likes_delivery(slug, "2020-11-02T04:00:00Z", range(30))], utc_now())
    metrics = Metrics()
    services = CommandServices(pool, Keys(PSEUDONYM_KEY, b"w" * 32), Settings())
    await Jobs(pool, CatalogueCache(pool, PSEUDONYM_KEY), metrics, services).settle()
    rows = await fetch_rows(pool, "SELECT campaign, total_minor FROM settlements WHERE total_minor > 0")
    assert [tuple(row) for row in rows] == [("automatic", 30)]
    assert metrics.registry.get_sample_value("like_ledger_settlements_overdue") == 0
    assert campaign.slug == "automatic"


async def test_a_day_without_a_period_is_refused_with_the_day_of_the_next_one(pool: Pool):
    campaign = await create_campaign(pool)
    with pytest.raises(UnknownPeriod, match=r"^period_not_closed") as refused:
        settle.require_closed_period(campaign, date(2026, 11, 10), NOW)
    assert refused.value.params == {
        "campaign": SLUG,
        "day": date(2026, 11, 10),
        "next_day": date(2026, 11, 16),
    }
    with pytest.raises(UnknownPeriod, match=r"^period_unknown"):
        settle.require_closed_period(replace(campaign, closed_at=NOW), date(2026, 11, 10), NOW + timedelta(days=99))
    settle.require_closed_period(campaign, date(2026, 11, 9), NOW)


async def test_the_settlement_follows_new_terms_and_their_beneficiaries(pool: Pool):
    campaign = await create_campaign(pool, ONE_EACH)
    only_schools = ("share_bp = 7000", "share_bp = 1000"), ("share_bp = 3000", "share_bp = 9000")
    async with pool.acquire() as conn, conn.transaction():
        changed = promise(ONE_EACH, *only_schools)
        applied = await apply_promise.apply_promise(conn, changed, NOW, pseudonym_key=PSEUDONYM_KEY)
    campaign = applied.campaign  # from the eleventh
    await record(pool, [likes_body(100, day=9), likes_body(100, day=12, content="d")], NOW + timedelta(days=3))
    (result,) = await settle_periods(pool, campaign, SECOND)
    assert result.total_minor == 200
    (settled,) = await read_settlements(pool, campaign)
    assert {p.charity: p.amount_minor for p in settled.payouts} == {"village-schools": 80, "mobile-libraries": 120}


async def test_a_settlement_below_the_threshold_needs_no_approval(pool: Pool):
    campaign = await create_campaign(pool, ONE_EACH, ("[terms]", "[settlement]\nthreshold_minor = 99\n[terms]"))
    await record_likes(pool, campaign, {2: 99, 9: 100})
    await settle_periods(pool, campaign, SECOND)
    assert await settlement_states(pool, campaign) == ["approved", "open"]


def test_monday_is_monday():
    assert [m.astimezone(UTC).weekday() for m in (FIRST, SECOND, THIRD)] == [6, 6, 6]
    assert [m.weekday() for m in (FIRST, SECOND, THIRD)] == [0, 0, 0]
