"""Settle a campaign: which of its periods are closed, and the amounts due for each.

The ledger moves the money. The promise, the counts and the balances decide the periods and their
amounts. One transaction for each period, under the campaign's lock.
"""

from collections.abc import Callable, Collection, Mapping
from datetime import date, datetime, timedelta
from functools import partial
from typing import NamedTuple

import rfc8785

from campaigns.catalogue import charities
from campaigns.catalogue.cache import Campaign
from campaigns.errors import UnknownPeriod
from campaigns.judging.errors import SettlementWaits
from campaigns.pledging.arithmetic import CountedByDay, due, shares_due
from campaigns.pledging.closing_days import (
    ReportPass,
    close_days,
    ignore_pass,
    require_newest_ruleset,
    require_no_waiting_case,
)
from campaigns.pledging.pledge import counted_at_most_by_day, counted_by_day, fold_and_pledge
from campaigns.promise.calendar import AHEAD_MAX, local_day
from ledger.accounting.balances import CampaignBalances, campaign_balances
from ledger.error_collector import ErrorCollector
from ledger.settlements.cancel import cancel_settlement
from ledger.settlements.model import ApprovalRules, Settlement
from ledger.settlements.periods import Period, PeriodWindow, closed_periods, next_period
from ledger.settlements.settle import (
    AmountsDue,
    SettlementResult,
    find_first_due,
    last_settled_period,
    settle_first_due,
)
from sql import Connection, Pool, query

SCHEDULE = "schedule"  # the author of scheduled settlements: no person, so everyone may approve them

_DAY = timedelta(days=1)  # the last period may be named by the day after its own

_LOCK_CAMPAIGN = query("lock_campaign")


class SettleRun(NamedTuple):
    """The result of a run over all campaigns; `errors` are those of the campaigns that failed.

    `waits` are of the campaigns whose settlement waits for people.
    """

    overdue_count: int  # campaigns that failed with a closed period, or whose newest period is still to come
    errors: ErrorCollector
    waits: list[SettlementWaits]


async def settle_all(
    pool: Pool,
    campaigns: Collection[Campaign],
    clock: Callable[[], datetime],
    report: ReportPass = ignore_pass,
) -> SettleRun:
    """Settle every closed period of the campaigns that settle automatically.

    `clock` gives the time of each campaign's settlements, because a run may take long. A failure does
    not stop the others.
    """
    errors, waits = ErrorCollector(), list[SettlementWaits]()
    failed = {c.slug for c in campaigns if c.promise.settlement.automatic}
    for campaign in campaigns:
        if campaign.slug in failed:
            with errors.isolate():
                try:
                    await settle_due_periods(pool, campaign, SCHEDULE, clock(), report=report)
                    failed.remove(campaign.slug)
                except SettlementWaits as wait:
                    waits.append(wait)
    async with pool.acquire() as conn:
        now = clock()
        overdue = [await is_overdue(conn, c, now, has_failed=c.slug in failed) for c in campaigns]
    return SettleRun(sum(overdue), errors, waits)


def period_window(campaign: Campaign, closed_at: datetime | None) -> PeriodWindow:
    """Return the span of time in which the campaign has periods."""
    calendar, promise = campaign.calendar, campaign.promise
    first, last = calendar.days[0], calendar.days[-1]
    cron, hold_days, zone = promise.settlement.cron, promise.campaign.hold_days, calendar.timezone
    return PeriodWindow(cron, zone, calendar.starts_at, first, last, hold_days, closed_at, AHEAD_MAX)


async def settle_due_periods(
    pool: Pool,
    campaign: Campaign,
    made_by: str,
    now: datetime,
    upto: date = date.max,
    report: ReportPass = ignore_pass,
) -> list[SettlementResult]:
    """Settle every closed period without a settlement, oldest first, each in its own transaction.

    The closing pass has a transaction of its own: its cases stay if the settlement waits for them.

    Returns the settlements that took money or made payouts. Repeated or concurrent calls settle
    nothing twice.
    """
    results: list[SettlementResult] = []
    while True:
        if campaign.ruleset is not None:
            async with pool.acquire() as conn, conn.transaction():
                await judge_next_period(conn, campaign, now, upto, report)
        async with pool.acquire() as conn, conn.transaction():
            result = await settle_next_period(conn, campaign, made_by, now, upto, report)
        if result is None:
            return results
        if result.total_minor or result.payout_count:
            results.append(result)


async def settle_next_period(
    conn: Connection,
    campaign: Campaign,
    made_by: str,
    now: datetime,
    upto: date = date.max,
    report: ReportPass = ignore_pass,
) -> SettlementResult | None:
    """Settle the oldest closed period that takes money and has no settlement; None without one.

    A judged campaign's days get their closing pass first, unless it is stored. Raises RuleFailure,
    JudgingRefused or SettlementWaits while they cannot be settled. Joins the caller's transaction.
    """
    window, periods = await _unsettled_periods(conn, campaign, now, upto)
    if not periods:
        return None
    await require_newest_ruleset(conn, campaign)
    await fold_and_pledge(conn, campaign)
    if campaign.ruleset is None:
        return await settle_first_due(conn, periods, await read_amounts_due(conn, campaign), made_by, now)
    period = await _close_first_due(conn, campaign, window, periods, now, report)
    if period is None:
        return None
    await require_no_waiting_case(conn, campaign, period.cut_off)
    return await settle_first_due(conn, [period], await read_amounts_due(conn, campaign), made_by, now)


async def judge_next_period(
    conn: Connection, campaign: Campaign, now: datetime, upto: date = date.max, report: ReportPass = ignore_pass
) -> None:
    """Judge the days that the next settlement takes, so that its cases outlive a settlement that waits.

    Joins the caller's transaction.
    """
    window, periods = await _unsettled_periods(conn, campaign, now, upto)
    if periods and campaign.ruleset is not None:
        await fold_and_pledge(conn, campaign)
        await _close_first_due(conn, campaign, window, periods, now, report)


async def _close_first_due(
    conn: Connection,
    campaign: Campaign,
    window: PeriodWindow,
    periods: list[Period],
    now: datetime,
    report: ReportPass,
) -> Period | None:
    """Judge the days of the first period that takes money, and return it; None without one.

    Which one takes money is known only after its days are judged. A period that would take none even
    if every held like counted is not judged.
    """
    at_most = await _read_amounts_at_most(conn, campaign)
    while period := await find_first_due(conn, periods, at_most):
        await close_days(conn, campaign, window, period, now, report)
        if await find_first_due(conn, [period], await read_amounts_due(conn, campaign)):
            return period
        periods = periods[periods.index(period) + 1 :]
    return None


async def _unsettled_periods(
    conn: Connection, campaign: Campaign, now: datetime, upto: date
) -> tuple[PeriodWindow, list[Period]]:
    """Return the closed periods without a settlement, oldest first, after locking the campaign."""
    closed_at = await conn.fetchval(_LOCK_CAMPAIGN, campaign.campaign_id)
    newest, is_ended = await last_settled_period(conn, campaign.slug)
    window = period_window(campaign, closed_at)
    unsettled = [] if is_ended else closed_periods(window, now, newest)
    return window, [period for period in unsettled if period.day <= upto]


async def cancel_campaign_settlement(
    conn: Connection, campaign: Campaign, settlement_id: str, by: str, now: datetime
) -> Settlement:
    """Cancel a settlement without a sent payout; the next period takes its money.

    Joins the caller's transaction.
    """
    await conn.fetchval(_LOCK_CAMPAIGN, campaign.campaign_id)
    policy = campaign.promise.settlement
    rules = ApprovalRules(policy.approvals, policy.threshold_minor)
    return await cancel_settlement(conn, settlement_id, rules, by, now)


async def is_overdue(conn: Connection, campaign: Campaign, now: datetime, *, has_failed: bool) -> bool:
    """Return whether settling failed with a closed period, or a settled period is still to come.

    A wrong clock settled a period that is to come. Until its day no other one is settled.
    """
    newest, is_ended = await last_settled_period(conn, campaign.slug)
    if newest is not None and newest > local_day(now, campaign.calendar.timezone) + _DAY:
        return True
    window = period_window(campaign, campaign.closed_at)
    return has_failed and not is_ended and any(closed_periods(window, now, newest))


async def _read_amounts_at_most(conn: Connection, campaign: Campaign) -> Callable[[Period], AmountsDue]:
    """Return the amounts due as if every like that is held, or over its person's limit, counted."""
    counted, balances = await counted_at_most_by_day(conn, campaign), await campaign_balances(conn, campaign.slug)
    return partial(amounts_due, campaign, counted, balances, await payees(conn, campaign))


async def read_amounts_due(conn: Connection, campaign: Campaign) -> Callable[[Period], AmountsDue]:
    """Return the function from a period to its amounts due, as counts and balances are now."""
    counted, balances = await counted_by_day(conn, campaign), await campaign_balances(conn, campaign.slug)
    return partial(amounts_due, campaign, counted, balances, await payees(conn, campaign))


def amounts_due(
    campaign: Campaign,
    counted: CountedByDay,
    balances: CampaignBalances,
    payees_by_charity: Mapping[str, str],
    period: Period,
) -> AmountsDue:
    """Return each charity's running total at the cut-off, in minor units, and its payee. Pure."""
    promise, period = campaign.promise, extend_last_cut_off(period, counted)
    topped_up_minor = 0
    if period.is_last:
        due_minor = due(campaign.terms, counted, balances.funded_minor)
        floor_minor = min(promise.campaign.floor_minor, balances.funded_minor)
        topped_up_minor = min(max(0, balances.earned_minor - due_minor), max(0, floor_minor - due_minor))
    totals = shares_due(campaign.terms, counted, balances.funded_minor, period.cut_off, topped_up_minor)
    currency, minimum_minor = promise.campaign.currency, promise.settlement.minimum_minor
    return AmountsDue(campaign.slug, currency, period, totals, payees_by_charity, minimum_minor)


def extend_last_cut_off(period: Period, counted: Mapping[date, int]) -> Period:
    """Return the period; the last one extends to every counted day, also of a clock ahead. Pure."""
    days = [day for day, likes in counted.items() if likes] if period.is_last else []
    return period._replace(cut_off=max(period.cut_off, *days)) if days else period


async def payees(conn: Connection, campaign: Campaign) -> dict[str, str]:
    """Return each charity's payee, name and account, as RFC 8785 JSON.

    The name is that of the newest terms with the charity. The account is the registered one: the
    terms of a closed campaign, and replaced terms, can be older than a change of the account.
    """
    names = {b.charity: b.name for version in campaign.versions for b in version.beneficiaries}
    accounts = await charities.accounts_by_charity(conn, list(names))
    return {
        charity: rfc8785.dumps({"name": name.model_dump(), "account": accounts[charity]}).decode()
        for charity, name in names.items()
    }


def require_closed_period(campaign: Campaign, day: date, now: datetime) -> None:
    """Raise UnknownPeriod, with the next period, if the day names no closed one of the campaign."""
    window = period_window(campaign, campaign.closed_at)
    if day in {period.day for period in closed_periods(window, now)}:
        return
    following = next_period(window, now)
    if following is None:
        raise UnknownPeriod("period_unknown", campaign=campaign.slug, day=day)
    raise UnknownPeriod("period_not_closed", campaign=campaign.slug, day=day, next_day=following)
