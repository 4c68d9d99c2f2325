"""Settlement periods, named by the day on which their cron falls due. Pure.

A day has at most one period, even if a clock change repeats an hour. The list of periods is
arithmetic, so it does not depend on a scheduler that fires late, twice or never.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from ledger.settlements.cron import due_days, due_moment

_DAY = timedelta(days=1)
_HORIZON = timedelta(days=3 * 366)


class Period(NamedTuple):
    """A closed period: amounts due for the days up to `cut_off` may be settled."""

    day: date  # its name
    cut_off: date
    is_last: bool = False  # the campaign is closed and its likes are mature: settle everything


@dataclass(frozen=True, slots=True)
class PeriodWindow:
    """The rules for when a campaign's periods fall."""

    cron: str
    timezone: ZoneInfo
    starts_at: datetime
    first_day: date
    last_day: date
    hold_days: int
    closed_at: datetime | None = None
    ahead_max: timedelta = timedelta(0)  # how far ahead of the clock a like may be and still count

    @property
    def last_counting_day(self) -> date:
        """Return the last day for which a like can count, perhaps the day after the close."""
        if self.closed_at is None:
            return self.last_day
        newest = (self.closed_at + self.ahead_max).astimezone(self.timezone).date()
        return max(self.first_day, min(self.last_day, newest))

    def cut_off(self, day: date) -> date:
        """Return the last day that ended at least `hold_days` calendar days before `day` begins."""
        return min(day - timedelta(days=self.hold_days) - _DAY, self.last_day)

    @property
    def ends_at(self) -> datetime | None:
        """Return when the last period falls due: the likes of the last day are mature.

        None if not closed.
        """
        if self.closed_at is None:
            return None
        mature = self.last_counting_day + timedelta(days=self.hold_days) + _DAY
        return max(self.closed_at, midnight(mature, self.timezone))


def midnight(day: date, timezone: ZoneInfo) -> datetime:
    """Return the moment when a day starts in a time zone."""
    return datetime(day.year, day.month, day.day, tzinfo=timezone)


def closed_periods(window: PeriodWindow, now: datetime, after: date | None = None) -> Iterator[Period]:
    """Yield the periods closed at `now`, oldest first, from the day after `after`."""
    ends_at = window.ends_at
    until = now if ends_at is None else min(now, ends_at - timedelta(microseconds=1))
    first = window.first_day if after is None else after + _DAY
    for day in due_days(window.cron, window.timezone, max(window.starts_at, midnight(first, window.timezone)), until):
        if window.cut_off(day) >= window.first_day:
            yield Period(day, window.cut_off(day))
            first = day + _DAY
    if ends_at is not None and ends_at <= now:
        yield Period(max(first, ends_at.astimezone(window.timezone).date()), window.last_counting_day, is_last=True)


def period_due_at(window: PeriodWindow, period: Period) -> datetime:
    """Return the moment when a period falls due."""
    if period.is_last and window.ends_at is not None:
        return window.ends_at
    return due_moment(window.cron, window.timezone, period.day)


def next_period(window: PeriodWindow, now: datetime) -> date | None:
    """Return the day of the next period that has a mature day, None if there is none."""
    ends_at = window.ends_at
    if ends_at is not None and ends_at <= now:
        return None
    start = max(
        now, window.starts_at, midnight(window.first_day + timedelta(days=window.hold_days) + _DAY, window.timezone)
    )
    until = start + _HORIZON if ends_at is None else ends_at
    last = ends_at and ends_at.astimezone(window.timezone).date()
    return next(due_days(window.cron, window.timezone, start, until), last)
