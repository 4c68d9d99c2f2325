"""Decide a case: release or void its likes, and record the step.

    lock campaign → lock case → check → plan → apply verdicts → close case → add step

Rules wait for the campaign's lock too, so nothing about the case changes in between.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from campaigns.catalogue.cache import Campaign
from campaigns.errors import NotFound, printable
from campaigns.intake.like_state import LikeVerdict
from campaigns.intake.verdict_change import VerdictSource
from campaigns.intake.verdicts import apply_verdicts
from campaigns.review import cases
from campaigns.review.case_money import CaseMoney
from campaigns.review.cases import Case
from campaigns.review.decision_plan import (
    CaseState,
    Decision,
    LikeOfCase,
    check_decision,
    count_verdicts,
    plan_decision,
)
from sql import Connection, query

NOTE = "note"
_DECISIONS = frozenset(Decision)
_STAGE = "case"

_ADD_CASE_STEP = query("add_case_step")
_COUNT_VERDICTS_OF_CASE = query("count_verdicts_of_case")
_DECIDE_CASE = query("decide_case")
_FIND_CASE_CAMPAIGN = query("find_case_campaign")
_LIST_LIKES_OF_CASE = query("list_likes_of_case")
_LOCK_CAMPAIGN = query("lock_campaign")
_LOCK_CASE = query("lock_case")


class DecidedCase(NamedTuple):
    """A decision: the case before and after, what it moved, and why a second person must agree."""

    before: Case
    after: Case
    hash_before: bytes
    hash_after: bytes
    verdicts_before: Mapping[str, int]
    verdicts_after: Mapping[str, int]
    moved: Mapping[str, int]  # change of the number of likes by state
    likes: int  # whose verdict changed
    money: CaseMoney  # before the decision
    due_after_minor: int
    approval_reason: str | None


class Reviewer(NamedTuple):
    """Who decides, and who approves it; an operator is no person and may decide again."""

    name: str
    approver: str | None = None
    is_operator: bool = False

    @property
    def people(self) -> list[str]:
        """Return the people who take part."""
        return [] if self.is_operator else [self.name, *([self.approver] if self.approver else [])]


async def lock_case(conn: Connection, campaigns: Mapping[str, Campaign], case_id: str) -> Case:
    """Return a case, locked with its campaign until the transaction ends. Raises NotFound."""
    slug = await conn.fetchval(_FIND_CASE_CAMPAIGN, case_id) if "\0" not in case_id else None
    campaign = campaigns.get(slug or "")
    if campaign is None:
        raise NotFound("case_not_found", case=printable(case_id))
    await conn.fetchval(_LOCK_CAMPAIGN, campaign.campaign_id)
    await conn.execute(_LOCK_CASE, case_id)
    return await cases.find_case(conn, campaigns, case_id)


async def decide_case(
    conn: Connection,
    case: Case,
    decision: Decision,
    reviewer: Reviewer,
    *,
    reason: str,
    known_hash: str | None,
    now: datetime,
) -> DecidedCase:
    """Decide a locked case and return what changed.

    Raises ReviewRefused. Joins the caller's transaction, which holds the campaign's lock.
    """
    hash_before, state = await _read_state(conn, case)
    check_decision(state, decision, known_hash, reviewer.people)
    verdicts_before = await _count_verdicts(conn, case)
    money = (await cases.measure_cases(conn, [case]))[case.case_id]
    plan = plan_decision(
        state,
        await _list_likes(conn, case),
        decision,
        at_stake_minor=money.at_stake_minor,
        threshold_minor=case.campaign.promise.settlement.threshold_minor,
    )
    source = VerdictSource(case.ruleset, _STAGE, "people", now)
    applied = await apply_verdicts(conn, case.campaign, plan.changes, source)
    await conn.execute(_DECIDE_CASE, case.case_id, now, decision.outcome)
    step = (case.case_id, decision.value, reviewer.name, reviewer.approver, now, applied.likes, reason)
    await conn.execute(_ADD_CASE_STEP, *step)
    after = await cases.find_case(conn, {case.campaign.slug: case.campaign}, case.case_id)
    today = await cases.read_due_today(conn, case.campaign)
    counted = {day: counts.get("counted", 0) for day, counts in applied.moved.items()}
    return DecidedCase(
        before=case,
        after=after,
        hash_before=hash_before,
        hash_after=(await cases.hash_cases(conn, [after]))[case.case_id],
        verdicts_before=verdicts_before,
        verdicts_after=await _count_verdicts(conn, case),
        moved=_sum_states(list(applied.moved.values())),
        likes=applied.likes,
        money=money,
        due_after_minor=today.due_with(counted),
        approval_reason=plan.approval_reason,
    )


async def add_note(conn: Connection, case: Case, person: str, note: str, now: datetime) -> None:
    """Add a note to a locked case. Joins the caller's transaction."""
    await conn.execute(_ADD_CASE_STEP, case.case_id, NOTE, person, None, now, 0, note)


async def _read_state(conn: Connection, case: Case) -> tuple[bytes, CaseState]:
    digest = (await cases.hash_cases(conn, [case]))[case.case_id]
    steps = [step for step in await cases.list_steps(conn, case.case_id) if step.action in _DECISIONS]
    deciders = {person for step in steps for person in (step.by, step.approved_by) if person}
    return digest, CaseState(case.case_id, case.family, case.rule, case.outcome, digest, deciders)


async def _list_likes(conn: Connection, case: Case) -> list[LikeOfCase]:
    return [
        LikeOfCase(
            row["content"],
            row["person"],
            LikeVerdict(row["verdict"]) if row["verdict"] else None,
            row["is_suspect"],
            tuple(row["families"] or ()),
            tuple(row["rules"] or ()),
            row["stage"],
        )
        for row in await conn.fetch(_LIST_LIKES_OF_CASE, case.case_id)
    ]


async def _count_verdicts(conn: Connection, case: Case) -> dict[str, int]:
    rows = await conn.fetch(_COUNT_VERDICTS_OF_CASE, case.case_id)
    return count_verdicts({row["verdict"]: row["likes"] for row in rows})


def _sum_states(days: Sequence[Mapping[str, int]]) -> dict[str, int]:
    totals: Counter[str] = Counter()
    for counts in days:
        totals.update(counts)
    return {state: change for state, change in sorted(totals.items()) if change}
