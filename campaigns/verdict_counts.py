"""The verdicts of a campaign day by family and decider, as the public and the log see them.

A family with few likes of a day would tell which people are meant: it is named as `other`.
"""

from collections import Counter
from collections.abc import Iterable
from datetime import date
from typing import NamedTuple

FAMILY_LIKES_MIN = 10
OTHER = "other"


class VerdictCount(NamedTuple):
    """The likes of a day that rules of a family found, by what was decided and by whom.

    `released` counts likes that people released, and those that rules cleared. `low_quality` counts
    likes below the promised quality, which is no verdict.
    """

    day: date
    family: str
    decided_by: str
    quarantined: int = 0
    released: int = 0
    void: int = 0
    low_quality: int = 0

    @property
    def likes(self) -> int:
        """Return the number of likes."""
        return self.quarantined + self.released + self.void + self.low_quality


def group_small_families(counts: Iterable[VerdictCount]) -> list[VerdictCount]:
    """Return the counts with the families under 10 likes of a day as `other`, sorted. Pure.

    Counts without a like are left out.
    """
    counts = list(counts)
    likes_by_family: Counter[tuple[date, str]] = Counter()
    for count in counts:
        likes_by_family[count.day, count.family] += count.likes
    grouped: dict[tuple[date, str, str], VerdictCount] = {}
    for count in counts:
        is_small = likes_by_family[count.day, count.family] < FAMILY_LIKES_MIN
        named = count._replace(family=OTHER) if is_small else count
        key = named[:3]
        grouped[key] = _add(grouped[key], named) if key in grouped else named
    return sorted(count for count in grouped.values() if count.likes)


def _add(first: VerdictCount, second: VerdictCount) -> VerdictCount:
    sums = (before + more for before, more in zip(first[3:], second[3:], strict=True))
    return VerdictCount(*first[:3], *sums)
