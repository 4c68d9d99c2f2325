"""What is stored of the likes that a pass concerns: day, verdict and case."""

from collections.abc import Iterable
from typing import NamedTuple

import asyncpg

from campaigns.authenticity.engine import LikeKey
from campaigns.catalogue.cache import Campaign
from campaigns.intake.like_state import LikeVerdict
from campaigns.judging.verdict_plan import StoredLike
from sql import Connection, query

_CHUNK = 10_000
_READ_STORED_LIKES = query("read_stored_likes")


class LikeInCase(NamedTuple):
    """The case of a like."""

    case_id: str
    is_open: bool
    is_counting: bool


class StoredLikes(NamedTuple):
    """The likes of a pass that are stored, and the cases of those that have one."""

    likes: dict[LikeKey, StoredLike]
    cases: dict[LikeKey, LikeInCase]

    def is_in_held_case(self, key: LikeKey) -> bool:
        """Return whether a like is in an open case of held likes."""
        case = self.cases.get(key)
        return case is not None and case.is_open and not case.is_counting


async def read_stored_likes(conn: Connection, campaign: Campaign, keys: Iterable[LikeKey]) -> StoredLikes:
    """Return what is stored of likes. Joins the caller's transaction."""
    stored = StoredLikes({}, {})
    ordered = sorted(set(keys), key=lambda key: (key[1], key[0]))
    for first in range(0, len(ordered), _CHUNK):
        part = ordered[first : first + _CHUNK]
        columns = [content for _, content in part], [person for person, _ in part]
        for row in await conn.fetch(_READ_STORED_LIKES, campaign.campaign_id, *columns):
            key = part[row["position"] - 1]
            stored.likes[key] = _stored_like(row)
            if row["case_id"] is not None:
                stored.cases[key] = LikeInCase(row["case_id"], row["is_case_open"], row["is_counting"])
    return stored


def _stored_like(row: asyncpg.Record) -> StoredLike:
    verdict = LikeVerdict(row["verdict"]) if row["verdict"] else None
    families, rules = tuple(row["families"] or ()), tuple(row["rules"] or ())
    return StoredLike(row["day"], verdict, row["is_suspect"], families, rules, row["ruleset"] or 0)
