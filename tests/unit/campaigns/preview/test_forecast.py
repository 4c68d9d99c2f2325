"""A forecast day by day: flat, along a curve, like a past campaign; and its fakes."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.pledging.waterfall import DayCount
from campaigns.preview.forecast import (
    CurvePoint,
    curve_forecast,
    flat_forecast,
    merge_counted_days,
    past_forecast,
    split_fakes,
)

FIRST = date(2026, 12, 1)


def days(count: int, first: date = FIRST) -> list[date]:
    return [first + timedelta(days=n) for n in range(count)]


def point(offset: int, likes: int) -> CurvePoint:
    return CurvePoint(FIRST + timedelta(days=offset), likes)


@pytest.mark.parametrize(
    ("points", "expected"),
    [
        ([point(0, 7)], [7, 7, 7, 7]),
        ([point(0, 0), point(3, 300)], [0, 100, 200, 300]),
        ([point(0, 300), point(3, 0)], [300, 200, 100, 0]),
        ([point(1, 10), point(2, 20)], [10, 10, 20, 20]),  # level before the first and after the last
        ([point(-2, 0), point(8, 100)], [20, 30, 40, 50]),  # points may lie outside the campaign
        ([point(0, 0), point(3, 1)], [0, 0, 1, 1]),  # 0, 1/3, 2/3, 1: in all 0, 1/3, 1, 2
        ([point(0, 0), point(3, 2)], [0, 0, 2, 2]),  # 0, 2/3, 4/3, 2: in all 0, 2/3, 2, 4
        ([point(0, 10), point(1, 0), point(2, 10)], [10, 0, 10, 10]),
    ],
)
def test_a_curve_is_straight_between_its_points_and_exact(points: list[CurvePoint], expected: list[int]):
    assert list(curve_forecast(days(4), points).values()) == expected


@pytest.mark.parametrize(
    ("likes_per_day", "fakes_bp", "counted", "void"),
    [
        (1_000, 0, [1_000, 1_000, 1_000], [0, 0, 0]),
        (1_000, 300, [970, 970, 970], [30, 30, 30]),
        (1_000, 10_000, [0, 0, 0], [1_000, 1_000, 1_000]),
        (1, 3_333, [0, 1, 1], [1, 0, 0]),  # 0.6667 a day: 0, 1, 2 in all
        (100, 33, [99, 100, 100], [1, 0, 0]),  # 99.67 a day: 99, 199, 299 in all
        (0, 300, [0, 0, 0], [0, 0, 0]),
    ],
)
def test_fakes_count_for_nothing(likes_per_day: int, fakes_bp: int, counted: list[int], void: list[int]):
    split = split_fakes(flat_forecast(days(3), likes_per_day), fakes_bp).values()
    assert ([day.counted for day in split], [day.void for day in split]) == (counted, void)


@given(st.lists(st.integers(0, 10**12), min_size=1, max_size=20), st.integers(0, 10_000))
def test_the_share_of_fakes_holds_until_any_day_to_less_than_a_like(likes: list[int], fakes_bp: int):
    split = split_fakes(dict(zip(days(len(likes)), likes, strict=True)), fakes_bp)
    received = counted = 0
    for day, number in zip(split.values(), likes, strict=True):
        assert day.counted >= 0
        assert day.void >= 0
        assert day.counted + day.void == number
        received, counted = received + number, counted + day.counted
        assert 0 <= received * (10_000 - fakes_bp) - counted * 10_000 < 10_000


PAST = date(2026, 1, 5)


@pytest.mark.parametrize(
    ("past_days", "counted", "likes", "left_out", "missing"),
    [
        (3, {0: 5, 1: 0, 2: 7}, [5, 0, 7], 0, 0),
        (3, {1: 6}, [0, 6, 0], 0, 0),  # a day on which nothing was counted
        (5, {0: 1, 2: 2, 3: 30, 4: 400}, [1, 0, 2], 430, 0),
        (2, {0: 1, 1: 2}, [1, 2, 0], 0, 1),
    ],
)
def test_a_past_campaign_is_taken_day_for_day(
    past_days: int, counted: dict[int, int], likes: list[int], left_out: int, missing: int
):
    counts = {PAST + timedelta(days=n): number for n, number in counted.items()}
    moved = past_forecast(days(3), days(past_days, PAST), counts)
    assert (list(moved.likes.values()), moved.likes_left_out, moved.days_missing) == (likes, left_out, missing)


def test_counted_days_stay_and_today_keeps_the_greater():
    expected = {day: DayCount(counted=100, void=3) for day in days(4)}
    counted = {FIRST: 7, FIRST + timedelta(days=1): 900}
    merged = list(merge_counted_days(counted, expected, FIRST + timedelta(days=1)).values())
    assert merged == [DayCount(counted=7), DayCount(counted=900), DayCount(100, void=3), DayCount(100, void=3)]
