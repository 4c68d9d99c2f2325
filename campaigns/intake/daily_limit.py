"""The daily limit of a person: which likes count, and which are over the limit. Pure."""

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from datetime import date
from typing import NamedTuple

from campaigns.intake.decide import ChangesByLike, Decision, LikeKey, LikeTransition
from campaigns.intake.like_state import LIVE_STATES, Like, LikeState, Outcome

PersonDay = tuple[bytes, date]
DailyLimit = Callable[[date], int | None]


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
