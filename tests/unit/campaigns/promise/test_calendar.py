"""A campaign's days, in its own time zone, also where midnight is odd."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns.promise.calendar import Calendar, local_day, to_microseconds

SHANGHAI = ZoneInfo("Asia/Shanghai")
APRIL = Calendar.from_bounds(
    datetime(2022, 4, 8, tzinfo=SHANGHAI), datetime(2022, 4, 22, tzinfo=SHANGHAI), SHANGHAI
)  # fmt: skip
HOUR_US = 3_600_000_000


def around(zone: str, year: int, month: int, day: int) -> Calendar:
    """Return a campaign of five days around this day."""
    middle, timezone = datetime(year, month, day, tzinfo=ZoneInfo(zone)), ZoneInfo(zone)
    return Calendar.from_bounds(middle - timedelta(days=2), middle + timedelta(days=3), timezone)


def test_the_days_run_from_the_first_to_the_last():
    assert APRIL.days[0] == date(2022, 4, 8)
    assert APRIL.days[-1] == date(2022, 4, 21)
    assert len(APRIL.days) == 14


@pytest.mark.parametrize(
    ("moment", "day"),
    [
        (datetime(2022, 4, 7, 16, tzinfo=UTC), date(2022, 4, 8)),  # midnight in Shanghai
        (datetime(2022, 4, 8, 15, 59, 59, 999_999, tzinfo=UTC), date(2022, 4, 8)),
        (datetime(2022, 4, 8, 16, tzinfo=UTC), date(2022, 4, 9)),
        (datetime(2022, 4, 9, tzinfo=SHANGHAI), date(2022, 4, 9)),
        (datetime(2022, 4, 8, 12, tzinfo=ZoneInfo("America/New_York")), date(2022, 4, 9)),
        (datetime(2022, 4, 21, 15, 59, 59, 999_999, tzinfo=UTC), date(2022, 4, 21)),
    ],
)
def test_a_like_falls_on_the_day_it_was_in_shanghai(moment: datetime, day: date):
    assert APRIL.day_of(to_microseconds(moment)) == day
    assert local_day(moment, SHANGHAI) == day


def test_its_edges_are_in_microseconds_too():
    assert APRIL.starts_us == to_microseconds(APRIL.starts_at) == APRIL.midnights_us[0]
    assert APRIL.ends_us == to_microseconds(APRIL.ends_at)


def test_a_campaign_that_starts_and_ends_in_the_middle_of_a_day_has_that_day():
    calendar = Calendar.from_bounds(
        datetime(2022, 4, 8, 15, tzinfo=SHANGHAI), datetime(2022, 4, 9, 0, 0, 1, tzinfo=SHANGHAI), SHANGHAI
    )
    assert calendar.days == (date(2022, 4, 8), date(2022, 4, 9))
    assert calendar.day_of(calendar.starts_us) == date(2022, 4, 8)
    assert calendar.day_of(calendar.ends_us - 1) == date(2022, 4, 9)


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/Paris", (2026, 3, 29), 23),
        ("Europe/Paris", (2026, 10, 25), 25),
        ("Europe/Paris", (2026, 11, 23), 24),
        ("America/Sao_Paulo", (2018, 11, 4), 23),  # midnight is skipped: the day begins at one
        ("America/Sao_Paulo", (2018, 2, 17), 25),  # its last hour comes twice
        ("America/Havana", (2026, 11, 1), 25),  # its first hour comes twice
        ("America/Havana", (2026, 3, 8), 23),
        ("Australia/Lord_Howe", (2026, 4, 5), 24.5),
        ("Asia/Shanghai", (2022, 4, 8), 24),
    ],
)
def test_a_day_is_as_long_as_its_clocks_say(zone: str, day: tuple[int, int, int], hours: float):
    calendar = around(zone, *day)
    index = calendar.days.index(date(*day))
    assert calendar.midnights_us[index + 1] - calendar.midnights_us[index] == hours * HOUR_US


def test_a_day_that_a_country_left_out_gets_no_like():
    apia = around("Pacific/Apia", 2011, 12, 30)  # Samoa went from the 29th to the 31st
    fallen = {apia.day_of(apia.starts_us + n * HOUR_US) for n in range(4 * 24)}
    assert date(2011, 12, 30) not in fallen
    assert {date(2011, 12, 29), date(2011, 12, 31)} <= fallen


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(["Asia/Shanghai", "Europe/Paris", "America/Sao_Paulo", "America/Havana", "Asia/Kathmandu"]),
    st.datetimes(datetime(2012, 1, 1), datetime(2037, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    st.timedeltas(timedelta(0), timedelta(days=400)),
)
def test_bisection_finds_the_day_that_conversion_finds(zone: str, starts_at: datetime, after: timedelta):
    timezone = ZoneInfo(zone)
    calendar = Calendar.from_bounds(starts_at, starts_at + timedelta(days=401), timezone)
    assert calendar.day_of(to_microseconds(starts_at + after)) == local_day(starts_at + after, timezone)


def test_microseconds_are_exact_far_from_1970():
    assert to_microseconds(datetime(2199, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)) == 7_258_118_399_999_999
    assert to_microseconds(datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)) == -1
