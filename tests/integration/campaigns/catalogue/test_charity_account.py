"""Another bank account: approved payouts keep the old one, later ones use the new one."""

from datetime import timedelta
from typing import Any

from campaigns.catalogue import apply_promise
from campaigns.catalogue.charity_account import change_account
from campaigns.pledging import budget
from campaigns.promise.bank_account import OtherAccount
from ledger.settlements.model import Settlement
from payouts import AT, FREE, ONE_EACH
from promises import NOW, PSEUDONYM_KEY, promise
from settlements import assert_replay_agrees, create_campaign, read_settlements, record_likes, settle_periods
from sql import Pool

WEEK = timedelta(days=7)
MOVED = OtherAccount(scheme="other", id="6222020200112233999")
ALONE = (
    """share_bp = 3000
account = { iban = "GB82WEST12345698765432" }
""",
    """share_bp = 10000
account = { iban = "GB82WEST12345698765432" }
""",
)
VILLAGE = """[[terms.beneficiaries]]
charity = "village-schools"
name = { zh = "乡村小学", en = "Village Schools" }
share_bp = 7000
account = { scheme = "other", id = "6222020200112233445" }
"""


async def move(pool: Pool, now: Any = NOW) -> None:
    async with pool.acquire() as conn, conn.transaction():
        await change_account(conn, "village-schools", MOVED, now, pseudonym_key=PSEUDONYM_KEY)


def to_moved(settlement: Settlement) -> bool:
    [payout] = [p for p in settlement.payouts if p.charity == "village-schools"]
    return MOVED.id in payout.latest_step.payee


async def test_a_pending_payout_keeps_the_approved_account(pool: Pool):
    campaign = await create_campaign(pool, ONE_EACH, FREE)
    await record_likes(pool, campaign, {2: 100, 9: 30})
    await settle_periods(pool, campaign, AT)
    (before,) = await read_settlements(pool, campaign)
    await move(pool)
    await settle_periods(pool, campaign, AT + WEEK)
    first, second = await read_settlements(pool, campaign)
    assert first.hash == before.hash
    assert [to_moved(first), to_moved(second)] == [False, True]
    await assert_replay_agrees(pool, campaign)


async def test_the_last_settlement_of_a_closed_campaign_goes_to_the_new_account(pool: Pool):
    campaign = await create_campaign(pool, ONE_EACH, FREE, ("floor_minor = 0", "floor_minor = 300"))
    await record_likes(pool, campaign, {2: 100})
    async with pool.acquire() as conn, conn.transaction():
        await budget.close_campaign(conn, campaign, NOW)
    await move(pool)
    assert await pool.fetchval("SELECT count(*) FROM terms") == 1, "a closed campaign takes no terms"
    await settle_periods(pool, campaign, NOW + 2 * WEEK)
    assert all(to_moved(settlement) for settlement in await read_settlements(pool, campaign))


async def test_an_open_campaign_past_its_end_gets_terms_and_closes(pool: Pool):
    campaign = await create_campaign(pool, ONE_EACH, FREE, ("floor_minor = 0", "floor_minor = 300"))
    await record_likes(pool, campaign, {2: 100})
    for _ in range(2):  # the same again changes nothing
        await move(pool, NOW + 8 * WEEK)
    assert await pool.fetchval("SELECT max(from_day)::text FROM terms WHERE version = 2") == "2026-12-01"
    assert await pool.fetchval("SELECT count(*) FROM terms") == 2
    async with pool.acquire() as conn, conn.transaction():
        await budget.close_campaign(conn, campaign, NOW + 8 * WEEK)
    await settle_periods(pool, campaign, NOW + 10 * WEEK)
    settlements = await read_settlements(pool, campaign)
    assert sum(settlement.total_minor for settlement in settlements) == 300
    assert all(to_moved(settlement) for settlement in settlements)
    await assert_replay_agrees(pool, campaign)


async def test_money_earned_before_the_charity_was_left_out_goes_to_its_new_account(pool: Pool):
    campaign = await create_campaign(pool, ONE_EACH, FREE)
    await record_likes(pool, campaign, {2: 100})
    async with pool.acquire() as conn, conn.transaction():
        other = promise(ONE_EACH, FREE, (VILLAGE, ""), ALONE)
        applied = await apply_promise.apply_promise(conn, other, NOW, pseudonym_key=PSEUDONYM_KEY)
    await move(pool)
    await settle_periods(pool, applied.campaign, AT)
    assert all(to_moved(settlement) for settlement in await read_settlements(pool, campaign))
    assert await pool.fetchval("SELECT count(*) FROM terms") == 2, "the newest terms do not name it"
