"""The claim of a batch: look every like up, insert the new ones, return the stored ones.

Every like is claimed as if it were new. Almost all are plain: one event, a like that is not
suspect. Only the others have a decision before the claim, and columns of their own values.
"""

from collections.abc import Collection, Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple, TypeAlias

import asyncpg

from campaigns.intake.decide import ChangesByLike, Decision, decide_likes
from campaigns.intake.event_columns import EventColumns
from campaigns.intake.like_key import LikeKey, join_contents, join_persons
from campaigns.intake.like_state import Like, LikeChange, LikeState, LikeVerdict
from sql import Connection, query

BUCKET = 0  # one bucket on one PostgreSQL; a batch never spans two (design, section 9)
_STATES = {state.value: state for state in LikeState}
_VERDICTS = {None: None} | {verdict.value: verdict for verdict in LikeVerdict}

_CLAIM_LIKES = query("claim_likes")


class ConcurrentUpdate(Exception):
    """Another transaction changed a row that this one had read: roll back and repeat."""


class StaleCatalogue(Exception):
    """The catalogue changed since it was read: read it and admit the events again."""


class DeliveryAnswered(Exception):
    """A delivery of the group was answered before; the claim has written nothing."""


class GroupGuard(NamedTuple):
    """What must still hold for a group to be recorded: the catalogue's version, no delivery answered."""

    catalogue_version: int
    platform_ids: Sequence[int]
    webhook_ids: Sequence[str]


@dataclass(frozen=True, slots=True)
class BatchPlan:
    """The likes of a batch, sorted by key; the index of a like is its position in the batch."""

    columns: EventColumns
    keys: list[LikeKey]
    events: list[int]  # the first event of each like
    changes: ChangesByLike  # every event of the likes that are not plain
    decision: Decision  # about those likes, as if they were new

    def changes_of(self, position: int) -> Sequence[tuple[int, LikeChange]]:
        """Return the events of a like, in their order."""
        event = self.events[position]
        return self.changes.get(self.keys[position]) or [(event, self.columns.change(event))]


def plan_batch(columns: EventColumns, erased: AbstractSet[LikeKey] = frozenset()) -> BatchPlan:
    """Return the plan of a campaign's events, without the likes of `erased` people. Pure."""
    first_event = dict(zip(reversed(columns.keys), range(len(columns.keys) - 1, -1, -1), strict=True))
    keys = sorted(first_event)
    if erased:
        keys = [key for key in keys if key not in erased]
    changes = changes_by_like(columns, _keys_that_are_not_plain(columns, first_event) - erased)
    decision = decide_likes(changes, dict.fromkeys(changes))
    return BatchPlan(columns, keys, [first_event[key] for key in keys], changes, decision)


def _keys_that_are_not_plain(columns: EventColumns, first_event: dict[LikeKey, int]) -> set[LikeKey]:
    keys = columns.keys
    special_keys = {keys[event] for event in columns.unlikes | columns.suspects | columns.low_quality}
    if len(first_event) < len(keys):
        special_keys.update(key for event, key in enumerate(keys) if first_event[key] != event)
    return special_keys


def changes_by_like(columns: EventColumns, keys: AbstractSet[LikeKey]) -> ChangesByLike:
    """Return the events of some likes, in their order. Pure."""
    groups: dict[LikeKey, list[tuple[int, LikeChange]]] = {}
    if keys:
        for event, key in enumerate(columns.keys):
            if key in keys:
                groups.setdefault(key, []).append((event, columns.change(event)))
    return groups


class Claim(NamedTuple):
    """What a claim found."""

    batch_id: int
    stored: dict[int, Like]  # likes that were stored before, by position


EncodedLikes: TypeAlias = tuple[bytes, str, str, str, str, str, str, str]  # the columns of `claim_likes`
NO_CAMPAIGN = 0
NO_LIKES: EncodedLikes = (b"", "", "{}", "{}", "{}", "{}", "{}", "{}")


async def claim_likes(conn: Connection, guard: GroupGuard, campaign_id: int, columns: EncodedLikes) -> Claim:
    """Claim a batch, or no like to check the guard only. Joins the caller's transaction.

    Raises StaleCatalogue or DeliveryAnswered if the guard does not hold, and ConcurrentUpdate.
    """
    try:
        [row] = await conn.fetch(_CLAIM_LIKES, *guard, campaign_id, BUCKET, *columns)
    except asyncpg.UniqueViolationError as error:
        raise ConcurrentUpdate from error
    batch_id, is_current, has_answers, positions, *stored = row
    if not is_current:
        raise StaleCatalogue
    if has_answers:
        raise DeliveryAnswered
    return Claim(batch_id, _decode_likes(positions, *stored) if positions else {})


def _decode_likes(positions: list[int], *columns: Iterable[Any]) -> dict[int, Like]:
    return {position: decode_like(row) for position, *row in zip(positions, *columns, strict=True)}


def decode_like(columns: Sequence[Any]) -> Like:
    """Return the stored like from its columns, in the order in which this package's queries return them."""
    state, event_us, day, latest_us, is_suspect, is_low_quality, verdict, lacks_leaf = columns
    flags = is_suspect, is_low_quality, _VERDICTS[verdict], bool(lacks_leaf)
    return Like(_STATES[state], event_us, day, latest_us, *flags)


def encode_plan(plan: BatchPlan) -> EncodedLikes:
    """Return the columns of the likes, as if all were new; an empty column is that of plain likes. Pure."""
    times = [plan.columns.times_us[event] for event in plan.events]
    days: list[date | None] = [plan.columns.days[event] for event in plan.events]
    if not plan.changes:
        return (*_encode_keys(plan.keys), array_literal(times), encode_days(days), "{}", "{}", "{}", "{}")
    states, latest = [LikeState.COUNTED] * len(times), times.copy()
    suspects, low_quality = [False] * len(times), [False] * len(times)
    for position, key in enumerate(plan.keys):
        if key in plan.changes:
            like = plan.decision.transitions[key].after
            times[position], days[position], states[position] = like.event_us, like.day, like.state
            latest[position], suspects[position], low_quality[position] = (
                like.latest_us,
                like.is_suspect,
                like.is_low_quality,
            )
    others = array_literal(states), array_literal(latest), array_literal(suspects), array_literal(low_quality)
    return (*_encode_keys(plan.keys), array_literal(times), encode_days(days), *others)


def _encode_keys(keys: list[LikeKey]) -> tuple[bytes, str]:
    return join_persons(keys), join_contents(keys)


def encode_days(days: Collection[date | None]) -> str:
    """Return the days as numbers, 0 for none. A batch has few different days."""
    numbers = {day: str(day.toordinal() if day else 0) for day in set(days)}
    return "{" + ",".join([numbers[day] for day in days]) + "}"


def stored_mask(plan: BatchPlan, stored: Iterable[int]) -> bytes:
    """Return a byte for each position: 1 if the like was stored before, else 0. Pure."""
    mask = bytearray(len(plan.keys))
    for position in stored:
        mask[position] = 1
    return bytes(mask)


def array_literal(values: Iterable[object]) -> str:
    """Return the text of a PostgreSQL array.

    The driver would encode element by element, several passes each.
    """
    return "{" + ",".join(map(str, values)) + "}"
