"""Whether a like looks real: pure rules over one event's signals. Suspect likes are quarantined, never counted.

A rule says why it suspects, or None. A rule that fails suspects too: we fail closed.
"""

from collections.abc import Callable

from campaigns.intake.payload import Signals

Rule = Callable[[Signals], str | None]

_NEW_ACCOUNT_DAYS = 1
_LOOPS_MAX = 1_000


def new_account_without_watch_time(signals: Signals) -> str | None:
    """An account of today that liked what it did not watch: the commonest bought like."""
    if signals.get("account_age_days", _NEW_ACCOUNT_DAYS) >= _NEW_ACCOUNT_DAYS:
        return None
    return "a new account liked without watching" if signals.get("watch_ms", 1) == 0 else None


def implausible_watch_time(signals: Signals) -> str | None:
    """More than a thousand times the video's length: a counter that was made up."""
    duration_ms = signals.get("duration_ms", 0)
    if duration_ms == 0:
        return None
    return "watched longer than anyone can" if signals.get("watch_ms", 0) > _LOOPS_MAX * duration_ms else None


RULES: tuple[Rule, ...] = (new_account_without_watch_time, implausible_watch_time)


def suspicion_reason(signals: Signals, rules: tuple[Rule, ...] = RULES) -> str | None:
    """Return why the like is suspect, or None where every rule is content."""
    for rule in rules:
        try:
            reason = rule(signals)
        except Exception:  # noqa: BLE001 - a rule that breaks must not let a like through
            reason = "a rule of authenticity failed"
        if reason is not None:
            return reason
    return None
