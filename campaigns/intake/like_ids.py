"""Likes that a platform takes back by their own id, in any order of arrival.

An id once taken back never counts again. The ids are stored as keyed hashes, before the likes: who
comes second sees the other.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from hashlib import blake2b

from campaigns.catalogue.cache import Catalogue, Platform
from campaigns.intake.kinds.model import PlatformEvent
from sql import Connection, query

_DIGEST_BYTES = 16
UNKNOWN_IDS_MAX = 100_000  # of a platform; beyond them an unlike is ignored
UNKNOWN_IDS_KEPT = timedelta(days=30)

_STORE_LIKE_IDS = query("store_like_ids")
_UNDO_LIKE_IDS = query("undo_like_ids")
_COUNT_UNKNOWN_UNDONE_IDS = query("count_unknown_undone_ids")
_DELETE_OLD_UNDONE_IDS = query("delete_old_undone_ids")


async def resolve_like_ids(
    conn: Connection,
    catalogue: Catalogue,
    platform: Platform,
    key: bytes,
    events: Sequence[PlatformEvent],
    now: datetime,
) -> list[PlatformEvent]:
    """Return the events with a content each: without likes that were taken back, and unknown ids.

    Joins the caller's transaction, which commits before the events are recorded.
    """
    resolved = [event for event in events if event.like_id is None]
    likes = [event for event in events if event.like_id is not None and event.content is not None]
    resolved += await _record(conn, catalogue, platform, key, [e._replace(event_at=e.event_at or now) for e in likes])
    undone = [event for event in events if event.like_id is not None and event.content is None]
    return resolved + await _undo(conn, catalogue, platform, key, undone, now)


async def _record(
    conn: Connection, catalogue: Catalogue, platform: Platform, key: bytes, likes: Sequence[PlatformEvent]
) -> list[PlatformEvent]:
    """Record the ids of likes whose content is enrolled; return the likes that were not taken back."""
    rows = {}
    for like in likes:
        campaign_id = catalogue.enrolments.get(like.content or "")
        if campaign_id is not None:
            campaign = catalogue.campaigns_by_id[campaign_id]
            person = campaign.pseudonymiser(platform.name)(like.person)
            rows[_digest(key, like)] = (campaign_id, like.content, person, like.event_at)
    if not rows:
        return list(likes)
    columns = list(rows), *zip(*rows.values(), strict=True)
    recorded = await conn.fetch(_STORE_LIKE_IDS, platform.platform_id, *columns)
    undone = {row["digest"] for row in recorded if row["is_undone"]}
    return [like for like in likes if _digest(key, like) not in undone]


async def _undo(
    conn: Connection,
    catalogue: Catalogue,
    platform: Platform,
    key: bytes,
    unlikes: Sequence[PlatformEvent],
    now: datetime,
) -> list[PlatformEvent]:
    """Take ids back; return an unlike for each that names a like of the same person."""
    by_digest = {_digest(key, unlike): unlike for unlike in unlikes}
    if not by_digest:
        return []
    await conn.execute(_DELETE_OLD_UNDONE_IDS, now - UNKNOWN_IDS_KEPT)
    unknown_ids = await conn.fetchval(_COUNT_UNKNOWN_UNDONE_IDS, platform.platform_id)
    by_digest = dict(list(by_digest.items())[: max(0, UNKNOWN_IDS_MAX - unknown_ids)])
    events = []
    for row in await conn.fetch(_UNDO_LIKE_IDS, platform.platform_id, list(by_digest)):
        unlike, campaign = by_digest[row["digest"]], catalogue.campaigns_by_id.get(row["campaign_id"])
        if campaign and campaign.pseudonymiser(platform.name)(unlike.person) == row["person"]:
            events.append(unlike._replace(content=row["content"], event_at=max(now, row["event_at"])))
    return events


def _digest(key: bytes, event: PlatformEvent) -> bytes:
    return blake2b((event.like_id or "").encode(), key=key, person=b"like id", digest_size=_DIGEST_BYTES).digest()
