"""What a batch changes: pure, from what is known of its likes and from what came in.

`decide` folds every event into its like, `allot` applies the person's daily limit, `tally` counts the difference.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple

from campaigns.intake.like_state import LIVE, Incoming, Like, Outcome, State, is_repeated, meet

Key = tuple[str, bytes]  # content, person: what a like is, within its campaign
PersonDay = tuple[bytes, date]
Limit = Callable[[date], int | None]


class Change(NamedTuple):
    """A like before and after the batch."""

    before: Like | None
    after: Like


Arrivals = Mapping[Key, Sequence[tuple[int, Incoming]]]  # what came in about each like, with its place in the batch


@dataclass(slots=True)
class Decision:
    """What becomes of a batch's likes."""

    outcomes: list[Outcome]  # one for each arrival, by its place
    changes: dict[Key, Change] = field(default_factory=dict)  # only likes that differ afterwards
    repeated: dict[Key, Counter[date]] = field(default_factory=dict)  # likes of what was liked before, by their day


def group(arrived: Iterable[tuple[Key, Incoming]]) -> Arrivals:
    """Put what came in about the same like together, in order."""
    groups: dict[Key, list[tuple[int, Incoming]]] = {}
    for place, (key, incoming) in enumerate(arrived):
        if key in groups:
            groups[key].append((place, incoming))
        else:
            groups[key] = [(place, incoming)]
    return groups


def decide(
    decision: Decision, arrivals: Arrivals, known: Mapping[Key, Like | None], *, times_matter: bool = True
) -> None:
    """Fold what arrived about the likes in `known` into what is known of them (None: nothing); again: replaces.

    Where unlikes change nothing (`times_matter` is false), a later time of a known like is no change.
    """
    changes, outcomes = decision.changes, decision.outcomes
    for key, before in known.items():
        changes.pop(key, None)
        decision.repeated.pop(key, None)
        after = before
        for place, incoming in arrivals[key]:
            if after is not None and is_repeated(after, incoming):
                decision.repeated.setdefault(key, Counter())[incoming.day] += 1
            after, outcomes[place] = meet(after, incoming)
        if after is not None and (before is None or _differs(before, after, times_matter=times_matter)):
            changes[key] = Change(before, after)


def _differs(before: Like, after: Like, *, times_matter: bool) -> bool:
    if before.state is not after.state or before.day != after.day:
        return True
    return times_matter and before.event_us != after.event_us


class Place(NamedTuple):
    """A person's day under a limit: who wants to count on it, and how the number of live likes moves."""

    entrants: list[Key]
    counted_before_leave: int  # likes of it that counted and leave
    moves_by: int  # live likes after less before


def person_days(changes: Mapping[Key, Change], limit: Limit) -> dict[PersonDay, Place]:
    """Return the limited days of persons that the changes touch."""
    entrants: dict[PersonDay, list[Key]] = {}
    leave: Counter[PersonDay] = Counter()
    moves: Counter[PersonDay] = Counter()
    for key, (before, after) in changes.items():
        old, new = _live_day(key, before), _live_day(key, after)
        if old == new and (before is None or before.state is after.state):
            continue
        if old is not None and before is not None and limit(old[1]) is not None:
            moves[old] -= 1
            leave[old] += before.state is State.COUNTED
        if new is not None and limit(new[1]) is not None:
            moves[new] += 1
            entrants.setdefault(new, []).append(key)
    return {day: Place(entrants.get(day, []), leave[day], moves[day]) for day in moves}


def _live_day(key: Key, like: Like | None) -> PersonDay | None:
    if like is None or like.day is None or like.state not in LIVE:
        return None
    return key[1], like.day


class Allotment(NamedTuple):
    """Which entrants stay over the limit, and how many older likes take the places that became free."""

    over: list[Key]
    promoted: int


def allot(place: Place, live_after: int, limit: int) -> Allotment:
    """Share a person's day out: as many likes count as the limit allows, of all that are live.

    So the number that counts is min(limit, live) whatever the order in which likes and unlikes came.
    """
    counted_before = min(limit, live_after - place.moves_by)
    free = min(limit, live_after) - (counted_before - place.counted_before_leave)
    entering = min(free, len(place.entrants))
    return Allotment(place.entrants[entering:], free - entering)


def put_over_limit(decision: Decision, arrivals: Arrivals, over: Iterable[Key]) -> None:
    """Mark likes that found no place, and say so to those that brought them."""
    for key in over:
        before, after = decision.changes[key]
        decision.changes[key] = Change(before, after._replace(state=State.OVER_LIMIT))
        for place, _ in arrivals[key]:
            if decision.outcomes[place] is Outcome.COUNTED:
                decision.outcomes[place] = Outcome.OVER_LIMIT


Tallies = dict[date, Counter[str]]


def tally(changes: Collection[Change], repeated: Iterable[Counter[date]] = ()) -> Tallies:
    """Return by day how the number of likes in each state moves, and how many likes were repeated."""
    moved = Counter((after.day, after.state) for _, after in changes)
    moved.subtract((before.day, before.state) for before, _ in changes if before is not None)
    tallies: Tallies = {}
    for (day, state), likes in moved.items():
        if likes and day is not None:
            tallies.setdefault(day, Counter())[state.value] = likes
    for own in repeated:
        for day, likes in own.items():
            tallies.setdefault(day, Counter())["duplicate"] += likes
    return tallies
