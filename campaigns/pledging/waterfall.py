"""The waterfall: from every like received to the money pledged, step by step, exactly. Pure.

received − refused − duplicate − withdrawn − quarantined − void − over the limit = counted
counted − over the daily cap − over the budget − rounding (− not pledged yet + floor + settled before) = pledged

A like is worth the rate of its day. What is refused never came under the promise and is worth nothing. Money that
no like stands behind (the floor, and what was settled for likes judged fake since) has no likes.
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
STATES = (StepName.DUPLICATE, StepName.WITHDRAWN, StepName.QUARANTINED, StepName.VOID, StepName.OVER_LIMIT)
TOTALS = (StepName.RECEIVED, StepName.COUNTED, StepName.PLEDGED)


class DayCount(NamedTuple):
    """A campaign day's likes by where they stand."""

    counted: int = 0
    withdrawn: int = 0
    quarantined: int = 0
    void: int = 0
    over_limit: int = 0
    duplicate: int = 0


@dataclass(frozen=True, slots=True)
class Budget:
    """The money side: what came in, what was pledged so far (net), and what the promise guarantees at its close."""

    funded_minor: int
    earned_minor: int
    floor_minor: int = 0
    is_closed: bool = False


class Worth(NamedTuple):
    """Likes and what they are worth, in minor units; both exact."""

    likes: Fraction = ZERO
    minor: Fraction = ZERO

    def add(self, other: "Worth") -> "Worth":
        """Return the sum."""
        return Worth(self.likes + other.likes, self.minor + other.minor)

    def negate(self) -> "Worth":
        """Return what is taken away."""
        return Worth(-self.likes, -self.minor)


@dataclass(frozen=True, slots=True)
class TermsDay:
    """A day under its terms."""

    day: date
    terms: Terms
    count: DayCount

    @property
    def earned(self) -> Fraction:
        """What the day earns, its cap applied; minor units."""
        return day_earnings(self.terms, self.count.counted)

    @property
    def capped(self) -> Fraction:
        """What the day's cap keeps it from earning; minor units."""
        return self.count.counted * self.terms.rate - self.earned

    def worth(self, minor: Fraction) -> Worth:
        """Return an amount in likes of this day, too."""
        return Worth(minor / self.terms.rate, minor)


Waterfall = dict[StepName, Worth]


def days_under_terms(days: Mapping[date, DayCount], versions: Sequence[Terms]) -> list[TermsDay]:
    """Return the days in order, each with the terms in force on it."""
    held = versions_in_force(versions)
    return [TermsDay(day, terms_on_day(held, day), count) for day, count in sorted(days.items())]


def compute_waterfall(days: Sequence[TermsDay], refusal_counts: Mapping[str, int], budget: Budget) -> Waterfall:
    """Return every step in order; what is taken away is negative, a total sums up what stands before it."""
    states = {state: _sum_worths(_worth_in_state(day, state) for day in days) for state in STATES}
    counted = _sum_worths(_worth_in_state(day, StepName.COUNTED) for day in days)
    refusals = {name: Worth(Fraction(refusal_counts.get(name, 0))) for name in REFUSALS}
    steps = {StepName.RECEIVED: _sum_worths([counted, *states.values(), *refusals.values()])}
    steps |= {name: worth.negate() for name, worth in (refusals | states).items()}
    steps[StepName.COUNTED] = counted
    steps |= _steps_to_pledged(days, budget)
    steps[StepName.PLEDGED] = _sum_worths(
        steps[name] for name in list(StepName)[list(StepName).index(StepName.COUNTED) : -1]
    )
    return steps


def reaches_budget(days: Sequence[TermsDay], budget: Budget) -> bool:
    """Tell whether likes have earned all that was funded; once closed, whether they earned more than was there.

    Closing sends the rest of the budget back, so afterwards what is funded equals what was pledged in any case.
    """
    total = int(sum((day.earned for day in days), ZERO))
    return total > budget.funded_minor if budget.is_closed else total >= budget.funded_minor > 0


def _steps_to_pledged(days: Sequence[TermsDay], budget: Budget) -> Waterfall:
    over_cap = _sum_worths(day.worth(day.capped) for day in days)
    over = _sum_worths(worth_over_budget(days, budget))
    left = sum((day.earned for day in days), ZERO) - over.minor
    due_minor = int(left)
    last = next((day for day in reversed(days) if day.earned), None)
    to_come = Fraction(max(0, due_minor - budget.earned_minor))
    floor_minor = max(0, min(budget.earned_minor, budget.floor_minor) - due_minor) if budget.is_closed else 0
    return {
        StepName.OVER_DAILY_CAP: over_cap.negate(),
        StepName.OVER_BUDGET: over.negate(),
        StepName.ROUNDING: last.worth(due_minor - left) if last else Worth(),
        StepName.NOT_PLEDGED_YET: last.worth(-to_come) if last else Worth(),
        StepName.FLOOR: Worth(ZERO, Fraction(floor_minor)),
        StepName.SETTLED_BEFORE: Worth(ZERO, Fraction(max(0, budget.earned_minor - due_minor - floor_minor))),
    }


def worth_over_budget(days: Sequence[TermsDay], budget: Budget) -> list[Worth]:
    """Walk the days in order: what comes after the budget is used up, at its own day's rate.

    One amount a day; none at all where a closed campaign never reached its budget.
    """
    if budget.is_closed and not reaches_budget(days, budget):
        return []
    over, before = [], ZERO
    for day in days:
        after = before + day.earned
        over.append(day.worth(max(ZERO, after - max(before, Fraction(budget.funded_minor)))))
        before = after
    return over


def _worth_in_state(day: TermsDay, state: StepName) -> Worth:
    likes = Fraction(getattr(day.count, state))
    return Worth(likes, likes * day.terms.rate)


def _sum_worths(parts: Iterable[Worth]) -> Worth:
    total = Worth()
    for part in parts:
        total = total.add(part)
    return total
