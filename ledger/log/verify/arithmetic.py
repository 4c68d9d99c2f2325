"""What likes have earned, computed independently of the engine, in integers.

One unit is 1/n of a minor unit, where n is a common multiple of every `per_likes` of a campaign. A
property test compares this module with the engine (`campaigns/pledging/arithmetic.py`).
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from math import lcm
from typing import NamedTuple

WHOLE_BP = 10_000
FIRST_DAY = ""  # before every day: days compare as text, YYYY-MM-DD


class TermsVersion(NamedTuple):
    """One version of a promise's terms."""

    number: int
    from_day: str
    amount_minor: int
    per_likes: int
    cap_minor: int | None
    shares: tuple[tuple[str, int], ...]  # charity, basis points


class CampaignEarnings:
    """The likes of one campaign's days and their earnings; a change recomputes one day only."""

    def __init__(self) -> None:
        self.likes_by_day: dict[str, int] = {}
        self._versions: list[TermsVersion] = []  # superseded versions of the same day excluded, oldest first
        self._from_days: list[str] = []
        self._units_per_minor = 1
        self._total_units = 0

    def add_terms(self, version: TermsVersion) -> None:
        """Add a version of the terms; of several from one day, the newest applies."""
        others = [v for v in self._versions if v.from_day != version.from_day]
        self._versions = sorted([*others, version], key=lambda v: v.from_day)
        self._from_days = [v.from_day for v in self._versions]
        self._units_per_minor = lcm(*(v.per_likes for v in self._versions))
        self._total_units = sum(self._day_units(day, likes) for day, likes in self.likes_by_day.items())

    def set_day_likes(self, day: str, likes: int) -> None:
        """Set a day's total of counted likes."""
        self._total_units += self._day_units(day, likes) - self._day_units(day, self.likes_by_day.get(day, 0))
        self.likes_by_day[day] = likes

    def covers(self, day: str) -> bool:
        """Return whether terms are in force on a day."""
        return bool(self._from_days) and self._from_days[0] <= day

    def _day_units(self, day: str, likes: int) -> int:
        terms = self._versions[bisect_right(self._from_days, day) - 1]
        units = likes * terms.amount_minor * (self._units_per_minor // terms.per_likes)
        return units if terms.cap_minor is None else min(units, terms.cap_minor * self._units_per_minor)

    def due_minor(self, funded_minor: int) -> int:
        """Return the amount due for all days, in minor units."""
        return min(funded_minor, self._total_units // self._units_per_minor)

    def due_before_minor(self, day: str, funded_minor: int) -> int:
        """Return the amount due for the days before `day`, in minor units."""
        units = sum(self._day_units(d, likes) for d, likes in self.likes_by_day.items() if d < day)
        return min(funded_minor, units // self._units_per_minor)

    def shares_due(self, after_cut_off: str, funded_minor: int, topped_up_minor: int = 0) -> dict[str, int]:
        """Return each charity's total due for the days before `after_cut_off`, in minor units.

        The amount earned under each version is split by its shares. `topped_up_minor`, the rest up
        to the floor, goes to the last version in force before that day.
        """
        newest = max(0, bisect_left(self._from_days, after_cut_off) - 1)
        totals: dict[str, int] = {}
        for position, version in enumerate(self._versions):
            is_last = position + 1 == len(self._versions)
            end = after_cut_off if is_last else min(after_cut_off, self._from_days[position + 1])
            start = min(version.from_day, end)
            earned_minor = self.due_before_minor(end, funded_minor) - self.due_before_minor(start, funded_minor)
            earned_minor += topped_up_minor if position == newest else 0
            for charity, minor in zip(
                _charities(version), _apportion(earned_minor, [bp for _, bp in version.shares]), strict=True
            ):
                totals[charity] = totals.get(charity, 0) + minor
        return totals


def _charities(version: TermsVersion) -> list[str]:
    return [charity for charity, _ in version.shares]


def _apportion(minor: int, shares_bp: Sequence[int]) -> list[int]:
    """Split by largest remainder: one minor unit of the rest to each of the largest remainders."""
    quotients = [divmod(minor * bp, WHOLE_BP) for bp in shares_bp]
    rest = minor - sum(whole for whole, _ in quotients)
    raised = sorted(range(len(quotients)), key=lambda n: (-quotients[n][1], n))[:rest]
    return [whole + (n in raised) for n, (whole, _) in enumerate(quotients)]
