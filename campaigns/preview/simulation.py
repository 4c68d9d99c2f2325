"""Simulation of a promise over a forecast: spending by day, binding caps, shares. Pure.

It runs the engine's arithmetic ahead of time (due amounts, shares, floor, waterfall) and posts
nothing.
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
    """The cap that keeps a day's likes from earning more: the tighter of the two."""

    NONE = "none"
    DAILY_CAP = "daily_cap"
    BUDGET = "budget"


@dataclass(frozen=True, slots=True)
class SpendingDay:
    """A day of the preview. `spent_minor` is the growth of the due amount on that day."""

    day: TermsDay
    over_budget: Worth
    spent_minor: int
    so_far_minor: int

    @property
    def binding_cap(self) -> BindingCap:
        """The cap that binds on this day."""
        if self.over_budget.minor:
            return BindingCap.BUDGET
        return BindingCap.DAILY_CAP if self.day.capped else BindingCap.NONE


@dataclass(frozen=True, slots=True)
class Preview:
    """The result of a simulation. `shares_minor` and `pledged_minor` include the floor's top-up."""

    funded_minor: int
    days: tuple[SpendingDay, ...]
    due_minor: int
    top_up_minor: int
    shares_minor: dict[str, int]
    steps: Waterfall

    @property
    def pledged_minor(self) -> int:
        """The pledged amount once the campaign is closed."""
        return self.due_minor + self.top_up_minor

    @property
    def remaining_minor(self) -> int:
        """The amount that returns to the sponsor at the close."""
        return self.funded_minor - self.pledged_minor

    @property
    def budget_ends_on(self) -> date | None:
        """The first day that ends with an empty budget; None if it lasts, or if there was none."""
        if not self.funded_minor:
            return None
        return next((day.day.day for day in self.days if day.so_far_minor == self.funded_minor), None)

    @property
    def earning_nothing(self) -> Worth:
        """The likes that count but earn nothing, over the daily cap or budget, and their worth."""
        return self.steps[StepName.OVER_DAILY_CAP].add(self.steps[StepName.OVER_BUDGET]).negate()

    def days_by_binding_cap(self) -> dict[BindingCap, int]:
        """Return the number of days on which each cap binds."""
        caps = [day.binding_cap for day in self.days]
        return {cap: caps.count(cap) for cap in BindingCap}


def simulate_promise(
    versions: Sequence[Terms], likes: Mapping[date, DayCount], funded_minor: int, floor_minor: int = 0
) -> Preview:
    """Return the result of these versions of the terms over the likes of all campaign days.

    Pure.
    """
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
    over_budget = worth_over_budget(days, Budget(funded_minor, 0, 0, is_closed=False))
    steps = pairwise([0, *dues.values()])
    return tuple(
        SpendingDay(day, worth, after - before, after)
        for day, worth, (before, after) in zip(days, over_budget, steps, strict=True)
    )
