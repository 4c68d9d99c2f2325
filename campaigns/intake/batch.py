"""T1: one transaction records the likes of many deliveries, then the deliveries are answered.

Every like is inserted first. An insert of a stored like waits for the transaction that stores it,
and is then decided from the stored state. Locks are taken in one order (campaigns by id; within a
campaign new likes, persons' days, stored likes, each sorted), so that transactions never deadlock.
If a stored like changes between read and write, the transaction is rolled back and repeated alone.
"""

import secrets
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import NamedTuple

import asyncpg

from campaigns.batch_tallies import BatchTallies, encode_tallies
from campaigns.catalogue.cache import Campaign
from campaigns.intake.batch_tree import BatchLike, Tree, build_tree
from campaigns.intake.daily_limit import PersonDay, QuotaUse, allocate_quota, mark_over_limit, quota_use_by_person_day
from campaigns.intake.decide import (
    ChangesByLike,
    Decision,
    LikeKey,
    LikeTransition,
    decide_likes,
    group_by_like,
    replace_decisions,
    tally_by_day,
)
from campaigns.intake.like_state import Like, LikeChange, LikeState, Outcome
from campaigns.intake.tombstones import decide_erased, find_erased_likes
from sql import Connection, query, rows_affected

BUCKET = 0  # one bucket on one PostgreSQL; a batch never spans two (design, section 9)
NONCE_KEY_BYTES = 32
SEPARATOR = "\x1f"  # of contents, which contain no control characters

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
    """Another transaction changed a row that this one had read: roll back and repeat."""


class Batch(NamedTuple):
    """One campaign's part of a transaction."""

    batch_id: int
    campaign: Campaign
    like_changes: Sequence[tuple[LikeKey, LikeChange]]
    refusal_counts: dict[str, int]  # likes refused before the table, by outcome
    day: date  # the current campaign day: refusals count on it


class BatchResult(NamedTuple):
    """The result of a batch; key and positions make the receipts."""

    outcomes: Mapping[int, Outcome]  # by the event's position in the batch
    nonce_key: bytes
    counted_positions: dict[LikeKey, int]  # position in the batch of each like that the batch counted


async def write_batch(conn: Connection, batch: Batch) -> BatchResult:
    """Record one campaign's batch. Raises ConcurrentUpdate. Joins the caller's transaction."""
    changes_by_like = group_by_like(batch.like_changes)
    keys = sorted(changes_by_like)
    erased = await find_erased_likes(conn, batch.campaign, keys, BUCKET)
    if erased:
        keys = [key for key in keys if key not in erased]
    decision = await _claim_likes(conn, batch, changes_by_like, keys)
    if erased:
        decision = replace_decisions(decision, erased, decide_erased(changes_by_like, erased))
    decision, promotions = await _apply_limits(conn, batch, changes_by_like, decision)
    await _mark_over_limit(conn, batch, decision)
    await _update_likes(conn, batch, decision, keys)
    promoted_rows = await _promote_likes(conn, batch, promotions, len(keys))
    transitions = decision.transitions
    counted_positions = {
        key: position
        for position, key in enumerate(keys)
        if key in transitions and _starts_counting(transitions[key])
    }
    nonce_key = secrets.token_bytes(NONCE_KEY_BYTES)
    tree = build_tree(nonce_key, _batch_likes(decision, counted_positions, promoted_rows))
    await _insert_batch(conn, batch, nonce_key, tree, _batch_tallies(batch, decision, promoted_rows))
    return BatchResult(decision.outcomes, nonce_key, counted_positions)


def _batch_likes(
    decision: Decision, counted_positions: dict[LikeKey, int], promoted_rows: list[asyncpg.Record]
) -> list[BatchLike]:
    transitions = decision.transitions
    leaves = [
        BatchLike(position, key[1], key[0], transitions[key].after.event_us)
        for key, position in counted_positions.items()
    ]
    return leaves + [BatchLike(r["position"], r["person"], r["content"], r["event_us"]) for r in promoted_rows]


def _batch_tallies(batch: Batch, decision: Decision, promoted_rows: list[asyncpg.Record]) -> BatchTallies:
    transitions = [*decision.transitions.values(), *map(_promotion_transition, promoted_rows)]
    refused = {batch.day: batch.refusal_counts} if batch.refusal_counts else {}
    return BatchTallies(tally_by_day(transitions, decision.duplicates.values()), refused)


def _starts_counting(transition: LikeTransition) -> bool:
    """Tell whether the like counts now, and before did not count or counted on another day."""
    before, after = transition
    if after.state is not LikeState.COUNTED:
        return False
    return before is None or before.state is not LikeState.COUNTED or before.day != after.day


async def _claim_likes(
    conn: Connection, batch: Batch, changes_by_like: ChangesByLike, keys: list[LikeKey]
) -> Decision:
    """Insert every like as if it were new, and decide the stored ones from their stored state.

    The insert waits for
    transactions with the same likes, so the states read afterwards are final.
    """
    times_matter = not batch.campaign.keeps_likes
    decision = decide_likes(changes_by_like, dict.fromkeys(keys), times_matter=times_matter)
    new_positions = set(await _insert_likes(conn, batch, [decision.transitions[key].after for key in keys], keys))
    if len(new_positions) == len(keys):
        return decision
    stored_keys = [key for position, key in enumerate(keys) if position not in new_positions]
    stored_likes = await _read_stored_likes(conn, batch, stored_keys)
    redecision = decide_likes(changes_by_like, stored_likes, times_matter=times_matter)
    return replace_decisions(decision, stored_likes.keys(), redecision)


async def _insert_likes(conn: Connection, batch: Batch, likes: Sequence[Like], keys: Sequence[LikeKey]) -> list[int]:
    """Return the positions of the likes that were new."""
    positions: list[int] = await conn.fetchval(
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
    return positions


def _array_literal(values: Iterable[object]) -> str:
    """Return the text of a PostgreSQL array.

    The driver would encode element by element, several passes each.
    """
    return "{" + ",".join(map(str, values)) + "}"


async def _read_stored_likes(conn: Connection, batch: Batch, keys: Sequence[LikeKey]) -> dict[LikeKey, Like | None]:
    contents, persons = [key[0] for key in keys], [key[1] for key in keys]
    rows = await conn.fetch(_FIND_LIKES, batch.campaign.campaign_id, contents, persons, BUCKET)
    if len(rows) != len(keys):
        raise ConcurrentUpdate
    return {keys[position - 1]: Like(_STATES[state], event_us, day) for position, state, event_us, day in rows}


async def _apply_limits(
    conn: Connection, batch: Batch, changes_by_like: ChangesByLike, decision: Decision
) -> tuple[Decision, list[tuple[bytes, date, int]]]:
    """Return the decision under the daily limits, and the promotions by person and day."""
    if not batch.campaign.has_limits:
        return decision, []
    quota_uses = quota_use_by_person_day(decision.transitions, batch.campaign.limit_on)
    if not quota_uses:
        return decision, []
    live_after = await _update_person_days(conn, batch, quota_uses)
    over_limit_keys: list[LikeKey] = []
    promotions = []
    for (person, day), quota_use in sorted(quota_uses.items()):
        quota = allocate_quota(quota_use, live_after[person, day], batch.campaign.limit_on(day) or 0)
        over_limit_keys += quota.over_limit_keys
        if quota.promoted_count:
            promotions.append((person, day, quota.promoted_count))
    return mark_over_limit(decision, changes_by_like, over_limit_keys), promotions


async def _update_person_days(
    conn: Connection, batch: Batch, quota_uses: dict[PersonDay, QuotaUse]
) -> dict[PersonDay, int]:
    """Return the number of live likes after the batch."""
    rows = [(person, day, quota_uses[person, day].live_delta) for person, day in sorted(quota_uses)]
    columns = list(zip(*rows, strict=True))
    updated = await conn.fetch(_ADD_TO_PERSON_DAYS, batch.campaign.campaign_id, BUCKET, *columns)
    if any(live_delta < 0 for _, _, live_delta in rows):
        updated += await conn.fetch(_SUBTRACT_FROM_PERSON_DAYS, batch.campaign.campaign_id, BUCKET, *columns)
    return {(person, day): live for person, day, live in updated}


async def _mark_over_limit(conn: Connection, batch: Batch, decision: Decision) -> None:
    """Correct the state of new likes over the limit: they were inserted as counted."""
    keys = [
        key
        for key, (before, after) in decision.transitions.items()
        if before is None and after.state is LikeState.OVER_LIMIT
    ]
    if keys:
        columns = zip(*sorted(keys), strict=True)
        await conn.execute(_MARK_OVER_LIMIT, batch.campaign.campaign_id, BUCKET, *columns)


async def _update_likes(conn: Connection, batch: Batch, decision: Decision, keys: list[LikeKey]) -> None:
    """Update stored likes.

    Raises ConcurrentUpdate if one no longer has the state that the decision is based on.
    """
    transitions = decision.transitions
    rows = [
        (*key, before.event_us, before.state, after.event_us, after.day, after.state, position, starts_counting)
        for position, key in enumerate(keys)
        if key in transitions
        for before, after in [transitions[key]]
        if before is not None
        for starts_counting in [_starts_counting(transitions[key])]
    ]
    if rows:
        columns = zip(*rows, strict=True)
        status = await conn.execute(_UPDATE_LIKES, batch.batch_id, batch.campaign.campaign_id, BUCKET, *columns)
        if rows_affected(status) != len(rows):
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


async def _insert_batch(conn: Connection, batch: Batch, nonce_key: bytes, tree: Tree, tallies: BatchTallies) -> None:
    await conn.execute(
        _INSERT_BATCH,
        batch.batch_id,
        batch.campaign.campaign_id,
        BUCKET,
        tree.root,
        nonce_key,
        tree.positions,
        tree.leaves,
        encode_tallies(tallies),
    )
