"""The waterfall adds up exactly, and ends at the amount due, for any days and terms."""

from datetime import date, timedelta
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from campaigns.pledging.arithmetic import due
from campaigns.pledging.waterfall import (
    REFUSALS,
    STATES,
    Budget,
    DayCount,
    StepName,
    Worth,
    compute_waterfall,
    days_under_terms,
)
from campaigns.promise.terms import Terms

FIRST = date(2026, 11, 1)
likes = st.integers(0, 10**9)
minor = st.integers(0, 10**12)

counts = st.builds(DayCount, *[likes] * len(DayCount._fields))
days = st.dictionaries(st.integers(0, 40).map(lambda n: FIRST + timedelta(days=n)), counts, max_size=8)
refused = st.dictionaries(st.sampled_from(REFUSALS).map(str), likes)


@st.composite
def versions(draw: st.DrawFn) -> list[Terms]:
    later = draw(st.lists(st.integers(1, 40), max_size=3))
    return [
        Terms(
            number,
            FIRST + timedelta(days=day),
            draw(st.integers(1, 10**6)),
            draw(st.integers(1, 10**6)),
            draw(st.none() | minor),
        )
        for number, day in enumerate([0, *sorted(later)], start=1)
    ]


def total(steps: list[Worth]) -> Worth:
    return Worth(sum((s.likes for s in steps), Fraction()), sum((s.minor for s in steps), Fraction()))


@given(days, refused, versions(), minor, minor, minor, st.booleans())
def test_it_adds_up_exactly(
    days: dict[date, DayCount],
    refused: dict[str, int],
    terms: list[Terms],
    spare: int,
    earned: int,
    floor: int,
    closed: bool,
) -> None:
    """Whatever was pledged so far, be it more or less than is due."""
    budget = Budget(earned + spare, earned, floor, is_closed=closed)
    steps = compute_waterfall(days_under_terms(days, terms), refused, budget)
    names = list(steps)
    at = names.index(StepName.COUNTED)
    assert total([steps[name] for name in names[:at]]) == steps[StepName.COUNTED]
    assert total([steps[name] for name in names[at:-1]]) == steps[StepName.PLEDGED]
    assert steps[StepName.COUNTED].likes == sum(day.counted for day in days.values())
    for state in STATES:
        assert steps[state].likes == -sum(getattr(day, state) for day in days.values())
    assert steps[StepName.PLEDGED].minor == earned
    assert all(steps[name].likes <= 0 and steps[name].minor <= 0 for name in (*REFUSALS, *STATES))


@given(days, versions(), minor)
def test_once_pledged_nothing_is_left_to_explain(days: dict[date, DayCount], terms: list[Terms], funded: int) -> None:
    due_minor = due(terms, {day: count.counted for day, count in days.items()}, funded)
    steps = compute_waterfall(days_under_terms(days, terms), {}, Budget(funded, due_minor))
    assert [steps[name] for name in (StepName.NOT_PLEDGED_YET, StepName.FLOOR, StepName.SETTLED_BEFORE)] == [
        Worth()
    ] * 3
    assert -1 < steps[StepName.ROUNDING].minor <= 0
    assert steps[StepName.PLEDGED].minor == due_minor
    assert 0 <= steps[StepName.PLEDGED].likes <= steps[StepName.COUNTED].likes
