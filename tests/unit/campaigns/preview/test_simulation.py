"""A simulated promise: computed by hand, and compared with cases from an independent program."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.pledging.arithmetic import due, due_by_day, floor_top_up
from campaigns.pledging.waterfall import DayCount, StepName
from campaigns.preview.simulation import BindingCap, Preview, simulate_promise
from campaigns.promise.terms import Share, Terms
from due_oracle import worked_cases

FIRST = date(2026, 12, 1)
BOTH = (Share("schools", 7_000), Share("libraries", 3_000))
CAP, BUDGET, NONE = BindingCap.DAILY_CAP, BindingCap.BUDGET, BindingCap.NONE


def terms(amount_minor: int = 1, per_likes: int = 3, cap_minor: int | None = None) -> Terms:
    return Terms(1, FIRST, amount_minor, per_likes, cap_minor, shares=BOTH)


def counts(likes: Sequence[int]) -> dict[date, DayCount]:
    return {FIRST + timedelta(days=n): DayCount(counted=number) for n, number in enumerate(likes)}


def simulate(version: Terms, likes: Sequence[int], funded_minor: int, floor_minor: int = 0) -> Preview:
    return simulate_promise([version], counts(likes), funded_minor, floor_minor)


@pytest.mark.parametrize("case", worked_cases())
def test_a_worked_case_comes_out_to_the_minor_unit(case: dict[str, Any]):
    versions = [
        Terms(
            number,
            date.fromisoformat(version["from_day"]),
            version["rate"]["amount_minor"],
            version["rate"]["per_likes"],
            version["daily_cap_minor"],
            shares=tuple(Share(b["charity"], b["share_bp"]) for b in version["beneficiaries"]),
        )
        for number, version in enumerate(case["terms"], start=1)
    ]
    likes = {date.fromisoformat(day): DayCount(counted=number) for day, number in case["counted"].items()}
    for expected in case["expect"]:
        cut_off = date.fromisoformat(expected["cut_off"])
        until = {day: count for day, count in likes.items() if day <= cut_off}
        preview = simulate_promise(versions, until, case["funded_minor"])
        assert preview.pledged_minor == expected["due_minor"]
        assert {c: preview.shares_minor.get(c, 0) for c in expected["shares_minor"]} == expected["shares_minor"]
        assert preview.steps[StepName.PLEDGED].minor == expected["due_minor"]


@pytest.mark.parametrize(
    ("version", "likes", "funded_minor", "spent", "caps", "ends"),
    [
        (terms(), [100, 100, 100], 1_000, [33, 33, 34], [NONE, NONE, NONE], None),
        (terms(cap_minor=500), [1_000, 2_000, 2], 7_000, [333, 500, 1], [NONE, CAP, NONE], None),  # README's example
        (terms(1, 1, 100), [100, 101], 1_000, [100, 100], [NONE, CAP], None),  # to reach a cap is not to be bound
        (terms(1, 1), [60, 60, 60], 100, [60, 40, 0], [NONE, BUDGET, BUDGET], 1),
        (terms(1, 1), [60, 40, 0, 5], 100, [60, 40, 0, 0], [NONE, NONE, NONE, BUDGET], 1),
        (terms(1, 1, 50), [80, 80, 80], 90, [50, 40, 0], [CAP, BUDGET, BUDGET], 1),  # the tighter one is named
        (terms(1, 1), [5, 0], 0, [0, 0], [BUDGET, NONE], None),  # no budget, so none that ends
        (terms(), [100], 33, [33], [BUDGET], 0),  # a third of a unit more than there is
        (terms(1, 1), [0, 0], 10, [0, 0], [NONE, NONE], None),
    ],
)
def test_a_promise_worked_by_hand(
    version: Terms, likes: list[int], funded_minor: int, spent: list[int], caps: list[BindingCap], ends: int | None
):
    preview = simulate(version, likes, funded_minor)
    assert [day.spent_minor for day in preview.days] == spent
    assert [day.binding_cap for day in preview.days] == caps
    assert preview.budget_ends_on == (None if ends is None else FIRST + timedelta(days=ends))
    assert sum(preview.days_by_binding_cap().values()) == len(likes)
    assert preview.days_by_binding_cap() == {kind: caps.count(kind) for kind in BindingCap}


def test_the_likes_that_earn_nothing_are_those_over_either_cap():
    # The daily cap is worth 100 likes, so 20 and 100 likes are over it.
    preview = simulate(terms(1, 2, 50), [120, 200, 100], 120)
    assert (preview.steps[StepName.OVER_DAILY_CAP].likes, preview.steps[StepName.OVER_BUDGET].likes) == (-120, -60)
    assert (preview.earning_nothing.likes, preview.earning_nothing.minor) == (180, 90)
    assert preview.remaining_minor == 0


@pytest.mark.parametrize(
    ("floor_minor", "funded_minor", "top_up_minor", "shares_minor"),
    [
        (0, 1_000, 0, {"schools": 70, "libraries": 30}),
        (100, 1_000, 0, {"schools": 70, "libraries": 30}),
        (101, 1_000, 1, {"schools": 71, "libraries": 30}),
        (500, 1_000, 400, {"schools": 350, "libraries": 150}),
        (500, 300, 200, {"schools": 210, "libraries": 90}),  # no further than the budget reaches
        (500, 100, 0, {"schools": 70, "libraries": 30}),
    ],
)
def test_the_floor_is_topped_up_at_the_end(
    floor_minor: int, funded_minor: int, top_up_minor: int, shares_minor: dict[str, int]
):
    preview = simulate(terms(1, 1), [60, 40], funded_minor, floor_minor)
    assert (preview.top_up_minor, preview.shares_minor) == (top_up_minor, shares_minor)
    assert preview.pledged_minor == 100 + top_up_minor == sum(shares_minor.values())
    assert (preview.steps[StepName.FLOOR].minor, preview.steps[StepName.PLEDGED].minor) == (
        top_up_minor,
        preview.pledged_minor,
    )


CAPS = st.none() | st.integers(0, 40)
VERSIONS = st.lists(st.tuples(st.integers(0, 9), st.integers(1, 9), st.integers(1, 9), CAPS), max_size=4)


@given(VERSIONS, st.lists(st.integers(0, 60), max_size=12), st.integers(0, 300), st.integers(0, 300))
def test_a_day_spends_what_the_engine_makes_due_on_it(
    later: list[tuple[int, int, int, int | None]], likes: list[int], funded_minor: int, floor_minor: int
):
    versions = [terms()] + [
        Terms(n, FIRST + timedelta(days=day), amount, per, cap, shares=BOTH)
        for n, (day, amount, per, cap) in enumerate(sorted(later, key=lambda version: version[0]), 2)
    ]
    preview = simulate_promise(versions, counts(likes), funded_minor, floor_minor)
    counted = {day: count.counted for day, count in counts(likes).items()}
    assert due_by_day(versions, counted, funded_minor) == {
        day: due(versions, counted, funded_minor, day) for day in counted
    }
    assert sum(day.spent_minor for day in preview.days) == due(versions, counted, funded_minor)
    assert preview.top_up_minor == floor_top_up(preview.due_minor, funded_minor, floor_minor)
    assert sum(preview.shares_minor.values()) == preview.pledged_minor == preview.steps[StepName.PLEDGED].minor
    assert 0 <= preview.remaining_minor <= funded_minor
