"""T2, the tick: fold batches into day counts, compute the amount due, post the difference.

The tick also queues leaves for the public log. It is one transaction for each campaign, under the
lock of its row; any number of instances may tick at once. A batch is folded by the state of its
row, never by a cursor over ids: batches commit in another order than their numbers.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import NamedTuple

import asyncpg

from campaigns.batch_tallies import BatchTallies, decode_tallies
from campaigns.catalogue.cache import Campaign
from campaigns.pledging.arithmetic import due
from ledger.accounting.balances import campaign_balances
from ledger.accounting.corrections import reverse_amount
from ledger.accounting.journal import Account, Posting, TransferStep, post_transfer
from ledger.error_collector import ErrorCollector
from ledger.publication.outbox import enqueue_leaf
from sql import Connection, Pool, query

FOLD_BATCHES_MAX = 500  # with their roots they fit one leaf of 64 KiB
LEAF_DAYS_MAX = 100

_LOCK_CAMPAIGN = query("lock_campaign")
_CLAIM_BATCHES = query("claim_batches")
_CREATE_DAY_COUNTS = query("create_day_counts")
_ADD_DAY_COUNTS = query("add_day_counts")
_ADD_REFUSAL_COUNTS = query("add_refusal_counts")
_LIST_DAY_COUNTS = query("list_day_counts")
_LIST_UNFOLDED_CAMPAIGNS = query("list_unfolded_campaigns")
_FIND_OLDEST_UNFOLDED = query("find_oldest_unfolded")

_STATES = ("counted", "withdrawn", "quarantined", "void", "over_limit", "low_quality", "duplicate")
_LEAF_STATES = ("counted", "withdrawn", "void", "quarantined", "low_quality")


class TickResult(NamedTuple):
    """The result of one tick of a campaign."""

    batches: int
    pledged_minor: int  # negative: reversed


class TickRun(NamedTuple):
    """The result of a run over all campaigns.

    `errors` are those of the campaigns whose tick failed.
    """

    campaign_count: int
    unfolded_since: datetime | None  # when the oldest unfolded batch before the run was recorded
    errors: ErrorCollector


async def tick_all(pool: Pool, campaigns: Mapping[int, Campaign]) -> TickRun:
    """Run a tick of every campaign, by id, that has batches to fold.

    A failed tick does not stop the others.
    """
    async with pool.acquire() as conn:
        campaign_ids = [row["campaign_id"] for row in await conn.fetch(_LIST_UNFOLDED_CAMPAIGNS)]
        unfolded_since = await conn.fetchval(_FIND_OLDEST_UNFOLDED)
    errors = ErrorCollector()
    for campaign_id in campaign_ids:
        if campaign_id in campaigns:
            with errors.isolate():
                await run_tick(pool, campaigns[campaign_id])
    return TickRun(len(campaign_ids), unfolded_since, errors)


async def run_tick(pool: Pool, campaign: Campaign) -> TickResult:
    """Run one tick of a campaign in its own transaction."""
    async with pool.acquire() as conn, conn.transaction():
        return await fold_and_pledge(conn, campaign)


async def fold_and_pledge(conn: Connection, campaign: Campaign) -> TickResult:
    """Fold the recorded batches and post the amount that they earn. A repeated call posts nothing.

    A closed campaign has no budget: an amount that is reversed returns to the sponsor at once.
    Joins the caller's transaction.
    """
    closed_at = await conn.fetchval(_LOCK_CAMPAIGN, campaign.campaign_id)
    batches = folded = await fold_batches(conn, campaign)
    while folded == FOLD_BATCHES_MAX:  # a batch that arrives meanwhile waits for the next tick
        folded = await fold_batches(conn, campaign)
        batches += folded
    floor_minor = campaign.promise.campaign.floor_minor if closed_at else 0
    pledged_minor = await post_pledge(conn, campaign, floor_minor)
    if closed_at is not None:
        await refund_budget(conn, campaign, "earned no more after the close")
    return TickResult(batches, pledged_minor)


async def fold_batches(conn: Connection, campaign: Campaign) -> int:
    """Fold at most `FOLD_BATCHES_MAX` batches into the day counts; return their number.

    Joins the caller's transaction.
    """
    batches = await conn.fetch(_CLAIM_BATCHES, campaign.campaign_id, FOLD_BATCHES_MAX)
    if not batches:
        return 0
    days, refused = _sum_tallies(decode_tallies(batch["tallies"]) for batch in batches)
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


def _sum_tallies(tallies: Iterable[BatchTallies]) -> tuple[dict[date, Counter[str]], Counter[tuple[date, str]]]:
    """Return the changes by day, and the refused likes by day and outcome."""
    days: dict[date, Counter[str]] = {}
    refused: Counter[tuple[date, str]] = Counter()
    for batch in tallies:
        for day, counts in batch.days.items():
            days.setdefault(day, Counter()).update(counts)
        for day, counts in batch.refused.items():
            refused.update({(day, outcome): likes for outcome, likes in counts.items()})
    return days, refused


async def _enqueue_count_leaves(
    conn: Connection, campaign: Campaign, days: list[date], batches: list[asyncpg.Record]
) -> None:
    """Queue `count` leaves: the days' new totals, and each folded batch's id, size and root."""
    day_totals = [
        {"day": row["day"].isoformat(), **{state: row[state] for state in _LEAF_STATES}}
        for row in await conn.fetch(_LIST_DAY_COUNTS, campaign.campaign_id)
        if row["day"] in days
    ]
    roots = [[batch["batch_id"], batch["size"], batch["root"].hex()] for batch in batches if batch["size"]]
    for part, first in enumerate(range(0, max(len(day_totals), 1), LEAF_DAYS_MAX)):
        part_totals = day_totals[first : first + LEAF_DAYS_MAX]
        body = {"campaign": campaign.slug, "days": part_totals, "batches": [] if part else roots}
        await enqueue_leaf(conn, "count", f"count/{batches[0]['batch_id']}/{part}", body)


async def counted_by_day(conn: Connection, campaign: Campaign) -> dict[date, int]:
    """Return the campaign's folded counted likes by campaign day."""
    return {row["day"]: row["counted"] for row in await conn.fetch(_LIST_DAY_COUNTS, campaign.campaign_id)}


async def counted_at_most_by_day(conn: Connection, campaign: Campaign) -> dict[date, int]:
    """Return the likes that count, are held, or are over a limit, by campaign day."""
    rows = await conn.fetch(_LIST_DAY_COUNTS, campaign.campaign_id)
    return {row["day"]: row["counted"] + row["quarantined"] + row["over_limit"] for row in rows}


async def post_pledge(conn: Connection, campaign: Campaign, floor_minor: int = 0) -> int:
    """Post the difference between the amount due and the amount pledged; return it, in minor units.

    A negative difference is reversed as far as it is not settled yet. A closed campaign's
    `floor_minor` stays pledged whatever its likes earned: a tick that folds only refusals must not
    reverse it. Joins the caller's transaction.
    """
    balances = await campaign_balances(conn, campaign.slug)
    total = due(campaign.terms, await counted_by_day(conn, campaign), balances.funded_minor)
    difference = max(total, min(floor_minor, balances.funded_minor)) - balances.earned_minor
    currency = campaign.promise.campaign.currency
    source, target = (Account(kind, currency, campaign.slug) for kind in ("budget", "pledged"))
    if difference > 0:
        key = f"pledge/{campaign.slug}/{balances.pledged.version}"
        await post_transfer(conn, Posting(key, TransferStep.PLEDGE, source, target, difference, "likes counted"))
        return difference
    return -await reverse_amount(conn, TransferStep.PLEDGE, source, target, -difference, "likes counted no more")


async def refund_budget(conn: Connection, campaign: Campaign, reference: str) -> int:
    """Return the rest of the budget to the sponsor; return the amount, in minor units.

    Joins the caller's transaction.
    """
    rest_minor = (await campaign_balances(conn, campaign.slug)).budget.minor
    currency = campaign.promise.campaign.currency
    source, target = Account("world", currency), Account("budget", currency, campaign.slug)
    return await reverse_amount(conn, TransferStep.FUND, source, target, rest_minor, reference)
