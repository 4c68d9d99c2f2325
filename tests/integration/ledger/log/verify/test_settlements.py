"""What a stranger recomputes from the log alone agrees with every settlement, cancelled, returned or set off."""

from datetime import datetime, timedelta

from campaigns.catalogue.cache import Campaign
from campaigns.pledging import budget, pledge, settle
from ledger.payouts import manual
from ledger.payouts.channels import Answer, Outcome
from promises import NOW, record
from settlements import agrees, all_paid, body, every, liked, line, made, reopened, settled, unliked
from sql import Connection, Pool
from tests.integration.ledger.payouts.test_sending import AT, FREE, ONE_EACH, Bank, sent

WEEK = timedelta(days=7)


async def cancelled(pool: Pool, campaign: Campaign, now: datetime) -> None:
    newest = (await every(pool, campaign))[-1]
    async with pool.acquire() as conn, conn.transaction():
        await settle.cancel(conn, campaign, newest.settlement_id, "ann", now)


async def test_a_cancelled_settlement_and_the_next_one(pool: Pool):
    campaign = await made(pool, ONE_EACH, FREE)
    await liked(pool, campaign, {2: 100, 9: 30})
    await settled(pool, campaign, AT)
    await agrees(pool, campaign)
    await cancelled(pool, campaign, AT)
    await agrees(pool, campaign)
    await settled(pool, campaign, AT + WEEK)
    assert [e.total_minor for e in await every(pool, campaign)] == [100, 130]
    await agrees(pool, campaign)


async def test_a_payout_that_was_refused_tried_again_and_paid(pool: Pool):
    campaign = await made(pool, ONE_EACH, FREE)
    await liked(pool, campaign, {2: 100})
    await settled(pool, campaign, AT)
    (envelope,) = await every(pool, campaign)
    envelope = await sent(pool, Bank(answer=Answer(Outcome.REFUSED, reason="closed")), campaign, envelope)
    await agrees(pool, campaign)
    async with pool.acquire() as conn, conn.transaction():
        for payout in envelope.payouts:
            envelope = await manual.again(conn, payout.payout_id, payout.now.payee, "ann", AT)
    await all_paid(pool, campaign, envelope, "S1", NOW)
    assert (await line(pool, campaign)).paid.minor == 100
    await agrees(pool, campaign)


async def test_an_offset_a_floor_and_the_close(pool: Pool):
    campaign = await made(pool, ONE_EACH, FREE, ("floor_minor = 0", "floor_minor = 300"))
    await liked(pool, campaign, {2: 100})
    await settled(pool, campaign, AT)
    await unliked(pool, campaign, 2, range(40))
    await agrees(pool, campaign)
    await liked(pool, campaign, {9: 55})
    await settled(pool, campaign, AT + WEEK)
    await agrees(pool, campaign)
    async with pool.acquire() as conn, conn.transaction():
        await budget.close(conn, campaign, NOW + WEEK)
    await settled(pool, campaign, NOW + 2 * WEEK)
    assert (await line(pool, campaign)).settled_minor == 300
    await agrees(pool, campaign)


async def test_likes_found_fake_after_the_close(pool: Pool, owner: Connection):
    campaign = await made(pool, ONE_EACH, FREE, ("floor_minor = 0", "floor_minor = 20"))
    await liked(pool, campaign, {2: 100, 9: 55})
    await settled(pool, campaign, AT)
    async with pool.acquire() as conn, conn.transaction():
        await budget.close(conn, campaign, NOW)
    await agrees(pool, campaign)
    gone = body(campaign.slug, "2026-11-09T04:00:30Z", range(30), content="c9", action="unlike")
    async with reopened(owner):
        await record(pool, [gone])
    await pledge.tick(pool, campaign)
    held = await line(pool, campaign)
    assert (held.budget.minor, held.pledged.minor, held.earned_minor) == (0, 25, 125)
    await agrees(pool, campaign)
    await settled(pool, campaign, NOW + WEEK)
    assert (await line(pool, campaign)).settled_minor == 125
    await agrees(pool, campaign)
