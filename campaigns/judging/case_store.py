"""The cases of a campaign in the database: read the open ones, store what a plan changes."""

import json
from collections.abc import Sequence
from datetime import date, datetime, timedelta

from campaigns.authenticity.engine import LikeKey
from campaigns.catalogue.cache import Campaign
from campaigns.judging.case_plan import CaseChange, CaseKind, OpenCase
from sql import Connection, query

RULES = "rules"  # the author of steps that no person took
_CHUNK = 10_000

_LIST_CASE_PEOPLE = query("list_case_people")
_LIST_COUNTING_LIKES = query("list_counting_likes")
_ADD_CASES = query("add_cases")
_UPDATE_CASE_EVIDENCE = query("update_case_evidence")
_PUT_LIKES_INTO_CASES = query("put_likes_into_cases")
_TAKE_LIKES_OUT_OF_CASES = query("take_likes_out_of_cases")
_CLOSE_EMPTY_CASES = query("close_empty_cases")
_ADD_RULE_STEPS = query("add_rule_steps")


async def read_open_cases(conn: Connection, campaign: Campaign) -> list[OpenCase]:
    """Return the open cases of a campaign with their people."""
    return [
        OpenCase(row["case_id"], CaseKind(row["is_counting"], row["is_breaker"]), frozenset(row["people"]))
        for row in await conn.fetch(_LIST_CASE_PEOPLE, campaign.campaign_id)
    ]


async def store_cases(
    conn: Connection, campaign: Campaign, ruleset: int, changes: Sequence[CaseChange], now: datetime
) -> int:
    """Open cases and put likes into them; return the number of new cases.

    Joins the caller's transaction, which holds the campaign's lock.
    """
    opened = [change for change in changes if change.is_new]
    if opened:
        due_at = now + timedelta(days=campaign.authenticity.review_days)
        rows = [(c.case_id, c.rule, c.family, c.kind.is_counting, c.kind.is_breaker, _evidence(c)) for c in opened]
        await conn.execute(_ADD_CASES, campaign.campaign_id, ruleset, now, due_at, *zip(*rows, strict=True))
    newer = [(change.case_id, _evidence(change)) for change in changes if change.evidence and not change.is_new]
    if newer:
        await conn.execute(_UPDATE_CASE_EVIDENCE, *zip(*newer, strict=True))
    likes = [(content, person, change.case_id) for change in changes for person, content in change.likes]
    left: set[str] = set()
    for first in range(0, len(likes), _CHUNK):
        columns = zip(*likes[first : first + _CHUNK], strict=True)
        left |= {row["case_id"] for row in await conn.fetch(_PUT_LIKES_INTO_CASES, campaign.campaign_id, *columns)}
    await conn.fetch(_CLOSE_EMPTY_CASES, sorted(left), now)
    return len(opened)


async def clear_cases(conn: Connection, campaign: Campaign, likes: Sequence[LikeKey], now: datetime) -> None:
    """Take likes that the rules do not find any more out of their open cases; close the empty ones.

    Joins the caller's transaction, which holds the campaign's lock.
    """
    left: dict[str, int] = {}
    for first in range(0, len(likes), _CHUNK):
        part = likes[first : first + _CHUNK]
        columns = [content for _, content in part], [person for person, _ in part]
        for row in await conn.fetch(_TAKE_LIKES_OUT_OF_CASES, campaign.campaign_id, *columns):
            left[row["case_id"]] = left.get(row["case_id"], 0) + row["likes"]
    if left:
        ids = sorted(left)
        await conn.execute(_ADD_RULE_STEPS, "clear", RULES, now, ids, [left[case_id] for case_id in ids])
        await conn.fetch(_CLOSE_EMPTY_CASES, ids, now)


async def list_counting_likes(conn: Connection, campaign: Campaign, after: date) -> list[LikeKey]:
    """Return the likes after a day that count while their open case waits for people."""
    rows = await conn.fetch(_LIST_COUNTING_LIKES, campaign.campaign_id, after)
    return [(row["person"], row["content"]) for row in rows]


def _evidence(change: CaseChange) -> str:
    return json.dumps(dict(sorted(change.evidence.items())), separators=(",", ":"))
