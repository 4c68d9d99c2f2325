"""Stored observations: choose the batches of a pass, read their bytes.

A pass reads a bounded number of likes. It is chosen by the time of the events, never by arrival.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import asyncpg

from campaigns.judging.errors import JudgingRefused
from sql import Connection, query, rows_affected

INTERIM_LIKES_MAX = 100_000  # unjudged likes of an interim pass
CONTEXT_LIKES_MAX = 50_000  # likes read before them, and as many after them
CLOSING_LIKES_MAX = 4_000_000  # likes of a closing pass: about 3 GB in the process that judges them
LOOK_BACK = timedelta(days=7)  # how far from the unjudged events an interim pass reads
_ROWS_MAX = 20_000
_READ_ROWS = 2_000

_LIST_UNJUDGED_OBSERVATIONS = query("list_unjudged_observations")
_LIST_OBSERVATIONS_BEFORE = query("list_observations_before")
_LIST_OBSERVATIONS_AFTER = query("list_observations_after")
_READ_PACKED_OBSERVATIONS = query("read_packed_observations")
_READ_OBSERVATIONS_OF_EVENTS = query("read_observations_of_events")
_COUNT_OBSERVATIONS_OF_EVENTS = query("count_observations_of_events")
_MARK_JUDGED = query("mark_judged")


class BatchKey(NamedTuple):
    """The key of a batch's row of observations."""

    batch_id: int
    bucket: int
    recorded_at: datetime


class ObservedBatch(NamedTuple):
    """A row of observations without its bytes."""

    key: BatchKey
    first_at: datetime
    last_at: datetime
    likes: int


class ClosingRead(NamedTuple):
    """What a closing pass reads; `unjudged` are the rows that no pass has judged before."""

    packed: list[bytes]
    unjudged: list[BatchKey]
    likes: int
    unjudged_likes: int


def choose_unjudged(batches: Sequence[ObservedBatch], likes_max: int, span: timedelta) -> list[ObservedBatch]:
    """Return the unjudged batches of one pass, at least one: neighbours in the time of their events. Pure.

    The pass begins with the earliest event and ends `span` later, or with `likes_max` likes.
    """
    ordered = sorted(batches, key=lambda batch: (batch.first_at, batch.key))
    return _within(
        [batch for batch in ordered if batch.first_at - ordered[0].first_at <= span],
        likes_max,
    )


def _within(batches: Sequence[ObservedBatch], likes_max: int) -> list[ObservedBatch]:
    """Return the first batches with at most `likes_max` likes together, at least one. Pure."""
    chosen: list[ObservedBatch] = []
    likes = 0
    for batch in batches:
        likes += batch.likes
        if chosen and likes > likes_max:
            break
        chosen.append(batch)
    return chosen


async def list_unjudged(conn: Connection, campaign_id: int) -> list[ObservedBatch]:
    """Return the unjudged batches of one interim pass; empty if all are judged."""
    rows = await conn.fetch(_LIST_UNJUDGED_OBSERVATIONS, campaign_id, _ROWS_MAX)
    return choose_unjudged([_batch(row) for row in rows], INTERIM_LIKES_MAX, LOOK_BACK)


async def list_context(conn: Connection, campaign_id: int, batches: Sequence[ObservedBatch]) -> list[ObservedBatch]:
    """Return the batches around those of a pass, nearest first, within the limits of a pass."""
    chosen = {batch.key for batch in batches}
    first, last = min(batch.first_at for batch in batches), max(batch.last_at for batch in batches)
    bounds = (_LIST_OBSERVATIONS_BEFORE, first - LOOK_BACK, last), (_LIST_OBSERVATIONS_AFTER, last, last + LOOK_BACK)
    context: list[ObservedBatch] = []
    for text, start, end in bounds:
        rows = await conn.fetch(text, campaign_id, start, end, _ROWS_MAX)
        near = [batch for batch in map(_batch, rows) if batch.key not in chosen]
        context += _within(near, CONTEXT_LIKES_MAX)
    return context


async def read_packed(conn: Connection, batches: Sequence[ObservedBatch]) -> list[bytes]:
    """Return the bytes of batches, in any order."""
    packed: list[bytes] = []
    for first in range(0, len(batches), _READ_ROWS):
        columns = zip(*(batch.key for batch in batches[first : first + _READ_ROWS]), strict=True)
        packed += [row["packed"] for row in await conn.fetch(_READ_PACKED_OBSERVATIONS, *columns)]
    return packed


async def read_closing(
    conn: Connection, campaign_id: int, starts: Sequence[datetime], before: datetime
) -> tuple[datetime, ClosingRead]:
    """Return the observations with an event before a moment, and the moment they are read from.

    `starts` are moments to read from, the earliest first: the first that is within the limit of
    likes. Raises JudgingRefused if none is. Joins the caller's transaction.
    """
    for start in starts:
        if await conn.fetchval(_COUNT_OBSERVATIONS_OF_EVENTS, campaign_id, start, before) <= CLOSING_LIKES_MAX:
            return start, await _read_events(conn, campaign_id, start, before)
    raise JudgingRefused("judging_too_large", likes_number=CLOSING_LIKES_MAX)


async def _read_events(conn: Connection, campaign_id: int, start: datetime, before: datetime) -> ClosingRead:
    packed: list[bytes] = []
    unjudged: list[BatchKey] = []
    likes = unjudged_likes = 0
    bounds = campaign_id, start, before
    async for row in conn.cursor(_READ_OBSERVATIONS_OF_EVENTS, *bounds, prefetch=_READ_ROWS):
        packed.append(row["packed"])
        likes += row["likes"]
        if row["is_unjudged"]:
            unjudged.append(BatchKey(row["batch_id"], row["bucket"], row["recorded_at"]))
            unjudged_likes += row["likes"]
    return ClosingRead(packed, unjudged, likes, unjudged_likes)


async def mark_judged(conn: Connection, keys: Sequence[BatchKey]) -> int:
    """Mark observations judged; return how many were not before. Joins the caller's transaction."""
    ordered, marked = sorted(keys), 0
    for first in range(0, len(keys), _READ_ROWS):
        columns = zip(*ordered[first : first + _READ_ROWS], strict=True)
        marked += rows_affected(await conn.execute(_MARK_JUDGED, *columns))
    return marked


def _batch(row: asyncpg.Record) -> ObservedBatch:
    key = BatchKey(row["batch_id"], row["bucket"], row["recorded_at"])
    return ObservedBatch(key, row["first_at"], row["last_at"], row["likes"])
