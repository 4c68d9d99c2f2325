"""T1: one transaction records the likes of many deliveries, then the deliveries are answered.

Every like is inserted first. An insert of a stored like waits for the transaction that stores it,
and is then decided from the stored state. Locks are taken in one order (campaigns by id; within a
campaign new likes, persons' days, stored likes, each sorted), so that transactions never deadlock.
If a stored like changes between read and write, the transaction is rolled back and repeated alone.
"""

import secrets
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from operator import itemgetter
from typing import NamedTuple

from campaigns.batch_tallies import BatchTallies, encode_tallies
from campaigns.catalogue.cache import Campaign
from campaigns.intake.batch_tree import BatchLike, Tree, build_tree
from campaigns.intake.daily_limit import (
    DayChange,
    PersonDay,
    changes_by_person_day,
    first_likes,
    mark_over_limit,
    place_likes,
)
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
from campaigns.intake.like_state import LIVE_STATES, Like, LikeChange, LikeState, Outcome
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
_LIST_DAY_LIKES = query("list_day_likes")
_STORE_PLACES = query("store_places")
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
    decision = await _apply_limits(conn, batch, changes_by_like, decision)
    await _mark_over_limit(conn, batch, decision)
    keys += sorted(decision.transitions.keys() - changes_by_like.keys())  # places that others took or left
    await _update_likes(conn, batch, decision, keys)
    transitions = decision.transitions
    counted_positions = {
        key: position
        for position, key in enumerate(keys)
        if key in transitions and _starts_counting(transitions[key])
    }
    nonce_key = secrets.token_bytes(NONCE_KEY_BYTES)
    tree = build_tree(nonce_key, _batch_likes(decision, counted_positions))
    await _insert_batch(conn, batch, nonce_key, tree, _batch_tallies(batch, decision))
    return BatchResult(decision.outcomes, nonce_key, counted_positions)


def _batch_likes(decision: Decision, counted_positions: dict[LikeKey, int]) -> list[BatchLike]:
    transitions = decision.transitions
    return [
        BatchLike(position, key[1], key[0], transitions[key].after.event_us)
        for key, position in counted_positions.items()
    ]


def _batch_tallies(batch: Batch, decision: Decision) -> BatchTallies:
    refused = {batch.day: batch.refusal_counts} if batch.refusal_counts else {}
    return BatchTallies(tally_by_day(decision.transitions.values(), decision.duplicates.values()), refused)


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
        _array_literal([like.latest_us for like in likes]),
        _array_literal([like.is_suspect for like in likes]),
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
    return {keys[position - 1]: Like(_STATES[state], *values) for position, state, *values in rows}


async def _apply_limits(
    conn: Connection, batch: Batch, changes_by_like: ChangesByLike, decision: Decision
) -> Decision:
    """Return the decision under the daily limits of persons."""
    if not batch.campaign.has_limits:
        return decision
    changes = changes_by_person_day(decision.transitions, batch.campaign.limit_on)
    crowded = await _add_to_person_days(conn, batch, changes) if changes else []
    if not crowded:
        return decision
    placed: dict[LikeKey, LikeTransition] = {}
    places = []
    for (person, day), likes in (await _read_day_likes(conn, batch, crowded, decision.transitions)).items():
        counted = first_likes(likes, batch.campaign.limit_on(day) or 0)
        placed |= place_likes(person, likes, counted, decision.transitions)
        places.append((person, day, changes[person, day].leaving, SEPARATOR.join(sorted(counted))))
    status = await conn.execute(_STORE_PLACES, batch.campaign.campaign_id, BUCKET, *zip(*places, strict=True))
    if rows_affected(status) != len(places):
        raise ConcurrentUpdate
    return mark_over_limit(decision, changes_by_like, placed)


async def _add_to_person_days(
    conn: Connection, batch: Batch, changes: dict[PersonDay, DayChange]
) -> list[tuple[PersonDay, DayChange, str]]:
    """Return the persons' days that need a ranking, with the contents that counted or enter, joined."""
    rows = [
        (person, day, len(change.entering), SEPARATOR.join(change.entering))
        for (person, day), change in sorted(changes.items(), key=itemgetter(0))
    ]
    days = sorted({day for _, day in changes})
    limits = [batch.campaign.limit_on(day) for day in days]
    reordered = [person for (person, _), change in changes.items() if change.is_reordered]
    columns = zip(*rows, strict=True)
    campaign_id = batch.campaign.campaign_id
    crowded = await conn.fetch(_ADD_TO_PERSON_DAYS, campaign_id, BUCKET, *columns, days, limits, reordered)
    return [((person, day), changes[person, day], SEPARATOR.join(contents)) for person, day, contents in crowded]


async def _read_day_likes(
    conn: Connection,
    batch: Batch,
    crowded: list[tuple[PersonDay, DayChange, str]],
    transitions: Mapping[LikeKey, LikeTransition],
) -> dict[PersonDay, dict[str, Like]]:
    """Return the likes of the persons' days that may count, each after its transition."""
    rows = [
        # One more for each stored like that the batch takes out of the order in which they are read.
        (*day, (batch.campaign.limit_on(day[1]) or 0) + change.leaving + len(change.staying), contents)
        for day, change, contents in crowded
    ]
    columns = zip(*rows, strict=True)
    stored = await conn.fetch(_LIST_DAY_LIKES, batch.campaign.campaign_id, BUCKET, *columns)
    likes = {
        day: {content: transitions[content, day[0]].after for content in [*change.entering, *change.staying]}
        for day, change, _ in crowded
    }
    for position, content, state, *values in stored:
        day, _, _ = crowded[position - 1]
        key = content, day[0]
        like = transitions[key].after if key in transitions else Like(_STATES[state], *values)
        if like.day == day[1] and like.state in LIVE_STATES:
            likes[day][content] = like
    return likes


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
        (*key, before.event_us, before.latest_us, before.state, *_columns_of(after), position, starts_counting)
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


def _columns_of(like: Like) -> tuple[int, date | None, LikeState, int, bool]:
    return like.event_us, like.day, like.state, like.latest_us, like.is_suspect


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
