"""Judge every campaign with unjudged observations: one campaign's failure does not stop the others."""

from collections.abc import Callable, Mapping
from datetime import datetime
from math import inf
from time import perf_counter
from typing import NamedTuple

from campaigns.catalogue.cache import Campaign
from campaigns.judging.interim_pass import run_interim_pass
from campaigns.judging.pass_result import PassResult
from ledger.error_collector import ErrorCollector
from sql import Connection, Pool, query

_CAMPAIGN_SECONDS_MAX = 60  # then the next campaign's turn has come; the next run goes on

_LIST_CAMPAIGNS_TO_JUDGE = query("list_campaigns_to_judge")
_READ_JUDGING_BACKLOG = query("read_judging_backlog")


class JudgingBacklog(NamedTuple):
    """What waits for rules and for people."""

    unjudged_since: datetime | None  # when the oldest unjudged observation was recorded
    open_cases: int
    oldest_case_at: datetime | None  # when it was opened


async def judge_all(
    pool: Pool,
    campaigns: Mapping[int, Campaign],
    clock: Callable[[], datetime],
    report: Callable[[PassResult], None],
) -> ErrorCollector:
    """Run interim passes of the campaigns, by id, that have a ruleset; return the errors."""
    async with pool.acquire() as conn:
        ids = [row["campaign_id"] for row in await conn.fetch(_LIST_CAMPAIGNS_TO_JUDGE)]
    errors = ErrorCollector()
    for campaign_id in ids:
        campaign = campaigns.get(campaign_id)
        if campaign is not None and campaign.ruleset is not None:
            with errors.isolate():
                await judge_campaign(pool, campaign, clock, report, _CAMPAIGN_SECONDS_MAX)
    return errors


async def judge_campaign(
    pool: Pool,
    campaign: Campaign,
    clock: Callable[[], datetime],
    report: Callable[[PassResult], None],
    seconds_max: float = inf,
) -> PassResult:
    """Run interim passes of a campaign until all is judged, or time is up; return their sum."""
    started, total = perf_counter(), PassResult()
    while perf_counter() - started < seconds_max:
        result = await run_interim_pass(pool, campaign, clock())
        if result is None:
            break
        report(result)
        total += result
    return total


async def read_backlog(conn: Connection, campaigns: Mapping[int, Campaign]) -> JudgingBacklog:
    """Return what waits for rules, in campaigns with a ruleset, and for people."""
    judged = [campaign_id for campaign_id, campaign in campaigns.items() if campaign.ruleset is not None]
    [row] = await conn.fetch(_READ_JUDGING_BACKLOG, judged)
    return JudgingBacklog(*row)
