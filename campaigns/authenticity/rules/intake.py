"""Rules over one observation: they run when the like arrives, and again in every pass."""

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
