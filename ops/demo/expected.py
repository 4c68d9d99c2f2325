"""What must come out of a simulation: counted by what each simulated person did, never by the service's own rules.

A second, much simpler arithmetic beside `campaigns/arithmetic.py`: if the two differ, the demonstration says so.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple


class Rules(NamedTuple):
    """The figures of the promise."""

    amount_minor: int
    per_likes: int
    daily_cap_minor: int
    likes_per_person_per_day: int


@dataclass(slots=True)
class Expected:
    """What the simulated people did, in the end."""

    rules: Rules
    standing: Counter[tuple[str, date]] = field(default_factory=Counter)  # likes that were not taken back
    repeated: int = 0
    withdrawn: int = 0
    fake: int = 0
    refused: Counter[str] = field(default_factory=Counter)  # by outcome

    def counted_by_day(self) -> Counter[date]:
        """Return the likes that count, by day: of each person's at most as many as the promise takes."""
        days: Counter[date] = Counter()
        for (_, day), likes in self.standing.items():
            days[day] += min(likes, self.rules.likes_per_person_per_day)
        return days

    def totals(self) -> dict[str, int]:
        """Return by how much each public count of likes must grow."""
        counted = self.counted_by_day().total()
        return {
            "counted": counted,
            "duplicate": self.repeated,
            "withdrawn": self.withdrawn,
            "quarantined": self.fake,
            "void": 0,
            "over_limit": self.standing.total() - counted,
        }


def pledged_minor(rules: Rules, counted: Mapping[date, int], funded_minor: int) -> int:
    """Return what all days together must have pledged: whole numbers, in parts of a minor unit until the end."""
    parts = sum(
        min(likes * rules.amount_minor, rules.daily_cap_minor * rules.per_likes) for likes in counted.values()
    )
    return min(funded_minor, parts // rules.per_likes)
