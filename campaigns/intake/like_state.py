"""The state machine of a like: one person, one content, one campaign.

All events about it commute. Its latest event decides whether it counts; `unlike` wins a tie. Its
earliest like decides where it stands: day, place under the daily limit, and whether it is suspect;
a suspect one wins a tie. So nothing depends on the order in which events arrive, and an unlike
followed by a new like moves nothing (`ops/decisions/0029-earliest-like.md`).
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


_LIVE = {False: (LikeState.COUNTED, Outcome.COUNTED), True: (LikeState.QUARANTINED, Outcome.QUARANTINED)}

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
    """A like as stored; times in microseconds since 1970."""

    state: LikeState
    event_us: int  # of its earliest like; of its latest unlike while no like has arrived
    day: date | None  # campaign day of its earliest like; None if only an unlike has arrived
    latest_us: int  # of its latest like or unlike
    is_suspect: bool = False  # its earliest like looks fake


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
    return _first_like(change) if like is None else _apply_like(like, change)


def _first_like(change: LikeChange) -> tuple[Like, Outcome]:
    state, outcome = _LIVE[change.is_suspect]
    return Like(state, change.event_us, change.day, change.event_us, change.is_suspect), outcome


def _apply_like(like: Like, change: LikeChange) -> tuple[Like, Outcome]:
    later = change.event_us > like.latest_us
    after = _stand_at_earliest(like, change)._replace(latest_us=max(like.latest_us, change.event_us))
    if like.state is not LikeState.WITHDRAWN:
        return _judge(after), Outcome.DUPLICATE
    if not later:
        return after, Outcome.OLDER
    state, outcome = _LIVE[after.is_suspect]
    return after._replace(state=state), outcome


def _stand_at_earliest(like: Like, change: LikeChange) -> Like:
    if like.day is None or change.event_us < like.event_us:
        return like._replace(event_us=change.event_us, day=change.day, is_suspect=change.is_suspect)
    if change.event_us == like.event_us and change.is_suspect:
        return like._replace(is_suspect=True)
    return like


def _judge(like: Like) -> Like:
    """Return a like that is not withdrawn with the state that its earliest like calls for."""
    if like.state is LikeState.VOID or like.is_suspect == (like.state is LikeState.QUARANTINED):
        return like
    return like._replace(state=_LIVE[like.is_suspect][0])


def _apply_unlike(like: Like | None, change: LikeChange) -> tuple[Like, Outcome]:
    if like is None:
        return Like(LikeState.WITHDRAWN, change.event_us, None, change.event_us), Outcome.WITHDRAWN
    if change.event_us < like.latest_us:
        return like, Outcome.OLDER
    event_us = change.event_us if like.day is None else like.event_us
    later = like._replace(event_us=event_us, latest_us=change.event_us)
    if like.state in (LikeState.WITHDRAWN, LikeState.VOID):
        return later, Outcome.DUPLICATE
    return later._replace(state=LikeState.WITHDRAWN), Outcome.WITHDRAWN


def repeated_day(like: Like | None, change: LikeChange) -> date | None:
    """Return the day on which the event repeats a like: the waterfall's `duplicate`; None: on none.

    The earliest like is the like, all others repeat it: if the event is earlier, the one that stood
    so far is the repeated one.
    """
    if not change.is_like or like is None or like.day is None:
        return None
    return like.day if change.event_us < like.event_us else change.day
