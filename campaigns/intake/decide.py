"""The decision about a batch: pure, from its events and the stored likes.

`decide_likes` applies every event to its like, `allocate_quota` applies a person's daily limit, and
`tally_by_day` counts the difference.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from campaigns.intake.like_state import LIVE_STATES, Like, LikeChange, LikeState, Outcome, apply_event, is_repeat_like

LikeKey = tuple[str, bytes]  # content, person: identifies a like within its campaign
PersonDay = tuple[bytes, date]
DailyLimit = Callable[[date], int | None]
ChangesByLike = Mapping[LikeKey, Sequence[tuple[int, LikeChange]]]  # each event with its position in the batch
DayTallies = dict[date, Counter[str]]


class LikeTransition(NamedTuple):
    """A like before and after the batch."""

    before: Like | None
    after: Like


@dataclass(frozen=True, slots=True)
class Decision:
    """The decision about a batch, or about some of its likes."""

    outcomes: Mapping[int, Outcome]  # by the event's position in the batch
    transitions: Mapping[LikeKey, LikeTransition]  # only likes that change
    duplicates: Mapping[LikeKey, Counter[date]]  # repeated likes, by campaign day


def group_by_like(like_changes: Iterable[tuple[LikeKey, LikeChange]]) -> ChangesByLike:
    """Return the events of each like, in their order."""
    groups: dict[LikeKey, list[tuple[int, LikeChange]]] = {}
    for position, (key, change) in enumerate(like_changes):
        if key in groups:
            groups[key].append((position, change))
        else:
            groups[key] = [(position, change)]
    return groups


def decide_likes(
    changes_by_like: ChangesByLike, stored_likes: Mapping[LikeKey, Like | None], *, times_matter: bool = True
) -> Decision:
    """Return the decision about the likes in `stored_likes`; None stands for a new like.

    `times_matter` is False where unlikes change nothing: a later time of a stored like is no change
    then.
    """
    outcomes: dict[int, Outcome] = {}
    transitions: dict[LikeKey, LikeTransition] = {}
    duplicates: dict[LikeKey, Counter[date]] = {}
    for key, before in stored_likes.items():
        after = before
        for position, change in changes_by_like[key]:
            if after is not None and is_repeat_like(after, change):
                duplicates.setdefault(key, Counter())[change.day] += 1
            after, outcomes[position] = apply_event(after, change)
        if after is not None and (before is None or _differs(before, after, times_matter=times_matter)):
            transitions[key] = LikeTransition(before, after)
    return Decision(outcomes, transitions, duplicates)


def _differs(before: Like, after: Like, *, times_matter: bool) -> bool:
    if before.state is not after.state or before.day != after.day:
        return True
    return times_matter and before.event_us != after.event_us


def replace_decisions(decision: Decision, redecided_keys: AbstractSet[LikeKey], redecision: Decision) -> Decision:
    """Return the decision with that about `redecided_keys` replaced."""
    transitions = {key: value for key, value in decision.transitions.items() if key not in redecided_keys}
    duplicates = {key: value for key, value in decision.duplicates.items() if key not in redecided_keys}
    return Decision(
        outcomes={**decision.outcomes, **redecision.outcomes},
        transitions=transitions | dict(redecision.transitions),
        duplicates=duplicates | dict(redecision.duplicates),
    )


class QuotaUse(NamedTuple):
    """The change of a person's day that has a limit."""

    entrants: list[LikeKey]  # likes that want to count on this day
    counted_leaving: int  # counted likes that leave this day
    live_delta: int  # live likes after the batch, less before


def quota_use_by_person_day(
    transitions: Mapping[LikeKey, LikeTransition], limit: DailyLimit
) -> dict[PersonDay, QuotaUse]:
    """Return the persons' days that have a limit and that the transitions touch."""
    entrants: dict[PersonDay, list[LikeKey]] = {}
    counted_leaving: Counter[PersonDay] = Counter()
    live_deltas: Counter[PersonDay] = Counter()
    for key, (before, after) in transitions.items():
        old, new = _live_person_day(key, before), _live_person_day(key, after)
        if old == new and (before is None or before.state is after.state):
            continue
        if old is not None and before is not None and limit(old[1]) is not None:
            live_deltas[old] -= 1
            counted_leaving[old] += before.state is LikeState.COUNTED
        if new is not None and limit(new[1]) is not None:
            live_deltas[new] += 1
            entrants.setdefault(new, []).append(key)
    return {day: QuotaUse(entrants.get(day, []), counted_leaving[day], live_deltas[day]) for day in live_deltas}


def _live_person_day(key: LikeKey, like: Like | None) -> PersonDay | None:
    if like is None or like.day is None or like.state not in LIVE_STATES:
        return None
    return key[1], like.day


class QuotaResult(NamedTuple):
    """The entrants over the limit, and the number of older likes that now count instead."""

    over_limit_keys: list[LikeKey]
    promoted_count: int


def allocate_quota(quota_use: QuotaUse, live_after: int, limit: int) -> QuotaResult:
    """Apply the limit to a person's day that has `live_after` live likes after the batch.

    So min(limit, live) likes count, in whatever order likes and unlikes arrived.
    """
    counted_before = min(limit, live_after - quota_use.live_delta)
    free = min(limit, live_after) - (counted_before - quota_use.counted_leaving)
    entering = min(free, len(quota_use.entrants))
    return QuotaResult(quota_use.entrants[entering:], free - entering)


def mark_over_limit(
    decision: Decision, changes_by_like: ChangesByLike, over_limit_keys: Collection[LikeKey]
) -> Decision:
    """Return the decision with these likes, and the outcomes of their events, over the limit."""
    if not over_limit_keys:
        return decision
    outcomes, transitions = dict(decision.outcomes), dict(decision.transitions)
    for key in over_limit_keys:
        before, after = transitions[key]
        transitions[key] = LikeTransition(before, after._replace(state=LikeState.OVER_LIMIT))
        for position, _ in changes_by_like[key]:
            if outcomes[position] is Outcome.COUNTED:
                outcomes[position] = Outcome.OVER_LIMIT
    return Decision(outcomes, transitions, decision.duplicates)


def tally_by_day(transitions: Collection[LikeTransition], duplicates: Iterable[Counter[date]] = ()) -> DayTallies:
    """Return the change of the number of likes in each state, and of repeated likes, by day."""
    moved = Counter((after.day, after.state) for _, after in transitions)
    moved.subtract((before.day, before.state) for before, _ in transitions if before is not None)
    tallies: DayTallies = {}
    for (day, state), likes in moved.items():
        if likes and day is not None:
            tallies.setdefault(day, Counter())[state.value] = likes
    for repeated_likes in duplicates:
        for day, likes in repeated_likes.items():
            tallies.setdefault(day, Counter())["duplicate"] += likes
    return tallies
