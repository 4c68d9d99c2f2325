"""The interim pass: judge what arrived, in a window around its events, and hold what rules find.

It clears nothing: that takes all observations, which the closing pass reads. It reads and judges
without a lock. Then one transaction, under the campaign's lock, marks the batches and stores the
verdicts, so a crash leaves nothing half done, and two instances judge no batch twice.
"""

import asyncio
from collections.abc import Collection
from datetime import datetime

from campaigns.authenticity.engine import Judgement, LikeKey
from campaigns.catalogue.cache import Campaign
from campaigns.intake.verdict_change import VerdictChange, VerdictSource
from campaigns.intake.verdicts import apply_verdicts
from campaigns.judging.case_plan import CaseInput, plan_cases
from campaigns.judging.case_store import read_open_cases, store_cases
from campaigns.judging.engine_run import EngineInput
from campaigns.judging.judge_campaign import find_settled_day, require_ruleset, run_for_campaign
from campaigns.judging.pass_result import PassResult, count_findings, count_verdicts
from campaigns.judging.stored_likes import StoredLikes, read_stored_likes
from campaigns.judging.stored_observations import list_context, list_unjudged, mark_judged, read_packed
from campaigns.judging.verdict_plan import is_only_intake, plan_holds
from sql import Connection, Pool, query

_EVER_US = 2**62

_LOCK_CAMPAIGN = query("lock_campaign")


async def run_interim_pass(pool: Pool, campaign: Campaign, now: datetime) -> PassResult | None:
    """Judge one window of unjudged observations and return the result; None if all are judged.

    Raises RuleFailure if a rule fails: the observations stay unjudged.
    """
    ruleset = require_ruleset(campaign)
    async with pool.acquire() as conn:
        batches = await list_unjudged(conn, campaign.campaign_id)
        if not batches:
            return None
        window = [*batches, *await list_context(conn, campaign.campaign_id, batches)]
        packed = await read_packed(conn, window)
    work = EngineInput(packed, ruleset, str(campaign.calendar.timezone), -_EVER_US, _EVER_US)
    result = await run_for_campaign(campaign, work, sum(batch.likes for batch in window))
    async with pool.acquire() as conn, conn.transaction():
        await conn.fetchval(_LOCK_CAMPAIGN, campaign.campaign_id)
        if not await mark_judged(conn, [batch.key for batch in batches]):
            return PassResult()  # another instance was faster
        changed = await _hold(conn, campaign, result.judgement, now)
    return changed + PassResult(
        judged=sum(batch.likes for batch in batches), findings=count_findings(result.judgement.findings, ruleset)
    )


async def _hold(conn: Connection, campaign: Campaign, judgement: Judgement, now: datetime) -> PassResult:
    """Hold the likes that rules found, and put them into cases."""
    ruleset = require_ruleset(campaign)
    keys = [(verdict.person, verdict.content) for verdict in judgement.verdicts]
    stored = await read_stored_likes(conn, campaign, keys)
    settled_day = await find_settled_day(conn, campaign)
    holds = plan_holds(judgement, stored.likes, settled_day, only_new=True)
    of_intake = [change for change in holds if is_only_intake(change, ruleset)]
    of_window = [change for change in holds if not is_only_intake(change, ruleset)]
    for stage, changes in (("intake", of_intake), ("window", of_window)):
        if changes:
            source = VerdictSource(ruleset.ruleset.version, stage, "rules", now)
            await apply_verdicts(conn, campaign, changes, source)
    opened = await put_into_cases(conn, campaign, judgement, holds, stored, (), now)
    return PassResult(held_likes=len(holds), opened_cases=opened, verdicts=count_verdicts(holds))


async def put_into_cases(
    conn: Connection,
    campaign: Campaign,
    judgement: Judgement,
    holds: list[VerdictChange],
    stored: StoredLikes,
    counting: Collection[LikeKey],
    now: datetime,
) -> int:
    """Put held likes without an open case, and likes that count until people decide, into cases.

    Returns the number of new cases. Joins the caller's transaction.
    """
    ruleset = require_ruleset(campaign)
    newly_held = {key for change in holds if not stored.is_in_held_case(key := (change.person, change.content))}
    if not newly_held and not counting:
        return 0
    cases = CaseInput(
        judgement.findings, newly_held, counting, await read_open_cases(conn, campaign), judgement.breakers
    )
    changes = await asyncio.to_thread(plan_cases, cases, campaign.slug, now)  # may take a second
    return await store_cases(conn, campaign, ruleset.ruleset.version, changes, now)
