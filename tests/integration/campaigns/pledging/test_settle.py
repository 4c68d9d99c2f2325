"""Settling on a real database: what a period takes, what is carried, what closing leaves; once, whoever asks."""

import asyncio
import json
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


def figures(found: CampaignBalances) -> tuple[int, int, int]:
    return found.pledged.minor, found.payable.minor, found.earned_minor


async def test_a_period_takes_what_its_mature_days_earned_and_splits_it(pool: Pool):
    campaign = await create_campaign(pool, ONE_EACH)
    await record_likes(pool, campaign, {2: 100, 5: 55, 6: 30})  # the sixth has not matured on the ninth
    (first,) = await settle_periods(pool, campaign, FIRST)
    assert (first.period, first.total_minor, first.payout_count) == (date(2026, 11, 9), 155, 2)
    (envelope,) = await read_settlements(pool, campaign)
    assert [(p.charity, p.amount_minor) for p in envelope.payouts] == [
        ("village-schools", 109),  # 108.5 and 46.5: a tie goes to the one listed first
        ("mobile-libraries", 46),
    ]
    assert envelope.cut_off == date(2026, 11, 5)
    assert figures(await read_balances(pool, campaign)) == (30, 155, 185)


async def test_the_same_period_again_settles_nothing(pool: Pool):
    campaign = await create_campaign(pool, ONE_EACH)
    await record_likes(pool, campaign, {2: 100})
    assert len(await settle_periods(pool, campaign, FIRST)) == 1
    assert await settle_periods(pool, campaign, FIRST) == []
    assert await settle_periods(pool, campaign, FIRST + timedelta(days=6)) == []


async def test_missed_periods_are_made_up_one_by_one_oldest_first(pool: Pool):
    campaign = await create_campaign(pool, ONE_EACH)
    await record_likes(pool, campaign, {2: 100, 9: 70, 10: 30})
    found = await settle_periods(pool, campaign, THIRD + timedelta(hours=1))
    assert [(str(s.period), s.total_minor) for s in found] == [("2026-11-09", 100), ("2026-11-16", 100)]
    assert (
        len(await fetch_rows(pool, "SELECT FROM settlements")) == 3
    )  # the third was looked at and has nothing to take


async def test_what_late_likes_earn_goes_into_the_next_period(pool: Pool):
    campaign = await create_campaign(pool, ONE_EACH)
    await settle_periods(pool, campaign, SECOND)
    await record_likes(pool, campaign, {2: 40}, now=SECOND + timedelta(hours=1))
    assert await settle_periods(pool, campaign, SECOND + timedelta(hours=2)) == []
    (found,) = await settle_periods(pool, campaign, THIRD)
    assert (str(found.period), found.total_minor) == ("2026-11-23", 40)


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


async def test_closing_makes_the_last_envelope_with_the_floor_and_all_that_was_carried(pool: Pool):
    campaign = await create_campaign(pool, ONE_EACH, CARRIES, ("floor_minor = 0", "floor_minor = 300"))
    await record_likes(pool, campaign, {2: 100, 9: 11})
    await settle_periods(pool, campaign, FIRST)
    async with pool.acquire() as conn, conn.transaction():
        await budget.close_campaign(conn, campaign, NOW)
    assert (
        await settle_periods(pool, campaign, NOW + timedelta(days=1)) == []
    )  # the tenth's likes are to mature first
    (last,) = await settle_periods(pool, campaign, datetime(2026, 11, 14, tzinfo=SHANGHAI))
    assert (str(last.period), last.total_minor) == ("2026-11-14", 200)
    envelope = (await read_settlements(pool, campaign))[-1]
    assert envelope.is_last
    assert {p.charity: p.amount_minor for p in envelope.payouts} == {"village-schools": 140, "mobile-libraries": 90}
    assert figures(await read_balances(pool, campaign)) == (0, 300, 300)
    assert await settle_periods(pool, campaign, THIRD) == []


async def test_a_like_that_was_some_minutes_ahead_when_the_campaign_closed_is_settled_too(pool: Pool):
    """Its day is the one after the close: the last settlement takes it, for nothing comes after that."""
    campaign = await create_campaign(pool, ONE_EACH)
    midnight = datetime(2026, 11, 11, tzinfo=SHANGHAI)
    ahead = f"{midnight + timedelta(minutes=1):%Y-%m-%dT%H:%M:%S}+08:00"
    minutes = timedelta(minutes=1)
    assert await record(pool, [likes_delivery(SLUG, ahead, range(20))], midnight - 3 * minutes) == {"counted": 20}
    async with pool.acquire() as conn, conn.transaction():
        await budget.close_campaign(conn, campaign, midnight - 2 * minutes)
    assert await settle_periods(pool, campaign, midnight + timedelta(days=4) - minutes) == [], "it is to mature, too"
    (last,) = await settle_periods(pool, campaign, midnight + timedelta(days=4))
    assert last.total_minor == 20
    assert figures(await read_balances(pool, campaign)) == (0, 20, 20)


async def test_the_last_settlement_leaves_nothing_behind_whatever_the_clocks_said(pool: Pool):
    """An instance whose clock was an hour ahead counted a like of a day that the closing one did not know of."""
    campaign = await create_campaign(pool, ONE_EACH)
    midnight = datetime(2026, 11, 11, tzinfo=SHANGHAI)
    await record(pool, [likes_delivery(SLUG, "2026-11-11T00:01:00+08:00", range(20))], midnight)
    async with pool.acquire() as conn, conn.transaction():
        await budget.close_campaign(conn, campaign, midnight - timedelta(hours=1))
    (last,) = await settle_periods(pool, campaign, midnight + timedelta(days=9))
    assert last.total_minor == 20
    assert figures(await read_balances(pool, campaign)) == (0, 20, 20)


async def test_what_closing_adds_goes_to_those_whose_terms_were_in_force(pool: Pool):
    """New terms hold from tomorrow; closed today, they never did."""
    campaign = await create_campaign(pool, ONE_EACH, ("floor_minor = 0", "floor_minor = 100"))
    only_schools = ("share_bp = 7000", "share_bp = 1000"), ("share_bp = 3000", "share_bp = 9000")
    floor = ("floor_minor = 0", "floor_minor = 100")
    async with pool.acquire() as conn, conn.transaction():
        asked = promise(ONE_EACH, floor, *only_schools)
        campaign = (await apply_promise.apply_promise(conn, asked, NOW, pseudonym_key=PSEUDONYM_KEY)).campaign
        await budget.close_campaign(conn, campaign, NOW)
    await settle_periods(pool, campaign, THIRD)
    (envelope,) = await read_settlements(pool, campaign)
    assert {p.charity: p.amount_minor for p in envelope.payouts} == {"village-schools": 70, "mobile-libraries": 30}
    await assert_replay_agrees(pool, campaign)


async def test_the_last_envelope_pays_out_what_was_carried_though_it_takes_nothing_itself(pool: Pool):
    campaign = await create_campaign(pool, ONE_EACH, CARRIES)
    await record_likes(pool, campaign, {2: 100})
    await settle_periods(pool, campaign, FIRST)
    async with pool.acquire() as conn, conn.transaction():
        await budget.close_campaign(conn, campaign, NOW)
    (last,) = await settle_periods(pool, campaign, SECOND)
    assert (last.total_minor, last.payout_count) == (0, 1)
    assert (await read_settlements(pool, campaign))[-1].to_send_minor == 30


async def test_likes_found_fake_after_they_were_settled_are_set_off_against_later_ones(pool: Pool):
    campaign = await create_campaign(pool, ONE_EACH)
    await record_likes(pool, campaign, {2: 100})
    await settle_periods(pool, campaign, FIRST)
    await record_unlikes(pool, campaign, 2, range(40))
    shown = await shown_settlements(pool)
    assert (shown["offset"]["minor"], shown["unsettled"]["minor"]) == (40, 0)
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
    (standing,) = await read_snapshots(pool, CatalogueCache(pool, PSEUDONYM_KEY), now)
    return json.loads(json.dumps(published_settlements(standing)))


async def test_the_totals_say_what_is_not_settled_yet_and_when_it_will_be(pool: Pool):
    campaign = await create_campaign(pool, ONE_EACH)
    await record_likes(pool, campaign, {2: 100, 9: 55})
    await settle_periods(pool, campaign, FIRST)
    (standing,) = await read_snapshots(pool, CatalogueCache(pool, PSEUDONYM_KEY), NOW)
    shown = campaign_totals(standing)
    assert (shown["money"]["settled"]["minor"], shown["unsettled"]["minor"]) == (100, 55)
    assert shown["next_settlement"] == "2026-11-16"


async def test_the_public_sees_envelopes_and_payouts(pool: Pool):
    campaign = await create_campaign(pool, ONE_EACH, CARRIES)
    await record_likes(pool, campaign, {2: 100})
    await settle_periods(pool, campaign, FIRST)
    (shown,) = (await shown_settlements(pool))["settlements"]
    assert shown["period"], shown["cut_off"] == ("2026-11-09", "2026-11-05")
    assert shown["total"] == {"minor": 100, "text": "1.00"}
    assert shown["carried"] == [{"charity": "mobile-libraries", "amount": {"minor": 30, "text": "0.30"}}]
    (payout,) = shown["payouts"]
    assert (payout["charity"], payout["amount"]["text"], payout["state"]) == ("village-schools", "0.70", "waiting")
    assert shown["count"] == sum(shown["counts"].values()) == 1
    (standing,) = await read_snapshots(pool, CatalogueCache(pool, PSEUDONYM_KEY), NOW)
    head, *table = settlements_csv(standing).split("\r\n")[:-1]
    assert [line.count(",") for line in table] == [head.count(",")] * 2
    assert "6222020200112233445" not in settlements_csv(standing) + json.dumps(shown)


async def test_of_what_was_cancelled_nothing_is_said_to_wait(pool: Pool):
    """It went back to the pledge with the rest, and the next period takes it: it would be shown twice."""
    campaign = await create_campaign(pool, ONE_EACH, CARRIES)
    await record_likes(pool, campaign, {2: 100})
    await settle_periods(pool, campaign, FIRST)
    (envelope,) = await read_settlements(pool, campaign)
    async with pool.acquire() as conn, conn.transaction():
        await settle.cancel_campaign_settlement(conn, campaign, envelope.settlement_id, "ann", FIRST)
    await settle_periods(pool, campaign, SECOND)
    (standing,) = await read_snapshots(pool, CatalogueCache(pool, PSEUDONYM_KEY), NOW)
    shown = published_settlements(standing)["settlements"]
    assert [one["state"] for one in shown] == ["cancelled", "open"]
    assert [[c["amount"]["minor"] for c in one["carried"]] for one in shown] == [[], [30]]
    head, *table = (line.split(",") for line in settlements_csv(standing).split("\r\n")[:-1])
    assert [row[head.index("carried")] for row in table] == ["no", "no", "no", "yes"]
    assert figures(await read_balances(pool, campaign)) == (0, 100, 100)


async def test_five_schedulers_at_once_make_the_same_one_settlement_a_period(pool: Pool):
    campaign = await create_campaign(pool, ONE_EACH)
    await record_likes(pool, campaign, {2: 100, 9: 70})
    office = CommandServices(pool, Keys(PSEUDONYM_KEY, b"w" * 32), Settings())
    jobs = [Jobs(pool, CatalogueCache(pool, PSEUDONYM_KEY), Metrics(), office) for _ in range(5)]
    at = THIRD
    found = await asyncio.gather(*(settle.settle_due_periods(pool, campaign, "schedule", at) for _ in jobs))
    assert sorted(s.total_minor for made_by_one in found for s in made_by_one) == [70, 100]
    await asyncio.gather(*(job.settle() for job in jobs))  # by today's clock
    assert (await read_balances(pool, campaign)).payable.minor == 170


class Crash(Exception):
    """The process ends here."""


WRITES = ["_add", "_move", "_tell_log", "_make_payouts", "take_step", "post", "queue_leaf"]


@pytest.mark.parametrize("kept", [False, True], ids=["lost", "kept"])
@pytest.mark.parametrize("write", [*WRITES, "all"])
async def test_after_a_crash_at_any_write_the_period_is_settled_once(
    pool: Pool, monkeypatch: pytest.MonkeyPatch, write: str, kept: bool
):
    """T3: each write lost, or done but reported lost; and all of it lost, or committed and reported lost."""
    campaign = await create_campaign(pool, ONE_EACH)
    await record_likes(pool, campaign, {2: 100})
    module, name = (settle, "settle_next") if write == "all" else (settlement, write)
    real = getattr(module, name)

    async def crashes(conn: Connection, *given: object) -> None:
        if kept and write == "all":
            async with pool.acquire() as other, other.transaction():
                await real(other, *given)
        elif kept:
            await real(conn, *given)
        raise Crash

    with monkeypatch.context() as broken:
        broken.setattr(module, name, crashes)
        with pytest.raises(Crash):
            await settle_periods(pool, campaign, FIRST)
    await settle_periods(pool, campaign, FIRST)
    assert await settle_periods(pool, campaign, FIRST) == []
    assert [e.total_minor for e in await read_settlements(pool, campaign)] == [100]
    assert figures(await read_balances(pool, campaign)) == (0, 100, 100)


async def test_the_job_settles_only_campaigns_that_settle_by_themselves(pool: Pool):
    by_hand = ("[terms]", "[settlement]\nautomatic = false\n[terms]")
    past = [("2026-11-01", "2020-11-01"), ("2026-12-01", "2020-12-01")]
    for slug, *changes in (("asked", by_hand), ("automatic",)):
        campaign = await create_campaign(pool, (SLUG, slug), ONE_EACH, *past, *changes)
        await record(pool, [likes_delivery(slug, "2020-11-02T04:00:00Z", range(30))], utc_now())
    metrics = Metrics()
    office = CommandServices(pool, Keys(PSEUDONYM_KEY, b"w" * 32), Settings())
    await Jobs(pool, CatalogueCache(pool, PSEUDONYM_KEY), metrics, office).settle()
    found = await fetch_rows(pool, "SELECT campaign, total_minor FROM settlements WHERE total_minor > 0")
    assert [tuple(row) for row in found] == [("automatic", 30)]
    assert metrics.registry.get_sample_value("like_ledger_settlements_overdue") == 0
    assert campaign.slug == "automatic"


async def test_a_day_that_names_no_period_is_refused_with_the_next_one(pool: Pool):
    campaign = await create_campaign(pool)
    with pytest.raises(UnknownPeriod, match="no closed period 2026-11-10; the next one falls due on 2026-11-16"):
        settle.require_closed_period(campaign, date(2026, 11, 10), NOW)
    settle.require_closed_period(campaign, date(2026, 11, 9), NOW)


async def test_the_envelope_follows_new_terms_and_their_beneficiaries(pool: Pool):
    campaign = await create_campaign(pool, ONE_EACH)
    only_schools = ("share_bp = 7000", "share_bp = 1000"), ("share_bp = 3000", "share_bp = 9000")
    async with pool.acquire() as conn, conn.transaction():
        done = await apply_promise.apply_promise(
            conn, promise(ONE_EACH, *only_schools), NOW, pseudonym_key=PSEUDONYM_KEY
        )
    campaign = done.campaign  # from the eleventh
    await record(pool, [likes_body(100, day=9), likes_body(100, day=12, content="d")], NOW + timedelta(days=3))
    (found,) = await settle_periods(pool, campaign, SECOND)
    assert found.total_minor == 200
    (envelope,) = await read_settlements(pool, campaign)
    assert {p.charity: p.amount_minor for p in envelope.payouts} == {"village-schools": 80, "mobile-libraries": 120}


async def test_below_the_threshold_nobody_must_approve(pool: Pool):
    campaign = await create_campaign(pool, ONE_EACH, ("[terms]", "[settlement]\nthreshold_minor = 99\n[terms]"))
    await record_likes(pool, campaign, {2: 99, 9: 100})
    await settle_periods(pool, campaign, SECOND)
    assert await settlement_states(pool, campaign) == ["approved", "open"]


def test_monday_is_monday():
    assert [m.astimezone(UTC).weekday() for m in (FIRST, SECOND, THIRD)] == [6, 6, 6]
    assert [m.weekday() for m in (FIRST, SECOND, THIRD)] == [0, 0, 0]
