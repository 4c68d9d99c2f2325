"""Periods: which are closed and not settled yet. Pure; a period is named by the day on which its cron falls due.

At most one period a day, however often a clock change makes the same local hour come: firing late, twice or not at
all is the scheduler's affair, which periods there are is arithmetic.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from ledger.settlements.cron import due_days

_DAY = timedelta(days=1)
_HORIZON = timedelta(days=3 * 366)


class Period(NamedTuple):
    """A closed period: what is due for the days until `cut_off` may be settled."""

    day: date  # names it
    cut_off: date
    is_last: bool = False  # the campaign is closed and its likes are mature: everything goes


@dataclass(frozen=True, slots=True)
class PeriodWindow:
    """When periods of a campaign may fall."""

    cron: str
    timezone: ZoneInfo
    starts_at: datetime
    first_day: date
    last_day: date
    hold_days: int
    closed_at: datetime | None = None
    ahead_max: timedelta = timedelta(0)  # how far ahead of the clock that may be which counts

    @property
    def last_counting_day(self) -> date:
        """The last day that something can count for: of a campaign closed about midnight it may be the next one."""
        if self.closed_at is None:
            return self.last_day
        newest = (self.closed_at + self.ahead_max).astimezone(self.timezone).date()
        return max(self.first_day, min(self.last_day, newest))

    def cut_off(self, day: date) -> date:
        """Return the last day that ended at least `hold_days` before any moment of `day`, by the calendar."""
        return min(day - timedelta(days=self.hold_days) - _DAY, self.last_day)

    @property
    def ends_at(self) -> datetime | None:
        """When the last period falls due: closed, and the likes of the last day are mature."""
        if self.closed_at is None:
            return None
        mature = self.last_counting_day + timedelta(days=self.hold_days) + _DAY
        return max(self.closed_at, midnight(mature, self.timezone))


def midnight(day: date, timezone: ZoneInfo) -> datetime:
    """Return when a day starts."""
    return datetime(day.year, day.month, day.day, tzinfo=timezone)


def closed_periods(window: PeriodWindow, now: datetime, after: date | None = None) -> Iterator[Period]:
    """Yield the periods that are closed at `now`, oldest first, from the day after `after`; the last one included."""
    ends_at = window.ends_at
    until = now if ends_at is None else min(now, ends_at - timedelta(microseconds=1))
    first = window.first_day if after is None else after + _DAY
    for day in due_days(window.cron, window.timezone, max(window.starts_at, midnight(first, window.timezone)), until):
        if window.cut_off(day) >= window.first_day:
            yield Period(day, window.cut_off(day))
            first = day + _DAY
    if ends_at is not None and ends_at <= now:
        yield Period(max(first, ends_at.astimezone(window.timezone).date()), window.last_counting_day, is_last=True)


def next_period(window: PeriodWindow, now: datetime) -> date | None:
    """Return the day on which the next period falls due that has anything to take; None: never."""
    ends_at = window.ends_at
    if ends_at is not None and ends_at <= now:
        return None
    start = max(
        now, window.starts_at, midnight(window.first_day + timedelta(days=window.hold_days) + _DAY, window.timezone)
    )
    until = start + _HORIZON if ends_at is None else ends_at
    last = ends_at and ends_at.astimezone(window.timezone).date()
    return next(due_days(window.cron, window.timezone, start, until), last)
