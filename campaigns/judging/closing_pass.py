"""The closing pass: the last judgement of the days that a settlement is about to take.

It reads every observation of an event before the period's due moment, so its verdicts depend on
nothing else: not on arrival, batches, or earlier passes. What rules held before and do not find any
more is cleared. Likes of days that a settlement took stay as they are: found, they get a case.
"""

import asyncio
import json
from collections.abc import Collection
from datetime import date, datetime, timedelta
from typing import NamedTuple

from campaigns.authenticity.engine import Judgement, LikeKey, digest
from campaigns.catalogue.cache import Campaign
from campaigns.intake.like_state import FINAL_VERDICTS, LikeVerdict
from campaigns.intake.verdict_change import VerdictSource
from campaigns.intake.verdicts import apply_verdicts
from campaigns.judging.case_store import clear_cases, list_counting_likes
from campaigns.judging.engine_run import EngineInput, EngineResult
from campaigns.judging.interim_pass import put_into_cases
from campaigns.judging.judge_campaign import find_settled_day, require_ruleset, run_for_campaign, start_of_day
from campaigns.judging.pass_result import PassResult, count_findings, count_verdicts
from campaigns.judging.stored_likes import StoredLikes, read_stored_likes
from campaigns.judging.stored_observations import mark_judged, read_closing
from campaigns.judging.verdict_plan import VerdictPlan, plan_verdicts
from campaigns.promise.calendar import to_microseconds
from sql import Connection, query

_DAY = timedelta(days=1)

_LIST_HELD_LIKES = query("list_held_likes")
_STORE_CLOSING_PASS = query("store_closing_pass")
_FIND_CLOSING_PASS = query("find_closing_pass")
_HAS_OBSERVATIONS_JUDGED_AFTER = query("has_observations_judged_after")


class ClosingSpan(NamedTuple):
    """What a closing pass closes: the days up to `cut_off`, by events before `due_at`."""

    period: date | None  # of the settlement; None: the pass belongs to none
    cut_off: date
    due_at: datetime


async def is_judged(conn: Connection, campaign: Campaign, span: ClosingSpan) -> bool:
    """Return whether the closing pass of a period is stored, and read all that concerns its days.

    Joins the caller's transaction, which holds the campaign's lock.
    """
    row = await conn.fetchrow(_FIND_CLOSING_PASS, campaign.campaign_id, span.period)
    if row is None or (row["cut_off"], row["due_at"]) != (span.cut_off, span.due_at):
        return False
    if row["ruleset"] != require_ruleset(campaign).ruleset.version:
        return False
    first = start_of_day(campaign, await find_settled_day(conn, campaign) + _DAY)
    end = start_of_day(campaign, span.cut_off + _DAY)
    bounds = campaign.campaign_id, first, end, row["judged_at"]
    return not await conn.fetchval(_HAS_OBSERVATIONS_JUDGED_AFTER, *bounds)


async def run_closing_pass(conn: Connection, campaign: Campaign, span: ClosingSpan, now: datetime) -> PassResult:
    """Judge the likes of all days that no settlement took, store the verdicts, and return the result.

    Raises RuleFailure if a rule fails. Joins the caller's transaction, which holds the campaign's lock.
    """
    ruleset, settled_day = require_ruleset(campaign), await find_settled_day(conn, campaign)
    first = start_of_day(campaign, settled_day + _DAY)
    earliest = min(first, span.due_at - timedelta(days=campaign.authenticity.observation_days))
    start, read = await read_closing(conn, campaign.campaign_id, [earliest, first], span.due_at)
    rows = await conn.fetch(_LIST_HELD_LIKES, campaign.campaign_id, settled_day)
    waiting = await list_counting_likes(conn, campaign, settled_day)
    work = EngineInput(
        read.packed,
        ruleset,
        str(campaign.calendar.timezone),
        to_microseconds(start),
        to_microseconds(span.due_at),
        [*((row["person"], row["content"]) for row in rows), *waiting],
    )
    result = await run_for_campaign(campaign, work, read.likes)
    changed = await _store(conn, campaign, result, set(waiting), settled_day, now)
    judged = await mark_judged(conn, read.unjudged)
    if span.period is not None:
        await _store_pass(conn, campaign, span, result.judgement)
    return changed + PassResult(
        judged=read.unjudged_likes if judged else 0,
        findings=count_findings(result.judgement.findings, ruleset),
        digest=digest(result.judgement.verdicts),
        waiting_days=result.judgement.waiting_days,
    )


async def _store(
    conn: Connection,
    campaign: Campaign,
    result: EngineResult,
    waiting: set[LikeKey],
    settled_day: date,
    now: datetime,
) -> PassResult:
    """Store the verdicts and the cases of a judgement."""
    ruleset, judgement = require_ruleset(campaign), result.judgement
    in_cases = {key for finding in judgement.findings for key in finding.case_likes}
    found_likes = {(verdict.person, verdict.content) for verdict in judgement.verdicts}
    stored = await read_stored_likes(conn, campaign, {*found_likes, *in_cases, *result.seen})
    plan = await asyncio.to_thread(plan_verdicts, judgement, stored.likes, result.seen, settled_day, ruleset)
    changes = [*plan.clears, *plan.holds]
    if changes:
        source = VerdictSource(ruleset.ruleset.version, "closing", "rules", now)
        await apply_verdicts(conn, campaign, changes, source)
    cleared = {(change.person, change.content) for change in plan.clears}
    gone = cleared | ((waiting & result.seen) - found_likes - in_cases)
    await clear_cases(conn, campaign, sorted(gone), now)
    counting = _counting_likes(plan, in_cases, stored)
    opened = await put_into_cases(conn, campaign, judgement, plan.holds, stored, counting, now)
    new = [change for change in changes if stored.likes[change.person, change.content].verdict != change.verdict]
    return PassResult(
        held_likes=len(plan.holds), cleared=len(plan.clears), opened_cases=opened, verdicts=count_verdicts(new)
    )


def _counting_likes(plan: VerdictPlan, in_cases: Collection[LikeKey], stored: StoredLikes) -> set[LikeKey]:
    """Return the likes that count and need a case: found, but spared, or of a settled day. Pure.

    A like that had a case is decided, or will be.
    """
    newly_held = {(change.person, change.content) for change in plan.holds}
    return {
        key
        for key in {*in_cases, *plan.late_likes}
        if key in stored.likes
        and stored.likes[key].day is not None
        and stored.likes[key].verdict not in {*FINAL_VERDICTS, LikeVerdict.HELD}
        and key not in newly_held
        and key not in stored.cases
    }


async def _store_pass(conn: Connection, campaign: Campaign, span: ClosingSpan, judgement: Judgement) -> None:
    not_judged = [[platform, date.fromordinal(day).isoformat(), rule] for platform, day, rule in judgement.not_judged]
    await conn.execute(
        _STORE_CLOSING_PASS,
        campaign.campaign_id,
        span.period,
        span.cut_off,
        span.due_at,
        require_ruleset(campaign).ruleset.version,
        judgement.likes,
        len(judgement.verdicts),
        bytes.fromhex(digest(judgement.verdicts)),
        json.dumps(not_judged, ensure_ascii=False, separators=(",", ":")),
    )
