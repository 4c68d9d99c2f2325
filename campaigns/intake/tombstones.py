"""Tombstones: what stays of an erased person's likes, so that one that arrives again counts nothing.

A tombstone is a hash of (content, pseudonym) under a key of its own. No row of it can be joined to
a like. It is deleted when its campaign closes.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from datetime import date

from campaigns.catalogue.cache import Campaign
from campaigns.catalogue.pseudonyms import like_tombstone
from campaigns.intake.decide import ChangesByLike, Decision
from campaigns.intake.like_key import LikeKey, content_of, like_key, person_of
from campaigns.intake.like_state import Outcome
from sql import Connection, query

_LIST_PERSON_CONTENTS = query("list_person_contents")
_INSERT_TOMBSTONES = query("insert_tombstones")
_FIND_TOMBSTONES = query("find_tombstones")


async def insert_tombstones(conn: Connection, campaign: Campaign, pseudonym: bytes, bucket: int) -> None:
    """Store a tombstone for each like of a person. Joins the caller's transaction."""
    rows = await conn.fetch(_LIST_PERSON_CONTENTS, campaign.campaign_id, pseudonym)
    digests = _tombstones(campaign, [like_key(row["content"], pseudonym) for row in rows])
    await conn.execute(_INSERT_TOMBSTONES, campaign.campaign_id, bucket, digests)


async def find_erased_likes(
    conn: Connection, campaign: Campaign, keys: Sequence[LikeKey], bucket: int
) -> frozenset[LikeKey]:
    """Return the likes that have a tombstone; asks the database only if the campaign has any."""
    if not (campaign.has_tombstones and keys):
        return frozenset()
    rows = await conn.fetch(_FIND_TOMBSTONES, campaign.campaign_id, bucket, _tombstones(campaign, keys))
    return frozenset(keys[row["position"] - 1] for row in rows)


def _tombstones(campaign: Campaign, keys: Iterable[LikeKey]) -> list[bytes]:
    return [like_tombstone(campaign.tombstone_key, content_of(key), person_of(key)) for key in keys]


def decide_erased(changes_by_like: ChangesByLike, erased: Collection[LikeKey]) -> Decision:
    """Return the decision about likes that have a tombstone: every event is a duplicate. Pure.

    The waterfall counts a repeated like, as it did before the erasure. Nothing else changes.
    """
    outcomes: dict[int, Outcome] = {}
    duplicates: dict[LikeKey, Counter[date]] = {}
    for key in erased:
        outcomes |= {position: Outcome.DUPLICATE for position, _ in changes_by_like[key]}
        duplicates[key] = Counter(change.day for _, change in changes_by_like[key] if change.is_like)
    return Decision(outcomes, {}, duplicates)
