"""T1: one transaction records the likes of many deliveries. Claim, decide, write; then, and only then, answer.

Every like is inserted first; one that was there already waits for whoever brought it, and is decided by what is
known then. Locks are taken in one order (campaigns by id; within one new likes, the persons' days, known likes, each
sorted), so that transactions never wait in a circle. If a known like was changed between reading and writing, the
whole is rolled back and done again, alone.
"""

import secrets
from collections.abc import Iterable, Sequence
from datetime import date
from typing import NamedTuple

import asyncpg
import orjson

from campaigns.catalogue.cache import Campaign
from campaigns.intake.batch_tree import BatchLike, Tree, build_tree
from campaigns.intake.decide import (
    ChangesByLike,
    Decision,
    LikeKey,
    LikeTransition,
    QuotaUse,
    Tallies,
    allocate_quota,
    decide_likes,
    group_by_like,
    mark_over_limit,
    quota_use_by_person_day,
    tally_by_day,
)
from campaigns.intake.like_state import Like, LikeChange, LikeState, Outcome
from sql import Connection, query

BUCKET = 0  # one bucket on one PostgreSQL; a batch never spans two (design, section 9)
NONCE_KEY_BYTES = 32
SEPARATOR = "\x1f"  # of contents, which hold no control characters

_FIND_LIKES = query("find_likes")
_CLAIM_LIKES = query("claim_likes")
_MARK_OVER_LIMIT = query("mark_over_limit")
_UPDATE_LIKES = query("update_likes")
_ADD_TO_PERSON_DAYS = query("add_to_person_days")
_SUBTRACT_FROM_PERSON_DAYS = query("subtract_from_person_days")
_PROMOTE_LIKES = query("promote_likes")
_INSERT_BATCH = query("insert_batch")
_STATES = {state.value: state for state in LikeState}


class ConcurrentUpdate(Exception):
    """Another transaction changed what this one had read: roll back and do it again."""


class Batch(NamedTuple):
    """One campaign's part of a transaction."""

    batch_id: int
    campaign: Campaign
    like_changes: Sequence[tuple[LikeKey, LikeChange]]
    refusal_counts: dict[str, int]  # likes refused before the table, by outcome
    day: date  # the campaign day now: where refusals are counted


class BatchResult(NamedTuple):
    """What became of a batch: an outcome for each arrival; the rest is for receipts."""

    outcomes: list[Outcome]
    nonce_key: bytes
    counted_positions: dict[LikeKey, int]  # likes that the batch made count, and their places in it


async def write_batch(conn: Connection, batch: Batch) -> BatchResult:
    """Record one campaign's batch; joins the caller's transaction. Raises Raced."""
    arrivals = group_by_like(batch.like_changes)
    keys = sorted(arrivals)
    decision = await _claim_likes(conn, batch, arrivals, keys)
    promotions = await _apply_limits(conn, batch, arrivals, decision)
    await _mark_over_limit(conn, batch, decision)
    await _update_likes(conn, batch, decision, keys)
    promoted = await _promote_likes(conn, batch, promotions, len(keys))
    changes = decision.transitions
    counted = {key: place for place, key in enumerate(keys) if key in changes and _starts_counting(changes[key])}
    nonce_key = secrets.token_bytes(NONCE_KEY_BYTES)
    tree = build_tree(nonce_key, _batch_likes(decision, counted, promoted))
    tallies = tally_by_day([*changes.values(), *map(_promotion_transition, promoted)], decision.duplicates.values())
    await _insert_batch(conn, batch, nonce_key, tree, tallies)
    return BatchResult(decision.outcomes, nonce_key, counted)


def _batch_likes(
    decision: Decision, counted_positions: dict[LikeKey, int], promoted_rows: list[asyncpg.Record]
) -> list[BatchLike]:
    changes = decision.transitions
    leaves = [
        BatchLike(place, key[1], key[0], changes[key].after.event_us) for key, place in counted_positions.items()
    ]
    return leaves + [BatchLike(r["position"], r["person"], r["content"], r["event_us"]) for r in promoted_rows]


def _starts_counting(transition: LikeTransition) -> bool:
    """Tell whether the batch made the like count: it did not, or on another day, before."""
    before, after = transition
    if after.state is not LikeState.COUNTED:
        return False
    return before is None or before.state is not LikeState.COUNTED or before.day != after.day


async def _claim_likes(
    conn: Connection, batch: Batch, changes_by_like: ChangesByLike, keys: list[LikeKey]
) -> Decision:
    """Insert every like as if it were new; those that were not are read, and decided again by what is known.

    The insertion waits for transactions that brought the same likes, so what is read afterwards is settled.
    """
    decision = Decision([Outcome.INVALID] * len(batch.like_changes))
    times_matter = not batch.campaign.keeps_likes
    decide_likes(decision, changes_by_like, dict.fromkeys(keys), times_matter=times_matter)
    claimed = await _insert_likes(conn, batch, [decision.transitions[key].after for key in keys], keys)
    if len(claimed) < len(keys):
        mine = set(claimed)
        lost = [key for place, key in enumerate(keys) if place not in mine]
        decide_likes(
            decision, changes_by_like, await _read_stored_likes(conn, batch, lost), times_matter=times_matter
        )
    return decision


async def _insert_likes(conn: Connection, batch: Batch, likes: Sequence[Like], keys: Sequence[LikeKey]) -> list[int]:
    """Return the places of the likes that were new."""
    claimed: list[int] = await conn.fetchval(
        _CLAIM_LIKES,
        batch.batch_id,
        batch.campaign.campaign_id,
        BUCKET,
        _array_literal([like.event_us for like in likes]),
        _array_literal([like.day.toordinal() if like.day else 0 for like in likes]),
        _array_literal([like.state for like in likes]),
        b"".join([key[1] for key in keys]),
        SEPARATOR.join([key[0] for key in keys]),
    )
    return claimed


def _array_literal(values: Iterable[object]) -> str:
    """Write an array as PostgreSQL reads it: asyncpg would look at each element several times."""
    return "{" + ",".join(map(str, values)) + "}"


async def _read_stored_likes(conn: Connection, batch: Batch, keys: Sequence[LikeKey]) -> dict[LikeKey, Like | None]:
    contents, persons = [key[0] for key in keys], [key[1] for key in keys]
    rows = await conn.fetch(_FIND_LIKES, batch.campaign.campaign_id, contents, persons, BUCKET)
    if len(rows) != len(keys):
        raise ConcurrentUpdate
    return {keys[place - 1]: Like(_STATES[state], event_us, day) for place, state, event_us, day in rows}


async def _apply_limits(
    conn: Connection, batch: Batch, changes_by_like: ChangesByLike, decision: Decision
) -> list[tuple[bytes, date, int]]:
    """Give out the persons' places of the day; return where older likes move up, and how many."""
    if not batch.campaign.has_limits:
        return []
    limited = quota_use_by_person_day(decision.transitions, batch.campaign.limit_on)
    if not limited:
        return []
    live = await _update_person_days(conn, batch, limited)
    over: list[LikeKey] = []
    promotions = []
    for (person, day), place in sorted(limited.items()):
        allotment = allocate_quota(place, live[person, day], batch.campaign.limit_on(day) or 0)
        over += allotment.over_limit_keys
        if allotment.promoted_count:
            promotions.append((person, day, allotment.promoted_count))
    mark_over_limit(decision, changes_by_like, over)
    return promotions


async def _update_person_days(
    conn: Connection, batch: Batch, quota_uses: dict[tuple[bytes, date], QuotaUse]
) -> dict[tuple[bytes, date], int]:
    rows = [(person, day, quota_uses[person, day].live_delta) for person, day in sorted(quota_uses)]
    columns = list(zip(*rows, strict=True))
    moved = await conn.fetch(_ADD_TO_PERSON_DAYS, batch.campaign.campaign_id, BUCKET, *columns)
    if any(moves_by < 0 for _, _, moves_by in rows):
        moved += await conn.fetch(_SUBTRACT_FROM_PERSON_DAYS, batch.campaign.campaign_id, BUCKET, *columns)
    return {(person, day): live for person, day, live in moved}


async def _mark_over_limit(conn: Connection, batch: Batch, decision: Decision) -> None:
    """New likes were inserted as if they counted: say of those over the limit that they do not."""
    over = [
        k
        for k, (before, after) in decision.transitions.items()
        if before is None and after.state is LikeState.OVER_LIMIT
    ]
    if over:
        columns = zip(*sorted(over), strict=True)
        await conn.execute(_MARK_OVER_LIMIT, batch.campaign.campaign_id, BUCKET, *columns)


async def _update_likes(conn: Connection, batch: Batch, decision: Decision, keys: list[LikeKey]) -> None:
    """Write known likes that changed, each only if it still is what was decided upon."""
    known = [(place, key, decision.transitions[key]) for place, key in enumerate(keys) if key in decision.transitions]
    rows = [
        (*key, before.event_us, before.state, after.event_us, after.day, after.state, place, _starts_counting(change))
        for place, key, change in known
        for before, after in [change]
        if before is not None
    ]
    if rows:
        columns = zip(*rows, strict=True)
        status = await conn.execute(_UPDATE_LIKES, batch.batch_id, batch.campaign.campaign_id, BUCKET, *columns)
        _require_row_count(status, len(rows))


def _require_row_count(status: str, row_count: int) -> None:
    if int(status.rsplit(" ", 1)[1]) != row_count:
        raise ConcurrentUpdate


async def _promote_likes(
    conn: Connection, batch: Batch, promotions: list[tuple[bytes, date, int]], first_position: int
) -> list[asyncpg.Record]:
    if not promotions:
        return []
    columns = zip(*promotions, strict=True)
    campaign_id = batch.campaign.campaign_id
    rows = await conn.fetch(_PROMOTE_LIKES, batch.batch_id, campaign_id, BUCKET, first_position, *columns)
    if len(rows) != sum(count for _, _, count in promotions):
        raise ConcurrentUpdate
    return sorted(rows, key=lambda row: row["position"])


def _promotion_transition(row: asyncpg.Record) -> LikeTransition:
    before = Like(LikeState.OVER_LIMIT, row["event_us"], row["day"])
    return LikeTransition(before, before._replace(state=LikeState.COUNTED))


async def _insert_batch(conn: Connection, batch: Batch, nonce_key: bytes, tree: Tree, tallies: Tallies) -> None:
    shown = {"days": tallies, "refused": {batch.day: batch.refusal_counts} if batch.refusal_counts else {}}
    await conn.execute(
        _INSERT_BATCH,
        batch.batch_id,
        batch.campaign.campaign_id,
        BUCKET,
        tree.root,
        nonce_key,
        tree.positions,
        tree.leaves,
        orjson.dumps(shown, option=orjson.OPT_NON_STR_KEYS).decode(),
    )
