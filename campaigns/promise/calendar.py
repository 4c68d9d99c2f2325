"""The days of a campaign in its time zone. Bisection replaces a time zone conversion per like."""

from bisect import bisect_right
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

AHEAD_MAX = timedelta(minutes=5)  # how far a like's time may lie ahead of the service's clock

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def to_microseconds(moment: datetime) -> int:
    """Return microseconds since 1970, exactly."""
    return (moment - _EPOCH) // _MICROSECOND


def local_day(moment: datetime, timezone: ZoneInfo) -> date:
    """Return the calendar day of a moment in a time zone."""
    return moment.astimezone(timezone).date()


@dataclass(frozen=True, slots=True)
class Calendar:
    """The days from the campaign's first to its last."""

    timezone: ZoneInfo
    starts_at: datetime
    ends_at: datetime
    starts_us: int  # microseconds since 1970
    ends_us: int
    days: tuple[date, ...]
    midnights_us: tuple[int, ...]  # start of each day, microseconds since 1970

    @classmethod
    def from_bounds(cls, starts_at: datetime, ends_at: datetime, timezone: ZoneInfo) -> "Calendar":
        """Return the days on which a like can fall. `ends_at` is exclusive."""
        first = local_day(starts_at, timezone)
        last = local_day(ends_at - _MICROSECOND, timezone)
        days = tuple(first + timedelta(days=n) for n in range((last - first).days + 1))
        midnights = tuple(to_microseconds(datetime.combine(day, time(), tzinfo=timezone)) for day in days)
        return cls(
            timezone, starts_at, ends_at, to_microseconds(starts_at), to_microseconds(ends_at), days, midnights
        )

    def day_of(self, event_us: int) -> date:
        """Return the campaign day of a moment inside the campaign (microseconds since 1970)."""
        return self.days[bisect_right(self.midnights_us, event_us) - 1]
