"""What likes have earned, reckoned a second time: the verifier's own arithmetic, in whole units, no fractions.

One unit is 1/n of a minor unit, where n is a common multiple of every `per_likes` of a campaign: so all is integers.
Written apart from the engine that it checks, and held to it by a property test.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from math import lcm
from typing import NamedTuple

WHOLE_BP = 10_000
FIRST_DAY = ""  # before every day: days are compared as the text they are, YYYY-MM-DD


class TermsVersion(NamedTuple):
    """One version of a promise's terms."""

    number: int
    from_day: str
    amount_minor: int
    per_likes: int
    cap_minor: int | None
    shares: tuple[tuple[str, int], ...]  # charity, basis points


class CampaignEarnings:
    """One campaign's days, and what they earn; a day is reckoned when it changes, never all of them."""

    def __init__(self) -> None:
        self.likes_by_day: dict[str, int] = {}
        self._versions: list[TermsVersion] = []  # those that are ever in force, oldest first
        self._from_days: list[str] = []
        self._units_per_minor = 1
        self._total_units = 0  # in units

    def add_terms(self, version: TermsVersion) -> None:
        """Take a version of the terms; of several from one day the newest holds."""
        kept = [v for v in self._versions if v.from_day != version.from_day]
        self._versions = sorted([*kept, version], key=lambda v: v.from_day)
        self._from_days = [v.from_day for v in self._versions]
        self._units_per_minor = lcm(*(v.per_likes for v in self._versions))
        self._total_units = sum(self._day_units(day, likes) for day, likes in self.likes_by_day.items())

    def set_day_likes(self, day: str, likes: int) -> None:
        """Take a day's likes in all."""
        self._total_units += self._day_units(day, likes) - self._day_units(day, self.likes_by_day.get(day, 0))
        self.likes_by_day[day] = likes

    def covers(self, day: str) -> bool:
        """Tell whether terms are in force on a day."""
        return bool(self._from_days) and self._from_days[0] <= day

    def _day_units(self, day: str, likes: int) -> int:
        terms = self._versions[bisect_right(self._from_days, day) - 1]
        units = likes * terms.amount_minor * (self._units_per_minor // terms.per_likes)
        return units if terms.cap_minor is None else min(units, terms.cap_minor * self._units_per_minor)

    def due_minor(self, funded_minor: int) -> int:
        """Return what all days make due, in minor units."""
        return min(funded_minor, self._total_units // self._units_per_minor)

    def due_before_minor(self, day: str, funded_minor: int) -> int:
        """Return what the days before `day` make due."""
        units = sum(self._day_units(d, likes) for d, likes in self.likes_by_day.items() if d < day)
        return min(funded_minor, units // self._units_per_minor)

    def shares_due(self, after_cut_off: str, funded_minor: int, topped_up_minor: int = 0) -> dict[str, int]:
        """Return each charity's running total of what the days before `after_cut_off` make due, in minor units.

        Each version's own part is split by itself. `topped_up_minor`, the floor's rest, belongs to the last one that
        came into force before that day.
        """
        newest = max(0, bisect_left(self._from_days, after_cut_off) - 1)
        totals: dict[str, int] = {}
        for place, version in enumerate(self._versions):
            is_last = place + 1 == len(self._versions)
            end = after_cut_off if is_last else min(after_cut_off, self._from_days[place + 1])
            start = min(version.from_day, end)
            part = self.due_before_minor(end, funded_minor) - self.due_before_minor(start, funded_minor)
            part += topped_up_minor if place == newest else 0
            for charity, minor in zip(
                _charities(version), _apportion(part, [bp for _, bp in version.shares]), strict=True
            ):
                totals[charity] = totals.get(charity, 0) + minor
        return totals


def _charities(version: TermsVersion) -> list[str]:
    return [charity for charity, _ in version.shares]


def _apportion(minor: int, shares_bp: Sequence[int]) -> list[int]:
    """Split by largest remainder: what rounding down leaves over goes, one each, to those that lost most by it."""
    exact = [divmod(minor * bp, WHOLE_BP) for bp in shares_bp]
    left = minor - sum(whole for whole, _ in exact)
    first = sorted(range(len(exact)), key=lambda n: (-exact[n][1], n))[:left]
    return [whole + (n in first) for n, (whole, _) in enumerate(exact)]
