"""Settling a campaign: which of its periods are closed, and what is due for each; the ledger moves the money.

The scheduler only asks; which periods there are and what they take comes from the promise, the counts and the line.
One transaction a period, under the campaign's lock.
"""

from collections.abc import Mapping
from datetime import date, datetime

import rfc8785

from campaigns.catalogue import charities
from campaigns.catalogue.cache import Campaign
from campaigns.errors import UnknownPeriod
from campaigns.pledging.arithmetic import due, shares_due
from campaigns.pledging.pledge import counted_by_day, fold_and_pledge
from campaigns.promise.calendar import AHEAD_MAX
from ledger.accounting.balances import campaign_balances
from ledger.settlements.cancel import cancel_settlement
from ledger.settlements.model import ApprovalRules, Settlement
from ledger.settlements.periods import Period, PeriodWindow, closed_periods, next_period
from ledger.settlements.settle import AmountsDue, SettlementResult, last_settled_period, settle_period
from sql import Connection, Pool, query

SCHEDULE = "schedule"  # made by nobody: everyone may approve it

_LOCK_CAMPAIGN = query("lock_campaign")


def period_window(campaign: Campaign, closed_at: datetime | None) -> PeriodWindow:
    """Return when the campaign's periods may fall."""
    calendar, own = campaign.calendar, campaign.promise
    first, last = calendar.days[0], calendar.days[-1]
    hold_days, zone = own.campaign.hold_days, calendar.timezone
    return PeriodWindow(own.settlement.cron, zone, calendar.starts_at, first, last, hold_days, closed_at, AHEAD_MAX)


async def settle_due_periods(
    pool: Pool, campaign: Campaign, made_by: str, now: datetime, upto: date = date.max
) -> list[SettlementResult]:
    """Settle every closed period that has no settlement yet, oldest first, each in its own transaction.

    Returns those that made an envelope. Again, or at the same time from elsewhere: settles nothing twice.
    """
    made: list[SettlementResult] = []
    while True:
        async with pool.acquire() as conn, conn.transaction():
            settled = await settle_next_period(conn, campaign, made_by, now, upto)
        if settled is None:
            return made
        if settled.total_minor or settled.payout_count:
            made.append(settled)


async def settle_next_period(
    conn: Connection, campaign: Campaign, made_by: str, now: datetime, upto: date = date.max
) -> SettlementResult | None:
    """Settle the oldest closed period that has no settlement, in the caller's transaction; None: there is none."""
    closed_at = await conn.fetchval(_LOCK_CAMPAIGN, campaign.campaign_id)
    newest, is_ended = await last_settled_period(conn, campaign.slug)
    period = None if is_ended else next(closed_periods(period_window(campaign, closed_at), now, newest), None)
    if period is None or period.day > upto:
        return None
    await fold_and_pledge(conn, campaign)
    return await settle_period(conn, await amounts_due(conn, campaign, period), made_by, now)


async def cancel_campaign_settlement(
    conn: Connection, campaign: Campaign, settlement_id: str, by: str, now: datetime
) -> Settlement:
    """Cancel a settlement of which nothing was sent, in the caller's transaction; the next period takes its money."""
    await conn.fetchval(_LOCK_CAMPAIGN, campaign.campaign_id)
    own = campaign.promise.settlement
    return await cancel_settlement(conn, settlement_id, ApprovalRules(own.approvals, own.threshold_minor), by, now)


async def is_overdue(conn: Connection, campaign: Campaign, now: datetime) -> bool:
    """Tell whether a closed period waits for the settlement that the schedule should have made."""
    if not campaign.promise.settlement.automatic:
        return False
    newest, is_ended = await last_settled_period(conn, campaign.slug)
    return not is_ended and any(closed_periods(period_window(campaign, campaign.closed_at), now, newest))


async def amounts_due(conn: Connection, campaign: Campaign, period: Period) -> AmountsDue:
    """Return each charity's running total at the period's cut-off, and where its money goes."""
    counted, line = await counted_by_day(conn, campaign), await campaign_balances(conn, campaign.slug)
    own, period = campaign.promise, extend_last_cut_off(period, counted)
    topped_up = max(0, line.earned_minor - due(campaign.terms, counted, line.funded_minor)) if period.is_last else 0
    floor_minor = min(own.campaign.floor_minor, line.funded_minor) if period.is_last else 0
    topped_up = min(topped_up, max(0, floor_minor - due(campaign.terms, counted, line.funded_minor)))
    to = await payees(conn, campaign)
    totals = shares_due(campaign.terms, counted, line.funded_minor, period.cut_off, topped_up)
    return AmountsDue(campaign.slug, own.campaign.currency, period, totals, to, own.settlement.minimum_minor)


def extend_last_cut_off(period: Period, counted: Mapping[date, int]) -> Period:
    """Return the period; the last one takes every day that counts, whatever clocks said: it is the last. Pure."""
    days = [day for day, likes in counted.items() if likes] if period.is_last else []
    return period._replace(cut_off=max(period.cut_off, *days)) if days else period


async def payees(conn: Connection, campaign: Campaign) -> dict[str, str]:
    """Return each charity's name as the newest terms that name it say, and its account, as RFC 8785 JSON.

    The account is the registered one: the newest terms of an open campaign name the same; those of a closed one, or
    terms that named the charity once, may be older than a change of it.
    """
    names = {b.charity: b.name for version in campaign.versions for b in version.beneficiaries}
    accounts = await charities.accounts_by_charity(conn, list(names))
    return {
        charity: rfc8785.dumps({"name": name.model_dump(), "account": accounts[charity]}).decode()
        for charity, name in names.items()
    }


def require_closed_period(campaign: Campaign, day: date, now: datetime) -> None:
    """SettlingRefused where no closed period of the campaign is named by that day; says when the next one is."""
    own = period_window(campaign, campaign.closed_at)
    if day in {period.day for period in closed_periods(own, now)}:
        return
    following = next_period(own, now)
    hint = f"; the next one falls due on {following}" if following else ""
    raise UnknownPeriod(f"{campaign.slug} has no closed period {day}{hint}")
