"""From likes received to money pledged, step by step."""

from datetime import date, timedelta
from fractions import Fraction

import pytest

from campaigns.pledging.waterfall import (
    Budget,
    DayCount,
    StepName,
    Worth,
    compute_waterfall,
    days_under_terms,
    reaches_budget,
)
from campaigns.promise.terms import Terms

MONDAY = date(2026, 11, 23)
THIRD = Terms(1, MONDAY, 1, 3)
CAPPED = Terms(1, MONDAY, 1, 3, daily_cap_minor=500)


def on(*counts: DayCount) -> dict[date, DayCount]:
    return {MONDAY + timedelta(days=n): count for n, count in enumerate(counts)}


def counted_likes(*likes: int) -> dict[date, DayCount]:
    return on(*(DayCount(counted=n) for n in likes))


CASES = {
    # the steps that are not zero, in likes and in minor units
    "a hundred at a third earn thirty-three": (
        [THIRD], counted_likes(100), {}, Budget(1_000, 33),
        {"received": ("100", "100/3"), "counted": ("100", "100/3"), "rounding": ("-1", "-1/3"),
         "pledged": ("99", "33")},
    ),
    "rounding takes each day's likes at that day's rate": (
        [Terms(1, MONDAY, 1, 2), Terms(2, MONDAY + timedelta(days=1), 1, 4)], counted_likes(1, 1), {}, Budget(9, 0),
        {"received": ("2", "3/4"), "counted": ("2", "3/4"), "rounding": ("-2", "-3/4")},
    ),
    "a refused like is worth nothing": (
        [THIRD], counted_likes(3), {"not_running": 7, "too_late": 2}, Budget(9, 1),
        {"received": ("12", "1"), "not_running": ("-7", "0"), "too_late": ("-2", "0"), "counted": ("3", "1"),
         "pledged": ("3", "1")},
    ),
    "a like that the terms refuse is worth the rate of its day": (
        [THIRD], on(DayCount(6, 3, 3, 3, 3, 3, 6)), {}, Budget(9, 2),
        {"received": ("27", "9"), "duplicate": ("-3", "-1"), "withdrawn": ("-3", "-1"), "quarantined": ("-3", "-1"),
         "void": ("-3", "-1"), "low_quality": ("-6", "-2"), "over_limit": ("-3", "-1"),
         "counted": ("6", "2"), "pledged": ("6", "2")},
    ),
    "a daily cap": (
        [CAPPED], counted_likes(1_500, 1_503, 30), {}, Budget(9_999, 1_010),
        {"received": ("3033", "1011"), "counted": ("3033", "1011"), "over_daily_cap": ("-3", "-1"),
         "pledged": ("3030", "1010")},
    ),
    "the budget ends in the midst of a day": (
        [THIRD, Terms(2, MONDAY + timedelta(days=1), 2, 1)], counted_likes(30, 10), {}, Budget(15, 15),
        {"received": ("40", "30"), "counted": ("40", "30"), "over_budget": ("-15/2", "-15"),
         "pledged": ("65/2", "15")},
    ),
    "nothing funded": (
        [THIRD], counted_likes(4), {}, Budget(0, 0),
        {"received": ("4", "4/3"), "counted": ("4", "4/3"), "over_budget": ("-4", "-4/3"), "pledged": ("0", "0")},
    ),
    "funded, and not pledged yet": (
        [THIRD], counted_likes(9), {}, Budget(100, 2),
        {"received": ("9", "3"), "counted": ("9", "3"), "not_pledged_yet": ("-3", "-1"), "pledged": ("6", "2")},
    ),
    "closed: the rest returned, and the lost fraction is rounding, not the budget": (
        [THIRD], counted_likes(100), {}, Budget(33, 33, is_closed=True),
        {"received": ("100", "100/3"), "counted": ("100", "100/3"), "rounding": ("-1", "-1/3"),
         "pledged": ("99", "33")},
    ),
    "closed, topped up to the floor": (
        [THIRD], counted_likes(9), {}, Budget(50, 50, floor_minor=50, is_closed=True),
        {"received": ("9", "3"), "counted": ("9", "3"), "floor": ("0", "47"), "pledged": ("9", "50")},
    ),
    "the floor does not matter before the close": (
        [THIRD], counted_likes(9), {}, Budget(50, 3, floor_minor=50),
        {"received": ("9", "3"), "counted": ("9", "3"), "pledged": ("9", "3")},
    ),
    "settled before it was judged fake": (
        [THIRD], on(DayCount(counted=6, void=3)), {}, Budget(50, 3),
        {"received": ("9", "3"), "void": ("-3", "-1"), "counted": ("6", "2"), "settled_before": ("0", "1"),
         "pledged": ("6", "3")},
    ),
    "no like at all": ([THIRD], {}, {}, Budget(100, 0), {}),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_the_steps(case: tuple) -> None:
    terms, days, refused, budget, expected = case
    steps = compute_waterfall(days_under_terms(days, terms), refused, budget)
    assert list(steps) == list(StepName)
    texts = {name.value: (str(worth.likes), str(worth.minor)) for name, worth in steps.items() if worth != Worth()}
    assert texts == {name: worth for name, worth in expected.items() if worth != ("0", "0")}


@pytest.mark.parametrize(
    ("likes", "budget", "is_reached"),
    [
        ([30], Budget(10, 10), True),
        ([29], Budget(10, 9), False),
        ([29, 1], Budget(10, 10), True),
        ([999], Budget(10, 10), True),
        ([], Budget(0, 0), False),
        ([30], Budget(0, 0), False),
        ([30], Budget(10, 10, is_closed=True), False),  # the rest returned: all that is left was earned
        ([33], Budget(10, 10, is_closed=True), True),  # earned more than the budget
        ([3], Budget(10, 10, floor_minor=10, is_closed=True), False),  # topped up, not used up
    ],
)
def test_when_the_budget_is_reached(likes: list[int], budget: Budget, is_reached: bool) -> None:
    assert reaches_budget(days_under_terms(counted_likes(*likes), [THIRD]), budget) is is_reached


def test_a_day_above_its_cap_has_the_amount_above_the_cap() -> None:
    (day,) = days_under_terms(counted_likes(1_501), [CAPPED])
    assert (day.earned, day.capped, day.worth(day.capped).likes) == (500, Fraction(1, 3), 1)
