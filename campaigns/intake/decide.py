"""What a batch changes: pure, from what is known of its likes and from what came in.

`decide` folds every event into its like, `allot` applies the person's daily limit, `tally` counts the difference.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple

from campaigns.intake.like_state import LIVE_STATES, Like, LikeChange, LikeState, Outcome, apply_event, is_repeat_like

LikeKey = tuple[str, bytes]  # content, person: what a like is, within its campaign
PersonDay = tuple[bytes, date]
DailyLimit = Callable[[date], int | None]


class LikeTransition(NamedTuple):
    """A like before and after the batch."""

    before: Like | None
    after: Like


ChangesByLike = Mapping[
    LikeKey, Sequence[tuple[int, LikeChange]]
]  # what came in about each like, with its place in the batch


@dataclass(slots=True)
class Decision:
    """What becomes of a batch's likes."""

    outcomes: list[Outcome]  # one for each arrival, by its place
    transitions: dict[LikeKey, LikeTransition] = field(default_factory=dict)  # only likes that differ afterwards
    duplicates: dict[LikeKey, Counter[date]] = field(
        default_factory=dict
    )  # likes of what was liked before, by their day


def group_by_like(like_changes: Iterable[tuple[LikeKey, LikeChange]]) -> ChangesByLike:
    """Put what came in about the same like together, in order."""
    groups: dict[LikeKey, list[tuple[int, LikeChange]]] = {}
    for place, (key, incoming) in enumerate(like_changes):
        if key in groups:
            groups[key].append((place, incoming))
        else:
            groups[key] = [(place, incoming)]
    return groups


def decide_likes(
    decision: Decision,
    changes_by_like: ChangesByLike,
    stored_likes: Mapping[LikeKey, Like | None],
    *,
    times_matter: bool = True,
) -> None:
    """Fold what arrived about the likes in `known` into what is known of them (None: nothing); again: replaces.

    Where unlikes change nothing (`times_matter` is false), a later time of a known like is no change.
    """
    changes, outcomes = decision.transitions, decision.outcomes
    for key, before in stored_likes.items():
        changes.pop(key, None)
        decision.duplicates.pop(key, None)
        after = before
        for place, incoming in changes_by_like[key]:
            if after is not None and is_repeat_like(after, incoming):
                decision.duplicates.setdefault(key, Counter())[incoming.day] += 1
            after, outcomes[place] = apply_event(after, incoming)
        if after is not None and (before is None or _differs(before, after, times_matter=times_matter)):
            changes[key] = LikeTransition(before, after)


def _differs(before: Like, after: Like, *, times_matter: bool) -> bool:
    if before.state is not after.state or before.day != after.day:
        return True
    return times_matter and before.event_us != after.event_us


class QuotaUse(NamedTuple):
    """A person's day under a limit: who wants to count on it, and how the number of live likes moves."""

    entrants: list[LikeKey]
    counted_leaving: int  # likes of it that counted and leave
    live_delta: int  # live likes after less before


def quota_use_by_person_day(
    transitions: Mapping[LikeKey, LikeTransition], limit: DailyLimit
) -> dict[PersonDay, QuotaUse]:
    """Return the limited days of persons that the changes touch."""
    entrants: dict[PersonDay, list[LikeKey]] = {}
    leave: Counter[PersonDay] = Counter()
    moves: Counter[PersonDay] = Counter()
    for key, (before, after) in transitions.items():
        old, new = _live_person_day(key, before), _live_person_day(key, after)
        if old == new and (before is None or before.state is after.state):
            continue
        if old is not None and before is not None and limit(old[1]) is not None:
            moves[old] -= 1
            leave[old] += before.state is LikeState.COUNTED
        if new is not None and limit(new[1]) is not None:
            moves[new] += 1
            entrants.setdefault(new, []).append(key)
    return {day: QuotaUse(entrants.get(day, []), leave[day], moves[day]) for day in moves}


def _live_person_day(key: LikeKey, like: Like | None) -> PersonDay | None:
    if like is None or like.day is None or like.state not in LIVE_STATES:
        return None
    return key[1], like.day


class QuotaResult(NamedTuple):
    """Which entrants stay over the limit, and how many older likes take the places that became free."""

    over_limit_keys: list[LikeKey]
    promoted_count: int


def allocate_quota(quota_use: QuotaUse, live_after: int, limit: int) -> QuotaResult:
    """Share a person's day out: as many likes count as the limit allows, of all that are live.

    So the number that counts is min(limit, live) whatever the order in which likes and unlikes came.
    """
    counted_before = min(limit, live_after - quota_use.live_delta)
    free = min(limit, live_after) - (counted_before - quota_use.counted_leaving)
    entering = min(free, len(quota_use.entrants))
    return QuotaResult(quota_use.entrants[entering:], free - entering)


def mark_over_limit(decision: Decision, changes_by_like: ChangesByLike, over_limit_keys: Iterable[LikeKey]) -> None:
    """Mark likes that found no place, and say so to those that brought them."""
    for key in over_limit_keys:
        before, after = decision.transitions[key]
        decision.transitions[key] = LikeTransition(before, after._replace(state=LikeState.OVER_LIMIT))
        for place, _ in changes_by_like[key]:
            if decision.outcomes[place] is Outcome.COUNTED:
                decision.outcomes[place] = Outcome.OVER_LIMIT


Tallies = dict[date, Counter[str]]


def tally_by_day(transitions: Collection[LikeTransition], duplicates: Iterable[Counter[date]] = ()) -> Tallies:
    """Return by day how the number of likes in each state moves, and how many likes were repeated."""
    moved = Counter((after.day, after.state) for _, after in transitions)
    moved.subtract((before.day, before.state) for before, _ in transitions if before is not None)
    tallies: Tallies = {}
    for (day, state), likes in moved.items():
        if likes and day is not None:
            tallies.setdefault(day, Counter())[state.value] = likes
    for own in duplicates:
        for day, likes in own.items():
            tallies.setdefault(day, Counter())["duplicate"] += likes
    return tallies
