"""Close the days of a period before a settlement takes them: judge their likes, then count them.

One transaction, under the campaign's lock. Intake goes on meanwhile: what it records for these days
during the pass is judged too, or the settlement waits.
"""

from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple

from campaigns.catalogue.cache import Campaign
from campaigns.judging.closing_pass import ClosingSpan, is_judged, run_closing_pass
from campaigns.judging.errors import CampaignHasOpenCases, JudgingRefused, SettlementWaits
from campaigns.judging.judge_campaign import find_settled_day, start_of_day
from campaigns.judging.pass_result import PassResult
from campaigns.pledging.pledge import fold_and_pledge
from campaigns.promise.calendar import local_day
from ledger.settlements.periods import Period, PeriodWindow, period_due_at
from sql import Connection, query

ReportPass = Callable[[PassResult], None]

_ATTEMPTS_MAX = 3
_CASES_NAMED_MAX = 5

_LOCK_CAMPAIGN = query("lock_campaign")
_FIND_RULESET_VERSION = query("find_ruleset_version")
_COUNT_OPEN_CASES = query("count_open_cases")
_FIND_WAITING_CASES = query("find_waiting_cases")


class WaitingCase(NamedTuple):
    """An open case that a settlement waits for."""

    case_id: str
    likes: int


def ignore_pass(_: PassResult) -> None:
    """Report a pass to nobody."""


async def close_days(
    conn: Connection, campaign: Campaign, window: PeriodWindow, period: Period, now: datetime, report: ReportPass
) -> None:
    """Judge the likes of the days of a period, and fold what that changes.

    A stored pass that read all observations of these days is not repeated. Raises RuleFailure if a
    rule fails, and JudgingRefused if likes of these days keep arriving. Joins the caller's
    transaction, which holds the campaign's lock.
    """
    span = ClosingSpan(period.day, period.cut_off, period_due_at(window, period))
    for _ in range(_ATTEMPTS_MAX):
        if await is_judged(conn, campaign, span):
            return
        report(await run_closing_pass(conn, campaign, span, now))
        await fold_and_pledge(conn, campaign)
    if not await is_judged(conn, campaign, span):
        raise JudgingRefused("judging_likes_still_arrive", slug=campaign.slug, day=period.cut_off)


async def require_newest_ruleset(conn: Connection, campaign: Campaign) -> None:
    """Raise JudgingRefused if other rules came into force since the campaign was read.

    A settlement under them would lack its closing pass. Joins the caller's transaction.
    """
    version = campaign.ruleset.ruleset.version if campaign.ruleset else 0
    if await conn.fetchval(_FIND_RULESET_VERSION, campaign.campaign_id) != version:
        raise JudgingRefused("ruleset_changed_meanwhile", slug=campaign.slug)


async def judge_all_days(
    conn: Connection, campaign: Campaign, now: datetime, report: ReportPass = ignore_pass, upto: date | None = None
) -> PassResult | None:
    """Judge the likes of every day that no settlement took, by all events up to a day.

    Returns None if the campaign is not judged. Joins the caller's transaction.
    """
    if campaign.ruleset is None:
        return None
    await conn.fetchval(_LOCK_CAMPAIGN, campaign.campaign_id)
    last_day = min(upto or campaign.calendar.days[-1], campaign.calendar.days[-1])
    span = ClosingSpan(None, last_day, start_of_day(campaign, last_day + timedelta(days=1)))
    result = await run_closing_pass(conn, campaign, span, now)
    report(result)
    await fold_and_pledge(conn, campaign)
    return result


async def require_no_open_case(conn: Connection, campaign: Campaign) -> None:
    """Raise CampaignHasOpenCases while people may still decide about likes of the campaign."""
    [row] = await conn.fetch(_COUNT_OPEN_CASES, campaign.campaign_id)
    if row["cases"]:
        due_day = local_day(row["last_due_at"], campaign.calendar.timezone)
        raise CampaignHasOpenCases(
            "campaign_has_open_cases", slug=campaign.slug, cases_number=row["cases"], day=due_day
        )


async def require_no_waiting_case(conn: Connection, campaign: Campaign, cut_off: date) -> None:
    """Raise SettlementWaits if people must decide a case before days up to `cut_off` are settled.

    Joins the caller's transaction.
    """
    cases = await find_waiting_cases(conn, campaign, cut_off)
    if cases:
        raise SettlementWaits(
            "settlement_waits_for_review",
            slug=campaign.slug,
            day=cut_off,
            cases_number=len(cases),
            cases=[case.case_id for case in cases[:_CASES_NAMED_MAX]],
        )


async def find_waiting_cases(conn: Connection, campaign: Campaign, cut_off: date) -> Sequence[WaitingCase]:
    """Return the open cases that a settlement of the days up to `cut_off` waits for, oldest first."""
    settled_day = await find_settled_day(conn, campaign)
    rows = await conn.fetch(_FIND_WAITING_CASES, campaign.campaign_id, settled_day, cut_off)
    return [WaitingCase(row["case_id"], row["likes"]) for row in rows]
