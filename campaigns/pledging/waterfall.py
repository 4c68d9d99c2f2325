"""The waterfall: from all likes received to the money pledged, step by step, exactly. Pure.

received − refused − duplicate − withdrawn − quarantined − void − low quality − over the limit
        = counted
counted − over the daily cap − over the budget − rounding
        (− not pledged yet + floor + settled before) = pledged

A like is worth the rate of its day. A refused like never came under the promise and is worth
nothing. The floor, and money settled for likes that were later judged fake, have no likes.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from fractions import Fraction
from typing import NamedTuple

from campaigns.pledging.arithmetic import day_earnings
from campaigns.promise.terms import Terms, terms_on_day, versions_in_force

ZERO = Fraction()


class StepName(StrEnum):
    """The steps, in order; the value is the public name."""

    RECEIVED = "received"
    NOT_ENROLLED = "not_enrolled"
    NOT_RUNNING = "not_running"
    TOO_LATE = "too_late"
    IN_FUTURE = "in_future"
    DUPLICATE = "duplicate"
    WITHDRAWN = "withdrawn"
    QUARANTINED = "quarantined"
    VOID = "void"
    LOW_QUALITY = "low_quality"
    OVER_LIMIT = "over_limit"
    COUNTED = "counted"
    OVER_DAILY_CAP = "over_daily_cap"
    OVER_BUDGET = "over_budget"
    ROUNDING = "rounding"
    NOT_PLEDGED_YET = "not_pledged_yet"
    FLOOR = "floor"
    SETTLED_BEFORE = "settled_before"
    PLEDGED = "pledged"


REFUSALS = (StepName.NOT_ENROLLED, StepName.NOT_RUNNING, StepName.TOO_LATE, StepName.IN_FUTURE)
STATES = (
    StepName.DUPLICATE,
    StepName.WITHDRAWN,
    StepName.QUARANTINED,
    StepName.VOID,
    StepName.LOW_QUALITY,
    StepName.OVER_LIMIT,
)
TOTALS = (StepName.RECEIVED, StepName.COUNTED, StepName.PLEDGED)


class DayCount(NamedTuple):
    """A campaign day's likes by state."""

    counted: int = 0
    withdrawn: int = 0
    quarantined: int = 0
    void: int = 0
    over_limit: int = 0
    duplicate: int = 0
    low_quality: int = 0


@dataclass(frozen=True, slots=True)
class Budget:
    """A campaign's money: funded, pledged so far (net), and the floor of the promise."""

    funded_minor: int
    earned_minor: int
    floor_minor: int = 0
    is_closed: bool = False


class Worth(NamedTuple):
    """Likes, and their worth in minor units; both exact."""

    likes: Fraction = ZERO
    minor: Fraction = ZERO

    def add(self, other: "Worth") -> "Worth":
        """Return the sum."""
        return Worth(self.likes + other.likes, self.minor + other.minor)

    def negate(self) -> "Worth":
        """Return the worth with both signs changed."""
        return Worth(-self.likes, -self.minor)


@dataclass(frozen=True, slots=True)
class TermsDay:
    """A day under its terms."""

    day: date
    terms: Terms
    count: DayCount

    @property
    def earned(self) -> Fraction:
        """Return the day's earnings, limited by its cap; minor units."""
        return day_earnings(self.terms, self.count.counted)

    @property
    def capped(self) -> Fraction:
        """Return the amount that the day's cap cuts off; minor units."""
        return self.count.counted * self.terms.rate - self.earned

    def worth(self, minor: Fraction) -> Worth:
        """Return an amount of minor units with the likes of this day that it takes."""
        return Worth(minor / self.terms.rate, minor)


Waterfall = dict[StepName, Worth]


def days_under_terms(days: Mapping[date, DayCount], versions: Sequence[Terms]) -> list[TermsDay]:
    """Return the days in order, each with the terms in force on it."""
    in_force = versions_in_force(versions)
    return [TermsDay(day, terms_on_day(in_force, day), count) for day, count in sorted(days.items())]


def compute_waterfall(days: Sequence[TermsDay], refusal_counts: Mapping[str, int], budget: Budget) -> Waterfall:
    """Return every step in order; a deduction is negative, a total sums up the steps before it."""
    states = {state: _sum_worths(_worth_in_state(day, state) for day in days) for state in STATES}
    counted = _sum_worths(_worth_in_state(day, StepName.COUNTED) for day in days)
    refusals = {name: Worth(Fraction(refusal_counts.get(name, 0))) for name in REFUSALS}
    steps = {StepName.RECEIVED: _sum_worths([counted, *states.values(), *refusals.values()])}
    steps |= {name: worth.negate() for name, worth in (refusals | states).items()}
    steps[StepName.COUNTED] = counted
    steps |= _steps_to_pledged(days, budget)
    from_counted = list(StepName)[list(StepName).index(StepName.COUNTED) : -1]
    steps[StepName.PLEDGED] = _sum_worths(steps[name] for name in from_counted)
    return steps


def reaches_budget(days: Sequence[TermsDay], budget: Budget) -> bool:
    """Tell whether likes earned the whole budget.

    For a closed campaign, whether they earned more than the budget. Closing returns the rest of the
    budget, so a closed campaign has always pledged all that is funded.
    """
    total = int(sum((day.earned for day in days), ZERO))
    return total > budget.funded_minor if budget.is_closed else total >= budget.funded_minor > 0


def _steps_to_pledged(days: Sequence[TermsDay], budget: Budget) -> Waterfall:
    over_cap = _sum_worths(day.worth(day.capped) for day in days)
    over_budget = _sum_worths(worth_over_budget(days, budget))
    within_budget = sum((day.earned for day in days), ZERO) - over_budget.minor
    due_minor = int(within_budget)
    floor_minor = max(0, min(budget.earned_minor, budget.floor_minor) - due_minor) if budget.is_closed else 0
    return {
        StepName.OVER_DAILY_CAP: over_cap.negate(),
        StepName.OVER_BUDGET: over_budget.negate(),
        StepName.ROUNDING: _sum_worths(worth_between(days, due_minor, within_budget)).negate(),
        StepName.NOT_PLEDGED_YET: _sum_worths(worth_between(days, budget.earned_minor, due_minor)).negate(),
        StepName.FLOOR: Worth(ZERO, Fraction(floor_minor)),
        StepName.SETTLED_BEFORE: Worth(ZERO, Fraction(max(0, budget.earned_minor - due_minor - floor_minor))),
    }


def worth_over_budget(days: Sequence[TermsDay], budget: Budget) -> list[Worth]:
    """Return each day's worth that comes after the budget is used up, at the rate of the day.

    Empty for a closed campaign that never reached its budget.
    """
    if budget.is_closed and not reaches_budget(days, budget):
        return []
    total = sum((day.earned for day in days), ZERO)
    return worth_between(days, budget.funded_minor, total)


def worth_between(days: Sequence[TermsDay], low_minor: int | Fraction, high_minor: int | Fraction) -> list[Worth]:
    """Return each day's worth of the earnings from `low_minor` up to `high_minor`, at the rate of the day.

    The earnings of all days are laid end to end, oldest first; empty if `high_minor` is not above `low_minor`.
    """
    worths, before = [], ZERO
    for day in days:
        after = before + day.earned
        worths.append(day.worth(max(ZERO, min(after, Fraction(high_minor)) - max(before, Fraction(low_minor)))))
        before = after
    return worths


def _worth_in_state(day: TermsDay, state: StepName) -> Worth:
    likes = Fraction(getattr(day.count, state))
    return Worth(likes, likes * day.terms.rate)


def _sum_worths(worths: Iterable[Worth]) -> Worth:
    total = Worth()
    for worth in worths:
        total = total.add(worth)
    return total
