"""Settlements for tests: campaigns with likes, settled and sent at a chosen moment."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime

from campaigns.catalogue import apply_promise
from campaigns.catalogue.cache import Campaign
from campaigns.pledging import budget, pledge, settle
from campaigns.reporting.settlements import approval_rules
from ledger.accounting.balances import CampaignBalances, campaign_balances
from ledger.log.verify.replay import Replay
from ledger.money import format_minor
from ledger.payouts import sending
from ledger.payouts.channels import Channel
from ledger.payouts.channels.manual import ManualChannel
from ledger.payouts.sending import end_to_end_id
from ledger.reconciliation.reconcile import import_file
from ledger.reconciliation.statements.csv_table import COLUMNS
from ledger.settlements import approvals
from ledger.settlements.model import Settlement, list_settlements
from ledger.settlements.settle import SettlementResult
from promises import NOW, PSEUDONYM_KEY, promise, record
from sql import Connection, Pool

DAY = "2026-11-{day:02}T04:00:00Z"


async def create_campaign(
    pool: Pool, *changes: tuple[str, str], funded_minor: int = 100_000, now: datetime = NOW
) -> Campaign:
    """Promise and fund a campaign."""
    async with pool.acquire() as conn, conn.transaction():
        applied = await apply_promise.apply_promise(conn, promise(*changes), now, pseudonym_key=PSEUDONYM_KEY)
        await budget.fund_budget(conn, applied.campaign, funded_minor, "sponsor's transfer")
    return applied.campaign


def likes_delivery(slug: str, moment: str, people: range, *, content: str = "c", action: str = "like") -> bytes:
    """Return a delivery of likes of one content by these people, at a moment."""
    likes = [
        f'{{"action":"{action}","content":"{content}","campaign":"{slug}","person":"{n}","event_at":"{moment}"}}'
        for n in people
    ]
    return f'{{"type":"likes","timestamp":"{moment}","data":{{"likes":[{",".join(likes)}]}}}}'.encode()


async def record_likes(pool: Pool, campaign: Campaign, counts: Mapping[int, int], now: datetime = NOW) -> None:
    """Record this many likes on days of November, and pledge for them."""
    for day, count in counts.items():
        moment = DAY.format(day=day)
        bodies = [
            likes_delivery(campaign.slug, moment, range(first, min(count, first + 1_000)), content=f"c{day}")
            for first in range(0, count, 1_000)
        ]
        await record(pool, bodies, now)
    await pledge.run_tick(pool, campaign)


async def record_unlikes(pool: Pool, campaign: Campaign, day: int, people: range, now: datetime = NOW) -> None:
    """Withdraw likes of a day."""
    moment = DAY.format(day=day).replace(":00Z", ":30Z")
    await record(pool, [likes_delivery(campaign.slug, moment, people, content=f"c{day}", action="unlike")], now)
    await pledge.run_tick(pool, campaign)


@asynccontextmanager
async def reopened_campaign(owner: Connection) -> AsyncIterator[None]:
    """Reopen a closed campaign meanwhile, as for a review of its likes."""
    closed_at = await owner.fetchval("SELECT closed_at FROM campaigns")
    await owner.execute("SET session_replication_role = replica; UPDATE campaigns SET closed_at = NULL")
    yield
    await owner.execute("UPDATE campaigns SET closed_at = $1", closed_at)
    await owner.execute("RESET session_replication_role")


async def settle_periods(pool: Pool, campaign: Campaign, now: datetime) -> list[SettlementResult]:
    """Settle the periods that are due at a moment."""
    return await settle.settle_due_periods(pool, campaign, "schedule", now)


async def read_settlements(pool: Pool, campaign: Campaign) -> list[Settlement]:
    """Return the campaign's settlements."""
    async with pool.acquire() as conn:
        return await list_settlements(conn, [campaign.slug])


async def settlement_states(pool: Pool, campaign: Campaign) -> list[str]:
    """Return the states of the campaign's settlements."""
    rules = approval_rules(campaign)
    return [settlement.state(rules).value for settlement in await read_settlements(pool, campaign)]


async def read_balances(pool: Pool, campaign: Campaign) -> CampaignBalances:
    """Return the campaign's balances."""
    async with pool.acquire() as conn:
        return await campaign_balances(conn, campaign.slug)


async def assert_replay_agrees(pool: Pool, campaign: Campaign) -> None:
    """Replay every leaf so far, as a stranger does; the figures must equal the ledger's."""
    replay = Replay()
    for row in await pool.fetch("SELECT body FROM leaf_queue ORDER BY leaf_id"):
        replay.add_leaf(row["body"])
    replay.require_balanced()
    figures, balances = replay.figures()[campaign.slug], await read_balances(pool, campaign)
    assert (figures.settled_minor, figures.pledged_minor) == (balances.settled_minor, balances.earned_minor)


async def send(
    pool: Pool, channel: Channel, campaign: Campaign, settlement_id: str, by: str, now: datetime
) -> Settlement:
    """Send a settlement as production does: claim in a transaction, then resume; return it."""
    async with pool.acquire() as conn, conn.transaction():
        await sending.claim_for_sending(conn, channel, settlement_id, approval_rules(campaign), by, now)
    await sending.resume_sending(pool, channel, settlement_id, by, now)
    async with pool.acquire() as conn:
        (settlement,) = await list_settlements(conn, settlement_id=settlement_id)
    return settlement


async def settle_and_pay(pool: Pool, campaign: Campaign, now: datetime) -> None:
    """Settle, approve and send by hand; the bank books both payouts and returns one of them."""
    *_, result = await settle.settle_due_periods(pool, campaign, "test", now)
    async with pool.acquire() as conn:
        *_, settlement = await list_settlements(conn, [campaign.slug])
        for person in ("ann", "ben"):
            await approvals.approve(conn, result.settlement_id, settlement.hash, person, now)
    settlement = await send(pool, ManualChannel(), campaign, result.settlement_id, "ann", now)
    first, second = (end_to_end_id(p.payout_id, 1) for p in settlement.payouts)
    amounts = [format_minor(p.amount_minor, "CNY") for p in settlement.payouts]
    rows = [
        "1,S,opening,2026-11-10,0.00,CNY,credit,,,,",
        f"1,S,entry,2026-11-10,{amounts[0]},CNY,debit,{first},,,",
        f"1,S,entry,2026-11-10,{amounts[1]},CNY,debit,{second},,,",
        f"1,S,entry,2026-11-10,{amounts[1]},CNY,credit,{second},,closed,",
        f"1,S,closing,2026-11-10,{amounts[0]},CNY,debit,,,,",
    ]
    async with pool.acquire() as conn, conn.transaction():
        await import_file(conn, "\n".join([",".join(COLUMNS), *rows]).encode(), "ann", now)


async def pay_all(pool: Pool, campaign: Campaign, settlement: Settlement, statement: str, now: datetime) -> None:
    """Send a settlement by hand and import the statement that books all of it."""
    settlement = await send(pool, ManualChannel(), campaign, settlement.settlement_id, "finance", now)
    async with pool.acquire() as conn, conn.transaction():
        await import_file(conn, paid_statement(settlement, statement), "finance", now)


def paid_statement(settlement: Settlement, statement: str) -> bytes:
    """Return a bank statement that books all payouts of a settlement."""
    bookings = [
        (end_to_end_id(p.payout_id, p.latest_step.attempt), format_minor(p.amount_minor, "CNY"))
        for p in settlement.payouts
    ]
    rows = [f"1,{statement},entry,2026-11-23,{amount},CNY,debit,{payment_id},,," for payment_id, amount in bookings]
    head = f"1,{statement},opening,2026-11-23,0,CNY,credit,,,,"
    tail = f"1,{statement},closing,2026-11-23,{format_minor(settlement.to_send_minor, 'CNY')},CNY,debit,,,,"
    return "\n".join([",".join(COLUMNS), head, *rows, tail]).encode()
