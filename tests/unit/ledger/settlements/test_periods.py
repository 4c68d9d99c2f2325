"""Periods that are closed, across clock changes, closings and missed periods."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from ledger.settlements.periods import Period, PeriodWindow, closed_periods, next_period

SHANGHAI, PARIS = ZoneInfo("Asia/Shanghai"), ZoneInfo("Europe/Paris")


def kuairand(closed_at: datetime | None = None) -> PeriodWindow:
    """Return the contract's promise: two weeks in April 2022, settled on Mondays at three."""
    starts_at = datetime(2022, 4, 8, tzinfo=SHANGHAI)
    return PeriodWindow("0 3 * * mon", SHANGHAI, starts_at, date(2022, 4, 8), date(2022, 4, 21), 3, closed_at)


def in_paris(cron: str, first: date, days: int, hold_days: int = 0) -> PeriodWindow:
    starts_at = datetime(first.year, first.month, first.day, tzinfo=PARIS)
    return PeriodWindow(cron, PARIS, starts_at, first, first + timedelta(days=days - 1), hold_days)


def period_names(window: PeriodWindow, now: datetime, after: date | None = None) -> list[str]:
    return [str(period.day) for period in closed_periods(window, now, after)]


def test_a_period_is_named_by_the_day_its_cron_falls_due_and_cut_off_by_hold_days():
    assert list(closed_periods(kuairand(), datetime(2022, 4, 26, tzinfo=UTC))) == [
        Period(date(2022, 4, 18), date(2022, 4, 14)),
        Period(date(2022, 4, 25), date(2022, 4, 21)),
    ]


@pytest.mark.parametrize(
    ("now", "names"),
    [
        (datetime(2022, 4, 11, 3, tzinfo=SHANGHAI), []),  # no day has matured yet
        (datetime(2022, 4, 18, 2, 59, 59, 999_999, tzinfo=SHANGHAI), []),
        (datetime(2022, 4, 18, 3, tzinfo=SHANGHAI), ["2022-04-18"]),
        (datetime(2022, 4, 17, 19, tzinfo=UTC), ["2022-04-18"]),
        (datetime(2022, 5, 8, tzinfo=UTC), ["2022-04-18", "2022-04-25", "2022-05-02"]),
    ],
)
def test_a_period_is_closed_from_the_minute_it_falls_due(now: datetime, names: list[str]):
    assert period_names(kuairand(), now) == names


def test_late_likes_keep_periods_coming_after_the_end_and_the_cut_off_stays_at_the_last_day():
    later = list(closed_periods(kuairand(), datetime(2022, 5, 8, tzinfo=UTC), date(2022, 4, 25)))
    assert later == [Period(date(2022, 5, 2), date(2022, 4, 21))]


@pytest.mark.parametrize(
    ("closed_at", "now", "last"),
    [
        # closed in mid-campaign: the last likes still have to mature
        (datetime(2022, 4, 15, 12, tzinfo=SHANGHAI), datetime(2022, 4, 18, 23, tzinfo=SHANGHAI), None),
        (
            datetime(2022, 4, 15, 12, tzinfo=SHANGHAI),
            datetime(2022, 4, 19, tzinfo=SHANGHAI),
            Period(date(2022, 4, 19), date(2022, 4, 15), is_last=True),
        ),
        # closed long after: at once, on the day of closing
        (
            datetime(2022, 5, 3, 12, tzinfo=SHANGHAI),
            datetime(2022, 5, 3, 12, tzinfo=SHANGHAI),
            Period(date(2022, 5, 3), date(2022, 4, 21), is_last=True),
        ),
        # closed on a day that had its period already
        (
            datetime(2022, 5, 2, 12, tzinfo=SHANGHAI),
            datetime(2022, 5, 2, 12, tzinfo=SHANGHAI),
            Period(date(2022, 5, 3), date(2022, 4, 21), is_last=True),
        ),
    ],
)
def test_closing_makes_the_last_period_once_its_likes_are_mature(
    closed_at: datetime, now: datetime, last: Period | None
):
    periods = list(closed_periods(kuairand(closed_at), now))
    assert [period for period in periods if period.is_last] == ([last] if last else [])
    if last:
        assert periods[-1] == last
        assert list(closed_periods(kuairand(closed_at), now + timedelta(days=365))) == periods


@pytest.mark.parametrize("cron", ["30 2 * * *", "0 2 * * *", "59 2 * * *", "0 3 * * *", "0 0 * * *", "* * * * *"])
@pytest.mark.parametrize("first", [date(2026, 3, 27), date(2026, 10, 23)])
def test_every_day_has_one_period_though_an_hour_is_missing_or_comes_twice(cron: str, first: date):
    window = in_paris(cron, first, 5)
    periods = list(
        closed_periods(window, datetime(first.year, first.month, first.day, tzinfo=UTC) + timedelta(days=9))
    )
    days = [first + timedelta(days=n) for n in range(1, 9)]
    assert [period.day for period in periods][: len(days)] == days
    assert [period.cut_off for period in periods][:5] == [day - timedelta(days=1) for day in days[:5]]


@pytest.mark.parametrize("minutes", [0, 29, 30, 31, 59, 60, 89, 90, 91, 119, 120])
def test_a_repeated_hour_makes_no_second_period_at_any_minute(minutes: int):
    window = in_paris("30 2 * * *", date(2026, 10, 20), 10)
    first_time = datetime(2026, 10, 25, 0, 0, tzinfo=UTC) + timedelta(minutes=minutes)  # 02:00 in summer time
    names = period_names(window, first_time)
    assert names.count("2026-10-25") == (1 if minutes >= 30 else 0)
    assert period_names(window, first_time, date(2026, 10, 25)) == []


def test_the_cut_off_is_counted_in_days_not_in_hours():
    window = in_paris("0 0 * * *", date(2026, 3, 27), 10, hold_days=1)
    cut_offs = {period.day: period.cut_off for period in closed_periods(window, datetime(2026, 4, 2, tzinfo=UTC))}
    assert cut_offs[date(2026, 3, 30)] == date(2026, 3, 28)  # the 29th had 23 hours
    autumn = in_paris("0 0 * * *", date(2026, 10, 20), 10, hold_days=1)
    cut_offs = {period.day: period.cut_off for period in closed_periods(autumn, datetime(2026, 10, 30, tzinfo=UTC))}
    assert cut_offs[date(2026, 10, 26)] == date(2026, 10, 24)  # the 25th had 25


@pytest.mark.parametrize(
    ("now", "day"),
    [
        (datetime(2022, 4, 1, tzinfo=UTC), date(2022, 4, 18)),
        (datetime(2022, 4, 18, 2, tzinfo=SHANGHAI), date(2022, 4, 18)),
        (datetime(2022, 4, 18, 4, tzinfo=SHANGHAI), date(2022, 4, 25)),
    ],
)
def test_the_next_period(now: datetime, day: date):
    assert next_period(kuairand(), now) == day


def test_after_the_last_period_there_is_none():
    closed_at = datetime(2022, 4, 22, 1, tzinfo=SHANGHAI)
    assert next_period(kuairand(closed_at), closed_at) == date(2022, 4, 25)
    assert next_period(kuairand(closed_at), datetime(2022, 4, 25, 1, tzinfo=SHANGHAI)) is None
