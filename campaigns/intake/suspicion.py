"""Whether a like looks fake: pure rules over one event's signals.

Suspect likes are quarantined, never counted. A rule returns the reason of its suspicion, or None. A
rule that fails counts as suspicious: intake fails closed.
"""

from collections.abc import Callable

from campaigns.intake.delivery_body import Signals

Rule = Callable[[Signals], str | None]

_NEW_ACCOUNT_DAYS = 1
_LOOPS_MAX = 1_000


def new_account_without_watch_time(signals: Signals) -> str | None:
    """Suspect an account created today that liked without watching: the commonest bought like."""
    if signals.get("account_age_days", _NEW_ACCOUNT_DAYS) >= _NEW_ACCOUNT_DAYS:
        return None
    return "a new account liked without watching" if signals.get("watch_ms", 1) == 0 else None


def implausible_watch_time(signals: Signals) -> str | None:
    """Suspect more than a thousand times the video's length: an invented figure."""
    duration_ms = signals.get("duration_ms", 0)
    if duration_ms == 0:
        return None
    return "watched longer than anyone can" if signals.get("watch_ms", 0) > _LOOPS_MAX * duration_ms else None


RULES: tuple[Rule, ...] = (new_account_without_watch_time, implausible_watch_time)


def suspicion_reason(signals: Signals, rules: tuple[Rule, ...] = RULES) -> str | None:
    """Return the first rule's reason to suspect the like; None if no rule suspects it."""
    for rule in rules:
        try:
            reason = rule(signals)
        except Exception:  # noqa: BLE001 - a broken rule must not let a like through
            reason = "a rule of authenticity failed"
        if reason is not None:
            return reason
    return None
