"""The daily limit of a person: the earliest likes of a day count, the others are over the limit. Pure.

Likes are ranked by the time of their earliest like event, ties by content, so the order of arrival
does not matter. A day below its limit that likes only enter needs no ranking: all of them count.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date

from campaigns.intake.decide import ChangesByLike, Decision, LikeTransition
from campaigns.intake.like_key import LikeKey, content_of, like_key, person_of
from campaigns.intake.like_state import LIVE_STATES, Like, LikeState, Outcome

PersonDay = tuple[bytes, date]
DailyLimit = Callable[[date], int | None]


@dataclass(slots=True)
class DayChange:
    """How a batch changes a person's day that has a limit."""

    entering: list[str] = field(default_factory=list)  # contents of likes that become live on this day
    staying: list[str] = field(default_factory=list)  # contents of live likes that change in it
    leaving: int = 0  # live likes that leave it

    @property
    def is_reordered(self) -> bool:
        """Return whether the places must be decided again, even below the limit."""
        return bool(self.staying or self.leaving)


def changes_by_person_day(
    transitions: Mapping[LikeKey, LikeTransition], limit: DailyLimit
) -> dict[PersonDay, DayChange]:
    """Return the persons' days that have a limit and that the transitions touch."""
    changes: dict[PersonDay, DayChange] = {}
    for key, (before, after) in transitions.items():
        old, new = _live_person_day(key, before), _live_person_day(key, after)
        if old is not None and old != new and limit(old[1]) is not None:
            changes.setdefault(old, DayChange()).leaving += 1
        if old is not None and old == new and limit(old[1]) is not None and _is_reordered(before, after):
            changes.setdefault(old, DayChange()).staying.append(content_of(key))
        if new is not None and old != new and limit(new[1]) is not None:
            changes.setdefault(new, DayChange()).entering.append(content_of(key))
    return changes


def _live_person_day(key: LikeKey, like: Like | None) -> PersonDay | None:
    if like is None or like.day is None or like.state not in LIVE_STATES:
        return None
    return person_of(key), like.day


def _is_reordered(before: Like | None, after: Like) -> bool:
    return before is not None and (before.event_us, before.state) != (after.event_us, after.state)


def first_likes(likes: Mapping[str, Like], limit: int) -> frozenset[str]:
    """Return the contents of the likes that count: the earliest ones, ties by content."""
    return frozenset(sorted(likes, key=lambda content: (likes[content].event_us, content))[:limit])


def place_likes(
    person: bytes,
    likes: Mapping[str, Like],
    counted: Collection[str],
    transitions: Mapping[LikeKey, LikeTransition],
    is_new: Callable[[LikeKey], bool],
) -> dict[LikeKey, LikeTransition]:
    """Return the changed transitions of a person's live likes of a day: `counted` ones count.

    `likes` has each like after its transition, if it has one. A like without one is stored, or new
    in this batch.
    """
    placed = {}
    for content, like in likes.items():
        state = LikeState.COUNTED if content in counted else LikeState.OVER_LIMIT
        if like.state is not state:
            key = like_key(content, person)
            before = transitions[key].before if key in transitions else None if is_new(key) else like
            placed[key] = LikeTransition(before, like._replace(state=state))
    return placed


def mark_over_limit(
    decision: Decision, changes_by_like: ChangesByLike, placed: Mapping[LikeKey, LikeTransition]
) -> Decision:
    """Return the decision with these transitions; the outcome of what would count follows its place."""
    if not placed:
        return decision
    outcomes = dict(decision.outcomes)
    for position in _over_limit_positions(changes_by_like, placed):
        if outcomes.get(position, Outcome.COUNTED) is Outcome.COUNTED:
            outcomes[position] = Outcome.OVER_LIMIT
    transitions = {key: value for key, value in {**decision.transitions, **placed}.items() if value[0] != value[1]}
    return Decision(outcomes, transitions, decision.duplicates)


def _over_limit_positions(changes_by_like: ChangesByLike, placed: Mapping[LikeKey, LikeTransition]) -> Iterable[int]:
    for key, (_, after) in placed.items():
        if after.state is LikeState.OVER_LIMIT:
            yield from (position for position, _ in changes_by_like.get(key, ()))
