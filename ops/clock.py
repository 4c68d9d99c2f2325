"""The clock: the one place that asks the machine for the time. Everywhere else `now` is an argument."""

from datetime import UTC, datetime


def utc_now() -> datetime:
    """Return the time now, in UTC."""
    return datetime.now(UTC)
