"""The verifier's replay agrees with settlements that are cancelled, returned or offset."""

from datetime import datetime, timedelta

from campaigns.catalogue.cache import Campaign
from campaigns.pledging import budget, pledge, settle
from ledger.payouts import retry
from ledger.payouts.channels import PaymentOutcome, PaymentResult
from payouts import AT, FREE, ONE_EACH, Bank, send
from promises import NOW, record
from settlements import (
    assert_replay_agrees,
    create_campaign,
    likes_delivery,
    pay_all,
    read_balances,
    read_settlements,
    record_likes,
    record_unlikes,
    reopened_campaign,
    settle_periods,
)
from sql import Connection, Pool

WEEK = timedelta(days=7)


async def cancel_newest(pool: Pool, campaign: Campaign, now: datetime) -> None:
    newest = (await read_settlements(pool, campaign))[-1]
    async with pool.acquire() as conn, conn.transaction():
        await settle.cancel_campaign_settlement(conn, campaign, newest.settlement_id, "ann", now)


async def test_a_cancelled_settlement_and_the_next_one(pool: Pool):
    campaign = await create_campaign(pool, ONE_EACH, FREE)
    await record_likes(pool, campaign, {2: 100, 9: 30})
    await settle_periods(pool, campaign, AT)
    await assert_replay_agrees(pool, campaign)
    await cancel_newest(pool, campaign, AT)
    await assert_replay_agrees(pool, campaign)
    await settle_periods(pool, campaign, AT + WEEK)
    assert [s.total_minor for s in await read_settlements(pool, campaign)] == [100, 130]
    await assert_replay_agrees(pool, campaign)


async def test_a_payout_that_is_refused_retried_and_paid(pool: Pool):
    campaign = await create_campaign(pool, ONE_EACH, FREE)
    await record_likes(pool, campaign, {2: 100})
    await settle_periods(pool, campaign, AT)
    (settlement,) = await read_settlements(pool, campaign)
    settlement = await send(
        pool, Bank(result=PaymentResult(PaymentOutcome.REFUSED, reason="closed")), campaign, settlement
    )
    await assert_replay_agrees(pool, campaign)
    async with pool.acquire() as conn, conn.transaction():
        for payout in settlement.payouts:
            settlement = await retry.retry_returned(conn, payout.payout_id, payout.latest_step.payee, "ann", AT)
    await pay_all(pool, campaign, settlement, "S1", NOW)
    assert (await read_balances(pool, campaign)).paid.minor == 100
    await assert_replay_agrees(pool, campaign)


async def test_an_offset_a_floor_and_the_close(pool: Pool):
    campaign = await create_campaign(pool, ONE_EACH, FREE, ("floor_minor = 0", "floor_minor = 300"))
    await record_likes(pool, campaign, {2: 100})
    await settle_periods(pool, campaign, AT)
    await record_unlikes(pool, campaign, 2, range(40))
    await assert_replay_agrees(pool, campaign)
    await record_likes(pool, campaign, {9: 55})
    await settle_periods(pool, campaign, AT + WEEK)
    await assert_replay_agrees(pool, campaign)
    async with pool.acquire() as conn, conn.transaction():
        await budget.close_campaign(conn, campaign, NOW + WEEK)
    await settle_periods(pool, campaign, NOW + 2 * WEEK)
    assert (await read_balances(pool, campaign)).settled_minor == 300
    await assert_replay_agrees(pool, campaign)


async def test_likes_found_fake_after_the_close(pool: Pool, owner: Connection):
    campaign = await create_campaign(pool, ONE_EACH, FREE, ("floor_minor = 0", "floor_minor = 20"))
    await record_likes(pool, campaign, {2: 100, 9: 55})
    await settle_periods(pool, campaign, AT)
    async with pool.acquire() as conn, conn.transaction():
        await budget.close_campaign(conn, campaign, NOW)
    await assert_replay_agrees(pool, campaign)
    unlikes = likes_delivery(campaign.slug, "2026-11-09T04:00:30Z", range(30), content="c9", action="unlike")
    async with reopened_campaign(owner):
        await record(pool, [unlikes])
    await pledge.run_tick(pool, campaign)
    balances = await read_balances(pool, campaign)
    assert (balances.budget.minor, balances.pledged.minor, balances.earned_minor) == (0, 25, 125)
    await assert_replay_agrees(pool, campaign)
    await settle_periods(pool, campaign, NOW + WEEK)
    assert (await read_balances(pool, campaign)).settled_minor == 125
    await assert_replay_agrees(pool, campaign)
