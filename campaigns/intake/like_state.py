"""The life of a like: one person, one content, one campaign; two events about it commute (design, section 3).

The later `event_at` wins, a tie is won by `unlike`, and a replay of what is older changes nothing. So whether a
like counts does not depend on the order in which the events arrive.
"""

from datetime import date
from enum import StrEnum
from typing import NamedTuple


class LikeState(StrEnum):
    """Where a like stands; only `counted` earns."""

    COUNTED = "counted"
    WITHDRAWN = "withdrawn"
    QUARANTINED = "quarantined"
    VOID = "void"
    OVER_LIMIT = "over_limit"


LIVE_STATES = (
    LikeState.COUNTED,
    LikeState.OVER_LIMIT,
)  # of these a person has as many counted a day as the terms allow


class Outcome(StrEnum):
    """What became of one like or unlike of a delivery; the value is its public name."""

    COUNTED = "counted"
    DUPLICATE = "duplicate"
    WITHDRAWN = "withdrawn"
    KEPT = "kept"
    OLDER = "older"
    OVER_LIMIT = "over_limit"
    QUARANTINED = "quarantined"
    NOT_ENROLLED = "not_enrolled"
    NOT_RUNNING = "not_running"
    TOO_LATE = "too_late"
    IN_FUTURE = "in_future"
    INVALID = "invalid"


REASONS = {
    Outcome.COUNTED: "it counts",
    Outcome.DUPLICATE: "the same person's like or unlike of the same content was known already",
    Outcome.WITHDRAWN: "the like is withdrawn and counts no more",
    Outcome.KEPT: "this campaign keeps likes: an unlike changes nothing",
    Outcome.OLDER: "something later is known about the same like",
    Outcome.OVER_LIMIT: "the person reached the campaign's daily limit",
    Outcome.QUARANTINED: "the signals look fake: it counts for nothing until it was looked at",
    Outcome.NOT_ENROLLED: "the content belongs to no campaign, or to another one",
    Outcome.NOT_RUNNING: "the campaign does not run at that time",
    Outcome.TOO_LATE: "it arrived later than the campaign allows",
    Outcome.IN_FUTURE: "event_at is more than five minutes ahead of our clock",
    Outcome.INVALID: "it is not a like as the contract describes it",
}


class Like(NamedTuple):
    """What is known of a like."""

    state: LikeState
    event_us: int  # of the latest like or unlike about it, microseconds since 1970
    day: date | None  # of the like that made it what it is; None: unliked before any like came


class LikeChange(NamedTuple):
    """A like or unlike that its campaign accepts, on its way to the table."""

    is_like: bool
    event_us: int  # microseconds since 1970
    day: date
    is_suspect: bool = False


def apply_event(like: Like | None, change: LikeChange) -> tuple[Like, Outcome]:
    """Return what is known afterwards, and what became of the event."""
    if not change.is_like:
        return _apply_unlike(like, change)
    return _new_like(change) if like is None else _apply_like(like, change)


def _apply_like(like: Like, change: LikeChange) -> tuple[Like, Outcome]:
    if like.state is not LikeState.WITHDRAWN:
        return like._replace(event_us=max(like.event_us, change.event_us)), Outcome.DUPLICATE
    if change.event_us > like.event_us:
        return _new_like(change)
    return (like if like.day else like._replace(day=change.day)), Outcome.OLDER


def _new_like(change: LikeChange) -> tuple[Like, Outcome]:
    if change.is_suspect:
        return Like(LikeState.QUARANTINED, change.event_us, change.day), Outcome.QUARANTINED
    return Like(LikeState.COUNTED, change.event_us, change.day), Outcome.COUNTED


def _apply_unlike(like: Like | None, change: LikeChange) -> tuple[Like, Outcome]:
    if like is None:
        return Like(LikeState.WITHDRAWN, change.event_us, None), Outcome.WITHDRAWN
    if change.event_us < like.event_us:
        return like, Outcome.OLDER
    later = like._replace(event_us=change.event_us)
    if like.state in (LikeState.WITHDRAWN, LikeState.VOID):
        return later, Outcome.DUPLICATE
    return later._replace(state=LikeState.WITHDRAWN), Outcome.WITHDRAWN


def is_repeat_like(like: Like | None, change: LikeChange) -> bool:
    """Tell whether this is a like of what the person had liked before: the waterfall's `duplicate`."""
    return change.is_like and like is not None and like.day is not None
