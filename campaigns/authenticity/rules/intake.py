"""Rules over one observation: they run when the like arrives, and again in every pass.

Each has a form over columns for the hot path, which returns the indexes of the same observations.
"""

from collections.abc import Sequence

from campaigns.authenticity.observation import Observation
from campaigns.authenticity.rule_input import Numbers


def is_new_and_unwatched(like: Observation, numbers: Numbers) -> bool:
    """Return whether a new account liked without watching: the commonest bought like. Pure."""
    age = like.account_age_days
    return age is not None and age <= numbers["account_days_max"] and like.watch_ms == 0


def has_too_many_loops(like: Observation, numbers: Numbers) -> bool:
    """Return whether the time watched is so many times the length that nobody watched it. Pure."""
    if not like.duration_ms or like.watch_ms is None:
        return False
    return like.watch_ms >= numbers["loops_from"] * like.duration_ms


def list_new_and_unwatched(
    ages: Sequence[int | None], watches: Sequence[int | None], _: Sequence[int | None], numbers: Numbers
) -> list[int]:
    """Return the indexes of the observations that `is_new_and_unwatched`. Pure."""
    days_max = numbers["account_days_max"]
    unwatched = [number for number, watch_ms in enumerate(watches) if watch_ms == 0]
    return [number for number in unwatched if (age := ages[number]) is not None and age <= days_max]


def list_too_many_loops(
    _: Sequence[int | None], watches: Sequence[int | None], durations: Sequence[int | None], numbers: Numbers
) -> list[int]:
    """Return the indexes of the observations that `has_too_many_loops`. Pure."""
    loops = numbers["loops_from"]
    return [
        number
        for number, (watch_ms, duration_ms) in enumerate(zip(watches, durations, strict=True))
        if watch_ms and duration_ms and watch_ms >= loops * duration_ms
    ]
