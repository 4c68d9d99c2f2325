"""Cron lines of settlements: unambiguous, in the campaign's time zone, across clock changes."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from ledger.errors import CronRefused
from ledger.settlements.cron import due_days, due_moment, parse_cron

SHANGHAI, CAIRO, BEIRUT = ZoneInfo("Asia/Shanghai"), ZoneInfo("Africa/Cairo"), ZoneInfo("Asia/Beirut")
SAO_PAULO, LONDON = ZoneInfo("America/Sao_Paulo"), ZoneInfo("Europe/London")
WEEK, MINUTE = timedelta(days=7), timedelta(minutes=1)


@pytest.mark.parametrize(
    ("cron", "due"),
    [
        ("0 3 * * mon", datetime(2026, 11, 30, 3, tzinfo=SHANGHAI)),
        ("0 3 * * sun", datetime(2026, 11, 29, 3, tzinfo=SHANGHAI)),
        ("0 3 * * mon-fri", datetime(2026, 11, 24, 3, tzinfo=SHANGHAI)),
        ("30 0 1 * *", datetime(2026, 12, 1, 0, 30, tzinfo=SHANGHAI)),
        ("*/20 * * * *", datetime(2026, 11, 23, 16, 20, tzinfo=SHANGHAI)),
    ],
)
def test_a_line_applies_in_the_campaigns_time_zone(cron: str, due: datetime):
    monday = datetime(2026, 11, 23, 8, 1, tzinfo=UTC)
    assert list(due_days(cron, SHANGHAI, monday, due)) == [due.date()]
    assert list(due_days(cron, SHANGHAI, monday, due - MINUTE)) == []


@pytest.mark.parametrize("hour_and_minute", ["0 0", "30 0", "59 0", "0 1"])
@pytest.mark.parametrize(
    ("timezone", "weekday", "change"),  # on this day the clocks go from 00:00 to 01:00
    [
        (CAIRO, "fri", date(2023, 4, 28)),
        (BEIRUT, "sun", date(2026, 3, 29)),
        (SAO_PAULO, "sun", date(2018, 11, 4)),
    ],
)
def test_a_weekly_line_keeps_the_week_whose_midnight_does_not_exist(
    hour_and_minute: str, timezone: ZoneInfo, weekday: str, change: date
):
    start = datetime(change.year, change.month, change.day, 12, tzinfo=UTC) - WEEK
    days = list(due_days(f"{hour_and_minute} * * {weekday}", timezone, start, start + 2 * WEEK))
    assert days == [change, change + WEEK]


def test_a_wall_time_that_is_skipped_falls_due_an_hour_later_on_the_clock():
    due = datetime(2023, 4, 28, 1, 30, tzinfo=CAIRO)
    start = due - timedelta(days=1)
    assert list(due_days("30 0 * * fri", CAIRO, start, due)) == [date(2023, 4, 28)]
    assert list(due_days("30 0 * * fri", CAIRO, start, due - MINUTE)) == []


def test_a_wall_time_that_comes_twice_falls_due_the_first_time():
    first = datetime(2026, 10, 25, 1, 30, tzinfo=LONDON)
    assert list(due_days("30 1 * * sun", LONDON, first, first + WEEK - MINUTE)) == [date(2026, 10, 25)]
    assert list(due_days("30 1 * * sun", LONDON, first + MINUTE, first + timedelta(hours=2))) == []


@pytest.mark.parametrize("weekday", ["1", "0", "7", "1-5", "mon,3", "*/2", "٣"])
def test_a_digit_for_the_weekday_is_refused(weekday: str):
    with pytest.raises(CronRefused, match=r"^cron_weekday_is_a_digit$"):
        parse_cron(f"0 3 * * {weekday}")


@pytest.mark.parametrize("cron", ["", "* * * *", "0 3 * * mon *", "@daily"])
def test_a_line_has_five_fields(cron: str):
    with pytest.raises(CronRefused, match=r"^cron_needs_five_fields$"):
        parse_cron(cron)


@pytest.mark.parametrize(
    "cron", ["60 3 * * mon", "0 24 * * mon", "0 3 32 * *", "0 3 * 13 *", "0 3 * * someday", "a b c d e"]
)
def test_a_field_out_of_its_range_is_refused(cron: str):
    with pytest.raises(CronRefused, match=r"^cron_unreadable: detail="):
        parse_cron(cron)


@pytest.mark.parametrize(
    ("cron", "day", "moment"),
    [
        ("0 3 * * mon", date(2026, 11, 9), "2026-11-08T19:00:00+00:00"),
        ("30 1,13 * * *", date(2026, 11, 10), "2026-11-09T17:30:00+00:00"),  # the first of the day
    ],
)
def test_a_due_day_falls_due_at_its_first_moment(cron: str, day: date, moment: str):
    assert due_moment(cron, ZoneInfo("Asia/Shanghai"), day).isoformat() == moment


def test_another_day_never_falls_due():
    with pytest.raises(ValueError, match="does not fall due"):
        due_moment("0 3 * * mon", ZoneInfo("Asia/Shanghai"), date(2026, 11, 10))
