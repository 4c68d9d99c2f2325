"""T1: one transaction records the likes of many deliveries, then the deliveries are answered.

    prepare ┃ claim → decide → place → update → tree      the row of the batch is kept with the group
            ┃ every like  stored, repeated,      stored likes
            ┃             unlike, suspect ones   that change

A batch is prepared before its transaction, while the one before it waits for the database. Plain
likes (new, one event, not suspect) pass as columns from there to the tree. Locks are taken in one
order (campaigns by id; within a campaign new likes, persons' days, stored likes, each sorted), so
that transactions never deadlock. If another transaction stores or changes one of the likes between
look-up and write, the transaction is rolled back and repeated alone.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import date
from itertools import count
from typing import NamedTuple

from campaigns.authenticity.observation_pack import pack_columns
from campaigns.batch_tallies import BatchTallies, encode_tallies
from campaigns.catalogue.cache import Campaign
from campaigns.intake.batch_tree import Tree, build_tree, hash_leaves
from campaigns.intake.claim import (
    BUCKET,
    BatchPlan,
    EncodedLikes,
    GroupGuard,
    changes_by_like,
    claim_likes,
    encode_plan,
    plan_batch,
    stored_mask,
)
from campaigns.intake.daily_limit import mark_over_limit
from campaigns.intake.decide import (
    Decision,
    LikeTransition,
    decide_likes,
    replace_decisions,
    tally_by_day,
)
from campaigns.intake.event_columns import EventColumns
from campaigns.intake.like_key import LikeKey, content_of, person_of
from campaigns.intake.like_state import Like, LikeState, Outcome
from campaigns.intake.places import PlainPlaces, place_batch, plain_places
from campaigns.intake.stored_likes import update_likes
from campaigns.intake.tombstones import decide_erased, find_erased_likes
from sql import Connection, query

_MARK_OVER_LIMIT = query("mark_over_limit")


class Batch(NamedTuple):
    """One campaign's part of a transaction."""

    columns: EventColumns
    refusal_counts: Mapping[str, int]  # likes refused before the table, by outcome
    day: date  # the current campaign day: refusals count on it


class PackedObservations(NamedTuple):
    """The observations of a batch's like events, packed."""

    likes: int
    first_us: int
    last_us: int
    packed: bytes


class BatchRow(NamedTuple):
    """The row of a batch."""

    batch_id: int
    campaign_id: int
    nonce_key: bytes
    tree: Tree
    tallies: str
    observations: PackedObservations | None  # None: nothing to judge


class BatchResult(NamedTuple):
    """The result of a batch; the keys of the positions make the receipts."""

    row: BatchRow
    outcomes: Mapping[int, Outcome]  # by event; an event without one is counted
    leaf_keys: Sequence[LikeKey]  # of the tree's positions


class PreparedBatch(NamedTuple):
    """A batch with everything that needs no database."""

    batch: Batch
    plan: BatchPlan
    columns: EncodedLikes
    nonce_key: bytes
    leaves: Sequence[bytes]  # the leaf hash of each like, as if it were plain
    places: PlainPlaces | None  # None: no daily limit
    observations: PackedObservations | None


class _BatchDecision(NamedTuple):
    plain: Sequence[int]  # positions of the plain likes, which count
    decision: Decision  # about all others


def prepare_batch(batch: Batch, nonce_key: bytes, erased: AbstractSet[LikeKey] = frozenset()) -> PreparedBatch:
    """Return the batch, prepared; without the likes of `erased` people. Pure."""
    plan = plan_batch(batch.columns, erased)
    times_us = [batch.columns.times_us[event] for event in plan.events]
    leaves = hash_leaves(nonce_key, range(len(plan.keys)), plan.keys, times_us)
    places = plain_places(plan) if batch.columns.campaign.has_limits else None
    observations = _pack_observations(batch.columns, erased)
    return PreparedBatch(batch, plan, encode_plan(plan), nonce_key, leaves, places, observations)


def _pack_observations(columns: EventColumns, erased: AbstractSet[LikeKey]) -> PackedObservations | None:
    """Return the observations of every like event, repeats included, if the campaign is judged."""
    if columns.campaign.ruleset is None:
        return None
    observed = columns.observed_likes(erased)
    times_us = observed.times_us
    if not times_us:
        return None
    return PackedObservations(len(times_us), min(times_us), max(times_us), pack_columns(observed))


async def write_batch(conn: Connection, prepared: PreparedBatch, guard: GroupGuard) -> BatchResult:
    """Record one campaign's batch. Joins the caller's transaction.

    Raises what `claim_likes` raises.
    """
    batch, campaign = prepared.batch, prepared.batch.columns.campaign
    erased = await find_erased_likes(conn, campaign, batch.columns.keys, BUCKET)
    if erased:
        prepared = prepare_batch(batch, prepared.nonce_key, erased)
    plan = prepared.plan
    claim = await claim_likes(conn, guard, campaign.campaign_id, prepared.columns)
    decision = _decide(plan, claim.stored)
    if erased:
        decision = replace_decisions(decision, erased, decide_erased(changes_by_like(batch.columns, erased), erased))
    decided = _BatchDecision(_plain_positions(plan, claim.stored), decision)
    if prepared.places is not None:
        decided = await _apply_limits(conn, plan, decided, (prepared.places, stored_mask(plan, claim.stored)))
    leaf_positions = _leaf_positions(plan, decided.decision.transitions)
    await _mark_over_limit(conn, campaign, decided.decision)
    await update_likes(conn, claim.batch_id, campaign.campaign_id, decided.decision.transitions, leaf_positions)
    return _build_result(claim.batch_id, prepared, decided, leaf_positions)


def _decide(plan: BatchPlan, stored: Mapping[int, Like]) -> Decision:
    """Return the decision about the likes that are not plain, stored ones from their stored state."""
    if not stored:
        return plan.decision
    changes = {plan.keys[position]: plan.changes_of(position) for position in stored}
    stored_likes = {plan.keys[position]: like for position, like in stored.items()}
    redecision = decide_likes(changes, stored_likes, times_matter=not plan.columns.campaign.keeps_likes)
    return replace_decisions(plan.decision, stored_likes.keys(), redecision)


def _plain_positions(plan: BatchPlan, stored: Mapping[int, Like]) -> Sequence[int]:
    if not stored and not plan.changes:
        return range(len(plan.keys))
    changed = plan.changes
    return [position for position, key in enumerate(plan.keys) if position not in stored and key not in changed]


async def _apply_limits(
    conn: Connection, plan: BatchPlan, decided: _BatchDecision, plain_likes: tuple[PlainPlaces, bytes]
) -> _BatchDecision:
    """Return the decision under the daily limits of persons."""
    plain, decision = decided
    new = {plan.keys[position] for position in plain}
    placed = await place_batch(conn, plan.columns.campaign, plain_likes, decision.transitions, new.__contains__)
    if not placed:
        return decided
    events = {key: plan.changes_of(position) for position, key in enumerate(plan.keys) if key in placed}
    plain = [position for position in plain if plan.keys[position] not in placed]
    return _BatchDecision(plain, mark_over_limit(decision, events, placed))


async def _mark_over_limit(conn: Connection, campaign: Campaign, decision: Decision) -> None:
    """Correct the state of new likes over the limit: they were inserted as counted."""
    keys = sorted(
        key
        for key, (before, after) in decision.transitions.items()
        if before is None and after.state is LikeState.OVER_LIMIT
    )
    if keys:
        columns = [content_of(key) for key in keys], [person_of(key) for key in keys]
        await conn.execute(_MARK_OVER_LIMIT, campaign.campaign_id, BUCKET, *columns)


def _leaf_positions(plan: BatchPlan, transitions: Mapping[LikeKey, LikeTransition]) -> dict[LikeKey, int]:
    """Return the positions of the leaves of the likes that are not plain.

    A like that the batch does not name can get one too, after the others: it was over the limit,
    came before every like got a leaf, and starts to count.
    """
    keys = {key for key, transition in transitions.items() if transition.gets_leaf}
    if not keys:
        return {}
    positions = {key: position for position, key in enumerate(plan.keys) if key in keys}
    return positions | dict(zip(sorted(keys - positions.keys()), count(len(plan.keys))))


def _build_result(
    batch_id: int, prepared: PreparedBatch, decided: _BatchDecision, leaf_positions: Mapping[LikeKey, int]
) -> BatchResult:
    plan, transitions = prepared.plan, decided.decision.transitions
    keys = {position: key for key, position in leaf_positions.items()}
    times_us = [transitions[key].after.event_us for key in keys.values()]
    hashes = hash_leaves(prepared.nonce_key, list(keys), list(keys.values()), times_us)
    leaves = {position: prepared.leaves[position] for position in decided.plain}
    leaves |= dict(zip(keys, hashes, strict=True))
    positions = sorted(leaves) if keys else list(decided.plain)
    tree = build_tree(positions, [leaves[position] for position in positions])
    tallies = encode_tallies(_batch_tallies(prepared.batch, plan, decided))
    campaign_id = plan.columns.campaign.campaign_id
    row = BatchRow(batch_id, campaign_id, prepared.nonce_key, tree, tallies, prepared.observations)
    leaf_keys = [keys[position] if position in keys else plan.keys[position] for position in positions]
    return BatchResult(row, decided.decision.outcomes, leaf_keys)


def _batch_tallies(batch: Batch, plan: BatchPlan, decided: _BatchDecision) -> BatchTallies:
    columns, (plain, decision) = plan.columns, decided
    days = tally_by_day(decision.transitions.values(), decision.duplicates.values())
    for day, likes in Counter([columns.days[plan.events[position]] for position in plain]).items():
        days.setdefault(day, Counter())[LikeState.COUNTED.value] += likes
    refused = {batch.day: batch.refusal_counts} if batch.refusal_counts else {}
    return BatchTallies(days, refused)
