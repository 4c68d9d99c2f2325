"""The decision about likes that need one: pure, from their events and the stored likes.

A like of a batch needs none if it is plain: new, with one event, which is a like and not suspect.
`decide_likes` applies every event of the others, and `tally_by_day` counts the difference. The
daily limit of a person is applied in between (`campaigns/intake/daily_limit.py`).
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from campaigns.intake.like_key import LikeKey
from campaigns.intake.like_state import Like, LikeChange, LikeState, Outcome, apply_event, repeated_day

ChangesByLike = Mapping[LikeKey, Sequence[tuple[int, LikeChange]]]  # each event with its position in the batch
DayTallies = dict[date, Counter[str]]


class LikeTransition(NamedTuple):
    """A like before and after the batch."""

    before: Like | None
    after: Like

    @property
    def gets_leaf(self) -> bool:
        """Whether the batch gives the like its leaf: it brings the first like event.

        A like of an older release that lacks a leaf gets one when it starts to count.
        """
        if self.before is None or self.before.day is None:
            return self.after.day is not None
        return self.before.lacks_leaf and self.after.state is LikeState.COUNTED


@dataclass(frozen=True, slots=True)
class Decision:
    """The decision about some likes of a batch."""

    outcomes: Mapping[int, Outcome]  # by the event's position in the batch
    transitions: Mapping[LikeKey, LikeTransition]  # only likes that change
    duplicates: Mapping[LikeKey, Counter[date]]  # repeated likes, by campaign day


def decide_likes(
    changes_by_like: ChangesByLike, stored_likes: Mapping[LikeKey, Like | None], *, times_matter: bool = True
) -> Decision:
    """Return the decision about the likes in `stored_likes`; None stands for a new like.

    `times_matter` is False where unlikes change nothing: a later event about a stored like is no
    change then.
    """
    outcomes: dict[int, Outcome] = {}
    transitions: dict[LikeKey, LikeTransition] = {}
    duplicates: dict[LikeKey, Counter[date]] = {}
    for key, before in stored_likes.items():
        after = before
        for position, change in changes_by_like[key]:
            if (day := repeated_day(after, change)) is not None:
                duplicates.setdefault(key, Counter())[day] += 1
            after, outcomes[position] = apply_event(after, change)
        if after is not None and (before is None or _differs(before, after, times_matter=times_matter)):
            transitions[key] = LikeTransition(before, after)
    return Decision(outcomes, transitions, duplicates)


def _differs(before: Like, after: Like, *, times_matter: bool) -> bool:
    return before != (after if times_matter else after._replace(latest_us=before.latest_us))


def replace_decisions(decision: Decision, redecided_keys: AbstractSet[LikeKey], redecision: Decision) -> Decision:
    """Return the decision with that about `redecided_keys` replaced."""
    transitions = {key: value for key, value in decision.transitions.items() if key not in redecided_keys}
    duplicates = {key: value for key, value in decision.duplicates.items() if key not in redecided_keys}
    return Decision(
        outcomes={**decision.outcomes, **redecision.outcomes},
        transitions=transitions | dict(redecision.transitions),
        duplicates=duplicates | dict(redecision.duplicates),
    )


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
