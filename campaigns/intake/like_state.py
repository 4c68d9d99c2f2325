"""The state machine of a like: one person, one content, one campaign.

All events about it commute. Its latest event decides whether it is withdrawn; `unlike` wins a tie.
Its earliest like decides where it stands: day, place under the daily limit, and how its observation
looks; one that looks fake, or of low quality, wins a tie. A verdict of rules or people stays
whatever events follow. So nothing depends on the order of events and verdicts, and an unlike
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
    LOW_QUALITY = "low_quality"


class LikeVerdict(StrEnum):
    """What rules or people decided about a like; it outlives an unlike."""

    HELD = "held"  # by rules, until people decide
    CLEARED = "cleared"  # by rules: they do not hold what intake's rules suspected
    RELEASED = "released"  # by people
    VOID = "void"  # by people: the like is fake


FINAL_VERDICTS = frozenset((LikeVerdict.RELEASED, LikeVerdict.VOID))  # only people change these
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
    VOID = "void"
    LOW_QUALITY = "low_quality"
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
    Outcome.VOID: "the like was found to be fake: it does not count",
    Outcome.LOW_QUALITY: "the video was watched too little for the like to count in this campaign",
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
    is_low_quality: bool = False  # its earliest like is below the quality that the day's terms ask for
    verdict: LikeVerdict | None = None
    lacks_leaf: bool = False  # stored by a release that gave leaves to counted likes only


class LikeChange(NamedTuple):
    """An event that its campaign accepts: a like or an unlike."""

    is_like: bool
    event_us: int  # microseconds since 1970
    day: date
    is_suspect: bool = False
    is_low_quality: bool = False


def apply_event(like: Like | None, change: LikeChange) -> tuple[Like, Outcome]:
    """Return the like after the event, and the outcome of the event.

    `like` is None before its first event.
    """
    if not change.is_like:
        return _apply_unlike(like, change)
    return _first_like(change) if like is None else _apply_like(like, change)


def apply_verdict(like: Like, verdict: LikeVerdict) -> Like:
    """Return the like with a verdict in place of the one it has."""
    return _derive_state(like._replace(verdict=verdict), is_withdrawn=like.state is LikeState.WITHDRAWN)


def _first_like(change: LikeChange) -> tuple[Like, Outcome]:
    flags = change.is_suspect, change.is_low_quality
    like = _derive_state(
        Like(LikeState.COUNTED, change.event_us, change.day, change.event_us, *flags), is_withdrawn=False
    )
    return like, Outcome(like.state.value)


def _apply_like(like: Like, change: LikeChange) -> tuple[Like, Outcome]:
    is_withdrawn = like.state is LikeState.WITHDRAWN
    is_later = change.event_us > like.latest_us
    after = _stand_at_earliest(like, change)._replace(latest_us=max(like.latest_us, change.event_us))
    after = _derive_state(after, is_withdrawn=is_withdrawn and not is_later)
    if not is_withdrawn:
        return after, Outcome.DUPLICATE
    return after, Outcome(after.state.value) if is_later else Outcome.OLDER


def _stand_at_earliest(like: Like, change: LikeChange) -> Like:
    if like.day is None or change.event_us < like.event_us:
        return like._replace(
            event_us=change.event_us,
            day=change.day,
            is_suspect=change.is_suspect,
            is_low_quality=change.is_low_quality,
        )
    if change.event_us == like.event_us:
        return like._replace(
            is_suspect=like.is_suspect or change.is_suspect,
            is_low_quality=like.is_low_quality or change.is_low_quality,
        )
    return like


def _derive_state(like: Like, *, is_withdrawn: bool) -> Like:
    """Return the like with the first state that applies; the daily limit decides between live ones."""
    if is_withdrawn:
        return like._replace(state=LikeState.WITHDRAWN)
    if like.verdict is LikeVerdict.VOID:
        return like._replace(state=LikeState.VOID)
    if like.verdict is LikeVerdict.HELD or (like.verdict is None and like.is_suspect):
        return like._replace(state=LikeState.QUARANTINED)
    if like.is_low_quality:
        return like._replace(state=LikeState.LOW_QUALITY)
    return like if like.state in LIVE_STATES else like._replace(state=LikeState.COUNTED)


def _apply_unlike(like: Like | None, change: LikeChange) -> tuple[Like, Outcome]:
    if like is None:
        return Like(LikeState.WITHDRAWN, change.event_us, None, change.event_us), Outcome.WITHDRAWN
    if change.event_us < like.latest_us:
        return like, Outcome.OLDER
    event_us = change.event_us if like.day is None else like.event_us
    later = like._replace(event_us=event_us, latest_us=change.event_us)
    if like.state is LikeState.WITHDRAWN:
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
