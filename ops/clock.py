"""The clock: the only place that reads the machine's time; elsewhere `now` is an argument."""

from datetime import UTC, datetime


def utc_now() -> datetime:
    """Return the time now, in UTC."""
    return datetime.now(UTC)
