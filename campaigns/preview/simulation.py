"""What a promise would come to over given likes: spend by day, what binds, who gets what. Pure.

It is the engine's own arithmetic run ahead of time (`due`, `split`, the floor, the waterfall), with nothing posted.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from itertools import pairwise

from campaigns.pledging.arithmetic import due_by_day, floor_top_up, shares_due
from campaigns.pledging.waterfall import (
    Budget,
    DayCount,
    StepName,
    TermsDay,
    Waterfall,
    Worth,
    compute_waterfall,
    days_under_terms,
    worth_over_budget,
)
from campaigns.promise.terms import Terms


class BindingCap(StrEnum):
    """What keeps a day's likes from earning more: the tighter of the two caps."""

    NONE = "none"
    DAILY_CAP = "daily_cap"
    BUDGET = "budget"


@dataclass(frozen=True, slots=True)
class SpendingDay:
    """A day of the preview; `spent_minor` is what `due` grows by on it."""

    day: TermsDay
    over_budget: Worth
    spent_minor: int
    so_far_minor: int

    @property
    def binding_cap(self) -> BindingCap:
        """Which cap holds the day back."""
        if self.over_budget.minor:
            return BindingCap.BUDGET
        return BindingCap.DAILY_CAP if self.day.capped else BindingCap.NONE


@dataclass(frozen=True, slots=True)
class Preview:
    """What the promise comes to. `shares_minor` and `pledged_minor` have the floor's top-up in them."""

    funded_minor: int
    days: tuple[SpendingDay, ...]
    due_minor: int
    top_up_minor: int
    shares_minor: dict[str, int]
    steps: Waterfall

    @property
    def pledged_minor(self) -> int:
        """All that is pledged once the campaign is closed."""
        return self.due_minor + self.top_up_minor

    @property
    def remaining_minor(self) -> int:
        """What goes back to the sponsor at the close."""
        return self.funded_minor - self.pledged_minor

    @property
    def budget_ends_on(self) -> date | None:
        """The first day whose end finds nothing left of the budget; None: it lasts, or there never was one."""
        if not self.funded_minor:
            return None
        return next((each.day.day for each in self.days if each.so_far_minor == self.funded_minor), None)

    @property
    def earning_nothing(self) -> Worth:
        """The likes that count and earn nothing, and their worth: over the daily cap or over the budget."""
        return self.steps[StepName.OVER_DAILY_CAP].add(self.steps[StepName.OVER_BUDGET]).negate()

    def days_by_binding_cap(self) -> dict[BindingCap, int]:
        """Return on how many days each cap binds."""
        bound = [each.binding_cap for each in self.days]
        return {binds: bound.count(binds) for binds in BindingCap}


def simulate_promise(
    versions: Sequence[Terms], likes: Mapping[date, DayCount], funded_minor: int, floor_minor: int = 0
) -> Preview:
    """Return what these versions of the terms come to over the likes of all of the campaign's days."""
    days = days_under_terms(likes, versions)
    counted = {day.day: day.count.counted for day in days}
    dues = due_by_day(versions, counted, funded_minor)
    due_minor = max(dues.values(), default=0)
    top_up_minor = floor_top_up(due_minor, funded_minor, floor_minor)
    return Preview(
        funded_minor,
        _spending_days(days, dues, funded_minor),
        due_minor,
        top_up_minor,
        shares_due(versions, counted, funded_minor, max(counted, default=date.min), top_up_minor),
        compute_waterfall(days, {}, Budget(funded_minor, due_minor + top_up_minor, floor_minor, is_closed=True)),
    )


def _spending_days(days: Sequence[TermsDay], dues: Mapping[date, int], funded_minor: int) -> tuple[SpendingDay, ...]:
    over = worth_over_budget(days, Budget(funded_minor, 0, 0, is_closed=False))
    steps = pairwise([0, *dues.values()])
    return tuple(
        SpendingDay(day, lost, after - before, after)
        for day, lost, (before, after) in zip(days, over, steps, strict=True)
    )
