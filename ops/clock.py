"""The clock: the only place that reads the machine's time; elsewhere `now` is an argument."""

from datetime import UTC, datetime


def utc_now() -> datetime:
    """Return the time now, in UTC."""
    return datetime.now(UTC)


def seconds_since(moment: datetime | None, now: datetime) -> float:
    """Return the seconds since a moment; 0 for None and for a later moment. Pure."""
    return max(0.0, (now - moment).total_seconds()) if moment else 0.0
