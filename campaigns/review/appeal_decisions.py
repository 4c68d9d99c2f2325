"""Decide an appeal: uphold it, so that the like counts again, or reject it.

lock campaign → lock appeal → check → apply verdict → store outcome
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal, NamedTuple

from campaigns.catalogue.cache import Campaign
from campaigns.errors import CampaignClosed, NotFound, printable
from campaigns.intake.like_state import LikeVerdict
from campaigns.intake.verdict_change import VerdictChange, VerdictSource
from campaigns.intake.verdicts import apply_verdicts
from campaigns.review.cases import read_due_today
from campaigns.review.decision_plan import APPEAL
from campaigns.review.decisions import Reviewer
from campaigns.review.errors import ReviewRefused
from campaigns.review.status import APPEALABLE
from ledger.person_names import is_same_person
from sql import Connection, query

Outcome = Literal["upheld", "rejected"]

_DECIDE_APPEAL = query("decide_appeal")
_FIND_APPEAL_CAMPAIGN = query("find_appeal_campaign")
_LIST_DECIDERS_OF_APPEAL = query("list_deciders_of_appeal")
_LOCK_APPEAL = query("lock_appeal")
_LOCK_CAMPAIGN = query("lock_campaign")


class DecidedAppeal(NamedTuple):
    """A decision about an appeal: the verdict before and after, and the money that it moves, in minor units."""

    campaign: Campaign
    verdict_before: LikeVerdict | None
    verdict_after: LikeVerdict | None
    due_before_minor: int
    due_after_minor: int
    approval_reason: str | None  # why a second person must agree


async def decide_appeal(
    conn: Connection,
    campaigns: Mapping[str, Campaign],
    appeal_id: str,
    outcome: Outcome,
    reviewer: Reviewer,
    *,
    reason: str,
    now: datetime,
) -> DecidedAppeal:
    """Decide an open appeal and return what changed.

    An upheld appeal releases the like, unless it is released already. Raises NotFound,
    CampaignClosed or ReviewRefused. Joins the caller's transaction.
    """
    campaign, appeal = await _lock_appeal(conn, campaigns, appeal_id)
    await _check(conn, campaign, appeal, reviewer)
    before = None if appeal["verdict"] is None else LikeVerdict(appeal["verdict"])
    is_restored = outcome == "upheld" and before in APPEALABLE
    today = await read_due_today(conn, campaign)
    counted = await _release(conn, campaign, appeal, now) if is_restored else {}
    await conn.execute(_DECIDE_APPEAL, appeal_id, outcome, reviewer.name, reviewer.approver, now, reason)
    return DecidedAppeal(
        campaign,
        before,
        LikeVerdict.RELEASED if is_restored else before,
        today.due_with({}),
        today.due_with(counted),
        "void likes count again" if is_restored and before is LikeVerdict.VOID else None,
    )


async def _lock_appeal(conn: Connection, campaigns: Mapping[str, Campaign], appeal_id: str) -> tuple[Campaign, Any]:
    slug = await conn.fetchval(_FIND_APPEAL_CAMPAIGN, appeal_id) if "\0" not in appeal_id else None
    campaign = campaigns.get(slug or "")
    if campaign is None:
        raise NotFound("appeal_not_found", appeal=printable(appeal_id))
    await conn.fetchval(_LOCK_CAMPAIGN, campaign.campaign_id)
    return campaign, await conn.fetchrow(_LOCK_APPEAL, appeal_id)


async def _check(conn: Connection, campaign: Campaign, appeal: Any, reviewer: Reviewer) -> None:
    if appeal["outcome"] is not None:
        raise ReviewRefused("appeal_already_decided", appeal=appeal["appeal_id"], outcome=appeal["outcome"])
    if campaign.closed_at is not None:
        raise CampaignClosed(campaign.slug)
    deciders = [row["person"] for row in await conn.fetch(_LIST_DECIDERS_OF_APPEAL, appeal["appeal_id"])]
    for person in reviewer.people:
        if any(decider is not None and is_same_person(person, decider) for decider in deciders):
            raise ReviewRefused("appeal_against_own_decision", appeal=appeal["appeal_id"], name=person)


async def _release(conn: Connection, campaign: Campaign, appeal: Any, now: datetime) -> dict[Any, int]:
    """Release the like; return the change of counted likes by day."""
    change = VerdictChange(
        appeal["content"], appeal["person"], LikeVerdict.RELEASED, tuple(appeal["families"]), tuple(appeal["rules"])
    )
    source = VerdictSource(appeal["ruleset"], APPEAL, "people", now)
    applied = await apply_verdicts(conn, campaign, [change], source)
    return {day: counts.get("counted", 0) for day, counts in applied.moved.items()}
