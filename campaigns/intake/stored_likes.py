"""Likes as rows: read into the state machine's form, and updated if nobody else changed them."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from campaigns.intake.claim import BUCKET, ConcurrentUpdate
from campaigns.intake.decide import LikeTransition
from campaigns.intake.like_key import LikeKey, content_of, person_of
from campaigns.intake.like_state import Like, LikeState, LikeVerdict
from sql import Connection, query, rows_affected

_UPDATE_LIKES = query("update_likes")


async def update_likes(
    conn: Connection,
    batch_id: int,
    campaign_id: int,
    transitions: Mapping[LikeKey, LikeTransition],
    leaf_positions: Mapping[LikeKey, int],
) -> None:
    """Update the stored likes of the transitions; those that get their leaf join the batch.

    Locks them in the order of their keys. Raises ConcurrentUpdate if one no longer equals the row
    that its transition starts from. Joins the caller's transaction.
    """
    rows = [
        (content_of(key), person_of(key), *_old_columns(before), *_new_columns(after), leaf_positions.get(key))
        for key, (before, after) in sorted(transitions.items())
        if before is not None
    ]
    if rows:
        status = await conn.execute(_UPDATE_LIKES, batch_id, campaign_id, BUCKET, *zip(*rows, strict=True))
        if rows_affected(status) != len(rows):
            raise ConcurrentUpdate


def _old_columns(like: Like) -> tuple[Any, ...]:
    return like.event_us, like.day, like.latest_us, like.state, like.is_suspect, like.is_low_quality, like.verdict


def _new_columns(
    like: Like,
) -> tuple[int, date | None, LikeState, int, bool, bool, LikeVerdict | None]:
    return (
        like.event_us,
        like.day,
        like.state,
        like.latest_us,
        like.is_suspect,
        like.is_low_quality,
        like.verdict,
    )
