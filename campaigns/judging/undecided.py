"""Cases that nobody decided in time: the promise says what becomes of their likes.

Held likes are void or released. Likes that count until people decide go on counting.
"""

from collections.abc import Mapping
from datetime import datetime

import asyncpg

from campaigns.catalogue.cache import Campaign
from campaigns.intake.like_state import LikeVerdict
from campaigns.intake.verdict_change import VerdictChange, VerdictSource
from campaigns.intake.verdicts import apply_verdicts
from campaigns.judging.case_store import RULES
from campaigns.judging.pass_result import PassResult, count_verdicts
from ledger.error_collector import ErrorCollector
from sql import Connection, Pool, query

_CASES_MAX = 100  # a run; the next one goes on

_LIST_DUE_CASES = query("list_due_cases")
_LOCK_CAMPAIGN = query("lock_campaign")
_LOCK_DUE_CASE = query("lock_due_case")
_LIST_CASE_HELD_LIKES = query("list_case_held_likes")
_CLOSE_CASE = query("close_case")
_ADD_RULE_STEPS = query("add_rule_steps")


async def decide_due_cases(
    pool: Pool, campaigns: Mapping[int, Campaign], now: datetime, errors: ErrorCollector
) -> PassResult:
    """Apply what promises say of undecided cases, each case in its own transaction; return the verdicts."""
    async with pool.acquire() as conn:
        rows = await conn.fetch(_LIST_DUE_CASES, now, _CASES_MAX)
    decided = PassResult()
    for row in rows:
        with errors.isolate():
            if campaign := campaigns.get(row["campaign_id"]):
                async with pool.acquire() as conn, conn.transaction():
                    decided += await decide_due_case(conn, campaign, row, now)
    return decided


async def decide_due_case(conn: Connection, campaign: Campaign, case: asyncpg.Record, now: datetime) -> PassResult:
    """Close a due case as the promise says, unless somebody decided it meanwhile; return the verdicts.

    Joins the caller's transaction.
    """
    await conn.fetchval(_LOCK_CAMPAIGN, campaign.campaign_id)
    if await conn.fetchrow(_LOCK_DUE_CASE, case["case_id"]) is None:
        return PassResult()
    rows = await conn.fetch(_LIST_CASE_HELD_LIKES, case["case_id"])
    is_void = campaign.authenticity.undecided == "void" and not case["is_counting"]
    verdict = LikeVerdict.VOID if is_void else LikeVerdict.RELEASED
    changes = [
        VerdictChange(row["content"], row["person"], verdict, tuple(row["families"]), tuple(row["rules"]))
        for row in rows
    ]
    if changes:
        source = VerdictSource(case["ruleset"], "undecided", "rules", now)
        await apply_verdicts(conn, campaign, changes, source)
    await conn.execute(_ADD_RULE_STEPS, "undecided", RULES, now, [case["case_id"]], [len(changes)])
    await conn.execute(_CLOSE_CASE, case["case_id"], now, "void" if is_void else "released")
    return PassResult(verdicts=count_verdicts(changes))
