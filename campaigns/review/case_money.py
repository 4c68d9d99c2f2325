"""The money that a case is about: the amount due with its likes, less the amount due without them.

Never likes × rate: under a cap, or beyond the budget, a like may move nothing. Pure.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from fractions import Fraction
from typing import NamedTuple

from campaigns.pledging.arithmetic import day_earnings
from campaigns.promise.terms import Terms, terms_on_day, versions_in_force


class DayEffect(NamedTuple):
    """How the counted likes of a day change if a case is released, and if it is void."""

    day: date
    more: int  # likes that would count in addition
    fewer: int  # likes that would count no more


class CaseMoney(NamedTuple):
    """Counted likes and amounts due, in minor units: now, and after each decision."""

    due_minor: int
    due_released_minor: int
    due_void_minor: int
    more_likes: int
    fewer_likes: int

    @property
    def at_stake_minor(self) -> int:
        """Return what the decision is about, in minor units: the same for either outcome."""
        return self.due_released_minor - self.due_void_minor


class DueToday(NamedTuple):
    """What a campaign's folded likes earn; `due_with` changes single days of it."""

    versions: Sequence[Terms]  # in force, oldest first
    counted: Mapping[date, int]
    funded_minor: int
    earned: Fraction

    def due_with(self, changes: Mapping[date, int]) -> int:
        """Return the amount due, in minor units, if days had so many counted likes more."""
        moved = sum((self._move(day, change) for day, change in changes.items()), Fraction())
        total = self.earned + moved
        return min(self.funded_minor, total.numerator // total.denominator)

    def _move(self, day: date, change: int) -> Fraction:
        terms, likes = terms_on_day(self.versions, day), self.counted.get(day, 0)
        return day_earnings(terms, max(0, likes + change)) - day_earnings(terms, likes)


def due_today(versions: Sequence[Terms], counted: Mapping[date, int], funded_minor: int) -> DueToday:
    """Return what the counted likes earn, as the start of all changes."""
    in_force = versions_in_force(versions)
    earned = sum((day_earnings(terms_on_day(in_force, day), likes) for day, likes in counted.items()), Fraction())
    return DueToday(in_force, counted, funded_minor, earned)


def measure_case(today: DueToday, effects: Sequence[DayEffect]) -> CaseMoney:
    """Return the amounts due now and after each decision about a case."""
    return CaseMoney(
        today.due_with({}),
        today.due_with({effect.day: effect.more for effect in effects}),
        today.due_with({effect.day: -effect.fewer for effect in effects}),
        sum(effect.more for effect in effects),
        sum(effect.fewer for effect in effects),
    )
