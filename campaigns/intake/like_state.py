"""The state machine of a like: one person, one content, one campaign.

Two events about it commute (design, 3). The later `event_at` wins, `unlike` wins a tie, and the
replay of an older event changes nothing. So whether a like counts does not depend on the order in
which its events arrive.
"""

from datetime import date
from enum import StrEnum
from typing import NamedTuple


class LikeState(StrEnum):
    """The state of a like; only `counted` earns."""

    COUNTED = "counted"
    WITHDRAWN = "withdrawn"
    QUARANTINED = "quarantined"
    VOID = "void"
    OVER_LIMIT = "over_limit"


LIVE_STATES = (LikeState.COUNTED, LikeState.OVER_LIMIT)  # the states that a person's daily limit applies to


class Outcome(StrEnum):
    """The outcome of one like or unlike of a delivery; the value is its public name."""

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
    Outcome.COUNTED: "the like counts",
    Outcome.DUPLICATE: "the same like or unlike of this person and content was recorded before",
    Outcome.WITHDRAWN: "the like is withdrawn and no longer counts",
    Outcome.KEPT: "this campaign keeps likes: an unlike changes nothing",
    Outcome.OLDER: "a later event about the same like was recorded before",
    Outcome.OVER_LIMIT: "the person reached the campaign's daily limit",
    Outcome.QUARANTINED: "the signals look fake: the like does not count until a person has reviewed it",
    Outcome.NOT_ENROLLED: "the content belongs to no campaign, or to another one",
    Outcome.NOT_RUNNING: "the campaign does not run at that time",
    Outcome.TOO_LATE: "the like arrived later than the campaign allows",
    Outcome.IN_FUTURE: "event_at is more than five minutes ahead of the service's clock",
    Outcome.INVALID: "the event does not have the documented form",
}


class Like(NamedTuple):
    """A like as stored."""

    state: LikeState
    event_us: int  # of its latest like or unlike, microseconds since 1970
    day: date | None  # campaign day of the like that led to the state; None if only an unlike has arrived


class LikeChange(NamedTuple):
    """An event that its campaign accepts: a like or an unlike."""

    is_like: bool
    event_us: int  # microseconds since 1970
    day: date
    is_suspect: bool = False


def apply_event(like: Like | None, change: LikeChange) -> tuple[Like, Outcome]:
    """Return the like after the event, and the outcome of the event.

    `like` is None before its first event.
    """
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
    """Tell whether the person had liked this content before: the waterfall's `duplicate`."""
    return change.is_like and like is not None and like.day is not None
