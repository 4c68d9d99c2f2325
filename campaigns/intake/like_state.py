"""The life of a like: one person, one content, one campaign; two events about it commute (design, section 3).

The later `event_at` wins, a tie is won by `unlike`, and a replay of what is older changes nothing. So whether a
like counts does not depend on the order in which the events arrive.
"""

from datetime import date
from enum import StrEnum
from typing import NamedTuple


class State(StrEnum):
    """Where a like stands; only `counted` earns."""

    COUNTED = "counted"
    WITHDRAWN = "withdrawn"
    QUARANTINED = "quarantined"
    VOID = "void"
    OVER_LIMIT = "over_limit"


LIVE = (State.COUNTED, State.OVER_LIMIT)  # of these a person has as many counted a day as the terms allow


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

    state: State
    event_us: int  # of the latest like or unlike about it, microseconds since 1970
    day: date | None  # of the like that made it what it is; None: unliked before any like came


class Incoming(NamedTuple):
    """A like or unlike that its campaign accepts, on its way to the table."""

    is_like: bool
    event_us: int  # microseconds since 1970
    day: date
    suspect: bool = False


def meet(known: Like | None, incoming: Incoming) -> tuple[Like, Outcome]:
    """Return what is known afterwards, and what became of the event."""
    if not incoming.is_like:
        return _unlike(known, incoming)
    return _begin(incoming) if known is None else _like(known, incoming)


def _like(known: Like, incoming: Incoming) -> tuple[Like, Outcome]:
    if known.state is not State.WITHDRAWN:
        return known._replace(event_us=max(known.event_us, incoming.event_us)), Outcome.DUPLICATE
    if incoming.event_us > known.event_us:
        return _begin(incoming)
    return (known if known.day else known._replace(day=incoming.day)), Outcome.OLDER


def _begin(incoming: Incoming) -> tuple[Like, Outcome]:
    if incoming.suspect:
        return Like(State.QUARANTINED, incoming.event_us, incoming.day), Outcome.QUARANTINED
    return Like(State.COUNTED, incoming.event_us, incoming.day), Outcome.COUNTED


def _unlike(known: Like | None, incoming: Incoming) -> tuple[Like, Outcome]:
    if known is None:
        return Like(State.WITHDRAWN, incoming.event_us, None), Outcome.WITHDRAWN
    if incoming.event_us < known.event_us:
        return known, Outcome.OLDER
    later = known._replace(event_us=incoming.event_us)
    if known.state in (State.WITHDRAWN, State.VOID):
        return later, Outcome.DUPLICATE
    return later._replace(state=State.WITHDRAWN), Outcome.WITHDRAWN


def is_repeated(known: Like | None, incoming: Incoming) -> bool:
    """Tell whether this is a like of what the person had liked before: the waterfall's `duplicate`."""
    return incoming.is_like and known is not None and known.day is not None
