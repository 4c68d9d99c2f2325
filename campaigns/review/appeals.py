"""Appeals: a platform asks, for a person, that a verdict be looked at again, once for each verdict."""

import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, NamedTuple

from typing_extensions import TypedDict

from campaigns.catalogue.cache import Campaign, Catalogue, Platform
from campaigns.intake.claim import BUCKET
from campaigns.intake.like_state import LikeState, LikeVerdict
from campaigns.review.asked_likes import AppealedLike, FoundLike, find_likes
from campaigns.review.errors import ReviewRefused
from campaigns.review.status import appeal_until, list_rows
from sql import Connection, query

_ID_BYTES = 10

_ADD_APPEALS = query("add_appeals")
_COUNT_APPEALS = query("count_appeals")
_LIST_APPEALS_OF_VERDICTS = query("list_appeals_of_verdicts")
_LIST_REPEATED_APPEALS = query("list_repeated_appeals")


class AppealResult(TypedDict):
    """The appeal about one like, or why there is none; `outcome` is null while it is open."""

    index: int
    appeal: str | None
    outcome: Literal["upheld", "rejected"] | None
    refusal: ReviewRefused | None


class _Appeal(NamedTuple):
    like: FoundLike
    verdict_at: datetime
    message: str


async def open_appeals(
    conn: Connection, likes: Sequence[AppealedLike], platform: Platform, catalogue: Catalogue, now: datetime
) -> list[AppealResult]:
    """Open an appeal for each like whose verdict can be appealed; a repeat returns the first appeal.

    A like without such a verdict gets a refusal, and the others go on. Joins the caller's transaction.
    """
    unknown = ReviewRefused("appeal_like_unknown")
    results = [AppealResult(index=n, appeal=None, outcome=None, refusal=unknown) for n in range(len(likes))]
    for _, (campaign, members) in sorted(find_likes(likes, platform.name, catalogue).items()):
        messages = {member.number: likes[member.number]["message"] for member in members}
        rows = await list_rows(conn, campaign, members)
        appeals: list[_Appeal] = []
        refused: list[FoundLike] = []
        for row in rows:
            member = members[row["number"] - 1]
            refusal = check_appeal(row, campaign, now)
            results[member.number]["refusal"] = refusal
            if refusal is None:
                appeals.append(_Appeal(member, row["decided_at"], messages[member.number]))
            else:
                refused.append(member)
        stored = await _store(conn, campaign, platform, appeals, now)
        for result in [*stored, *await _find_repeated(conn, campaign, refused, messages)]:
            results[result["index"]] = result
    return results


async def count_appeals(conn: Connection) -> dict[str, int]:
    """Return the number of appeals that were opened, upheld and rejected."""
    return dict(await conn.fetchrow(_COUNT_APPEALS) or {})


def check_appeal(row: Any, campaign: Campaign, now: datetime) -> ReviewRefused | None:
    """Return why a stored like cannot be appealed now; None if it can. Pure."""
    if campaign.closed_at is not None:
        return ReviewRefused("appeal_campaign_closed", slug=campaign.slug)
    if row["verdict"] is None and row["state"] == LikeState.QUARANTINED:
        return ReviewRefused("appeal_before_verdict")
    verdict = None if row["verdict"] is None else LikeVerdict(row["verdict"])
    until = appeal_until(verdict, row["decided_at"], campaign.authenticity.appeal_days)
    if until is None:
        return ReviewRefused("appeal_without_verdict")
    return ReviewRefused("appeal_too_late", until=until.isoformat()) if now > until else None


async def _store(
    conn: Connection, campaign: Campaign, platform: Platform, appeals: Sequence[_Appeal], now: datetime
) -> list[AppealResult]:
    keys = [(appeal.like.content, appeal.like.person, appeal.verdict_at) for appeal in appeals]
    contents, persons, verdict_times = ([key[n] for key in keys] for n in range(3))
    ids, messages = [_new_id() for _ in appeals], [appeal.message for appeal in appeals]
    key = campaign.campaign_id, BUCKET
    await conn.execute(_ADD_APPEALS, *key, platform.platform_id, now, ids, contents, persons, verdict_times, messages)
    rows = await conn.fetch(_LIST_APPEALS_OF_VERDICTS, *key, contents, persons, verdict_times)
    return [
        AppealResult(
            index=appeals[row["number"] - 1].like.number,
            appeal=row["appeal_id"],
            outcome=row["outcome"],
            refusal=None,
        )
        for row in rows
    ]


async def _find_repeated(
    conn: Connection, campaign: Campaign, likes: Sequence[FoundLike], messages: Mapping[int, str]
) -> list[AppealResult]:
    """Return the appeals that came before with the same message: a repeat gets them, whatever became of them."""
    columns = [like.content for like in likes], [like.person for like in likes], [messages[n.number] for n in likes]
    rows = await conn.fetch(_LIST_REPEATED_APPEALS, campaign.campaign_id, BUCKET, *columns)
    return [
        AppealResult(
            index=likes[row["number"] - 1].number, appeal=row["appeal_id"], outcome=row["outcome"], refusal=None
        )
        for row in rows
    ]


def _new_id() -> str:
    return f"apl_{secrets.token_hex(_ID_BYTES)}"
