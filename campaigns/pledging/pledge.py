"""T2, the tick: fold recorded batches into day counts, compute what is due, post the difference, tell the log.

One transaction a campaign, under the lock of its row; any number of instances may tick at once. A batch is folded by
its own row's state, never by a cursor over ids: batches commit in another order than they are numbered.
"""

from collections import Counter
from datetime import date
from typing import Any, NamedTuple

import asyncpg
import orjson

from campaigns.catalogue.cache import Campaign
from campaigns.pledging.arithmetic import due
from ledger.accounting.balances import campaign_balances
from ledger.accounting.corrections import reverse_amount
from ledger.accounting.journal import Account, Posting, TransferStep, post_transfer
from ledger.publication.outbox import enqueue_leaf
from sql import Connection, Pool, query

FOLD_BATCHES_MAX = 500  # with their roots they fit one leaf of 64 KiB
LEAF_DAYS_MAX = 200

_LOCK_CAMPAIGN = query("lock_campaign")
_CLAIM_BATCHES = query("claim_batches")
_CREATE_DAY_COUNTS = query("create_day_counts")
_ADD_DAY_COUNTS = query("add_day_counts")
_ADD_REFUSAL_COUNTS = query("add_refusal_counts")
_LIST_DAY_COUNTS = query("list_day_counts")
_LIST_UNFOLDED_CAMPAIGNS = query("list_unfolded_campaigns")

_STATES = ("counted", "withdrawn", "quarantined", "void", "over_limit", "duplicate")


class TickResult(NamedTuple):
    """What one tick of a campaign did."""

    batches: int
    pledged_minor: int  # negative: taken back


async def campaigns_to_tick(conn: Connection) -> list[int]:
    """Return the campaigns that have batches to fold."""
    return [row["campaign_id"] for row in await conn.fetch(_LIST_UNFOLDED_CAMPAIGNS)]


async def run_tick(pool: Pool, campaign: Campaign) -> TickResult:
    """Run one tick of a campaign in a transaction of its own."""
    async with pool.acquire() as conn, conn.transaction():
        return await fold_and_pledge(conn, campaign)


async def fold_and_pledge(conn: Connection, campaign: Campaign) -> TickResult:
    """Fold what was recorded and post what it earns; joins the caller's transaction. Again: posts nothing.

    A closed campaign keeps no budget: what is pledged no more goes on to the sponsor at once.
    """
    closed_at = await conn.fetchval(_LOCK_CAMPAIGN, campaign.campaign_id)
    batches = folded = await fold_batches(conn, campaign)
    while folded == FOLD_BATCHES_MAX:  # what arrives meanwhile waits for the next tick
        folded = await fold_batches(conn, campaign)
        batches += folded
    floor_minor = campaign.promise.campaign.floor_minor if closed_at else 0
    pledged_minor = await post_pledge(conn, campaign, floor_minor)
    if closed_at is not None:
        await refund_budget(conn, campaign, "earned no more after the close")
    return TickResult(batches, pledged_minor)


async def fold_batches(conn: Connection, campaign: Campaign) -> int:
    """Claim the batches that are not folded yet into the day counts; return how many."""
    batches = await conn.fetch(_CLAIM_BATCHES, campaign.campaign_id, FOLD_BATCHES_MAX)
    if not batches:
        return 0
    days, refused = _sum_tallies([orjson.loads(batch["tallies"]) for batch in batches])
    if days:
        rows = [(day, *(counts[state] for state in _STATES)) for day, counts in sorted(days.items())]
        await conn.execute(_CREATE_DAY_COUNTS, campaign.campaign_id, sorted(days))
        await conn.execute(_ADD_DAY_COUNTS, campaign.campaign_id, *zip(*rows, strict=True))
    if refused:
        keys = sorted(refused)
        columns = [day for day, _ in keys], [name for _, name in keys], [refused[key] for key in keys]
        await conn.execute(_ADD_REFUSAL_COUNTS, campaign.campaign_id, *columns)
    await _enqueue_count_leaves(conn, campaign, sorted(days), batches)
    return len(batches)


CountsByDay = dict[date, Counter[str]]


def _sum_tallies(tallies: list[dict[str, Any]]) -> tuple[CountsByDay, Counter[tuple[date, str]]]:
    days: CountsByDay = {}
    refused: Counter[tuple[date, str]] = Counter()
    for batch in tallies:
        for day, counts in batch["days"].items():
            days.setdefault(date.fromisoformat(day), Counter()).update(counts)
        for day, counts in batch["refused"].items():
            refused.update({(date.fromisoformat(day), outcome): likes for outcome, likes in counts.items()})
    return days, refused


async def _enqueue_count_leaves(
    conn: Connection, campaign: Campaign, days: list[date], batches: list[asyncpg.Record]
) -> None:
    """Queue `count` leaves: the days' new totals, and each folded batch with its size and root."""
    totals = await conn.fetch(_LIST_DAY_COUNTS, campaign.campaign_id)
    told = [
        {"day": row["day"].isoformat(), **{state: row[state] for state in ("counted", "withdrawn", "void")}}
        for row in totals
        if row["day"] in days
    ]
    roots = [[batch["batch_id"], batch["size"], batch["root"].hex()] for batch in batches if batch["size"]]
    for part, first in enumerate(range(0, max(len(told), 1), LEAF_DAYS_MAX)):
        some = told[first : first + LEAF_DAYS_MAX]
        body = {"campaign": campaign.slug, "days": some, "batches": [] if part else roots}
        await enqueue_leaf(conn, "count", f"count/{batches[0]['batch_id']}/{part}", body)


async def counted_by_day(conn: Connection, campaign: Campaign) -> dict[date, int]:
    """Return the campaign's counted likes by day, as far as they are folded."""
    return {row["day"]: row["counted"] for row in await conn.fetch(_LIST_DAY_COUNTS, campaign.campaign_id)}


async def post_pledge(conn: Connection, campaign: Campaign, floor_minor: int = 0) -> int:
    """Post the difference between what is due and what was pledged so far; return it, in minor units.

    What is due less than was pledged goes back as far as it has not been settled yet. A closed campaign's
    `floor_minor` stays pledged whatever its likes earned: a tick that only folds refusals must not take it back.
    """
    held = await campaign_balances(conn, campaign.slug)
    total = due(campaign.terms, await counted_by_day(conn, campaign), held.funded_minor)
    difference = max(total, min(floor_minor, held.funded_minor)) - held.earned_minor
    currency = campaign.promise.campaign.currency
    source, target = (Account(kind, currency, campaign.slug) for kind in ("budget", "pledged"))
    if difference > 0:
        key = f"pledge/{campaign.slug}/{held.pledged.version}"
        await post_transfer(conn, Posting(key, TransferStep.PLEDGE, source, target, difference, "likes counted"))
        return difference
    return -await reverse_amount(conn, TransferStep.PLEDGE, source, target, -difference, "likes counted no more")


async def refund_budget(conn: Connection, campaign: Campaign, reference: str) -> int:
    """Return the rest of the budget to the sponsor, in the caller's transaction; how much it was, in minor units."""
    rest_minor = (await campaign_balances(conn, campaign.slug)).budget.minor
    currency = campaign.promise.campaign.currency
    source, target = Account("world", currency), Account("budget", currency, campaign.slug)
    return await reverse_amount(conn, TransferStep.FUND, source, target, rest_minor, reference)
