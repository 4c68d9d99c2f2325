"""One campaign in a replay: its promise, the likes of its days by state, and its verdicts."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ledger.log.leaf_schemas import InvalidLeaf
from ledger.log.verify.arithmetic import CampaignEarnings
from ledger.log.verify.verdicts import CampaignVerdicts, StateSums


class DayLikes(NamedTuple):
    """A day's likes by state; the last two are None where the newest leaf is of version 1."""

    counted: int
    withdrawn: int
    void: int
    quarantined: int | None = None
    low_quality: int | None = None

    def total(self) -> int:
        """Return the likes in all these states."""
        return sum(likes or 0 for likes in self)


NO_LIKES = DayLikes(0, 0, 0)


@dataclass
class CampaignState:
    """The state of one campaign after the leaves so far."""

    immutable_part: dict[str, Any]  # sections that new terms cannot change
    currency: str
    floor_minor: int
    has_leaf_for_every_like: bool  # campaigns of older versions have leaves for likes that counted only
    earnings: CampaignEarnings = field(default_factory=CampaignEarnings)
    verdicts: CampaignVerdicts = field(default_factory=CampaignVerdicts)
    version_count: int = 0
    days: dict[str, DayLikes] = field(default_factory=dict)
    rulesets: set[int] = field(default_factory=set)
    counted: int = 0
    likes: int = 0  # in the states that the leaves say
    batched_likes: int = 0  # likes in all logged batches
    is_closed: bool = False
    unbalanced_since: int | None = None  # index of the leaf since which due and pledged differ

    def set_day(self, row: Mapping[str, Any]) -> None:
        """Set a day's likes to a row of a `count` leaf.

        Raises InvalidLeaf if no terms were in force on the day.
        """
        day = row["day"]
        if not self.earnings.covers(day):
            raise InvalidLeaf(f"likes of {day}, but no terms were in force")
        before, after = self.days.get(day, NO_LIKES), _read_row(row)
        self.counted += after.counted - before.counted
        self.likes += after.total() - before.total()
        self.days[day] = after
        self.earnings.set_day_likes(day, after.counted)

    def check_batches(self) -> None:
        """Raise InvalidLeaf if likes count, or have a state, that no batch holds."""
        if self.counted > self.batched_likes:
            raise InvalidLeaf(f"{self.counted} likes are counted, but the batches hold {self.batched_likes}")
        if self.has_leaf_for_every_like and self.likes > self.batched_likes:
            raise InvalidLeaf(f"{self.likes} likes have a state, but the batches hold {self.batched_likes}")

    def sum_days(self) -> DayLikes:
        """Return the likes over all days; a state is None if one day's leaf lacks it."""
        days = list(self.days.values())
        return DayLikes(
            sum(day.counted for day in days),
            sum(day.withdrawn for day in days),
            sum(day.void for day in days),
            _sum_known(day.quarantined for day in days),
            _sum_known(day.low_quality for day in days),
        )

    def find_verdict_difference(self) -> str | None:
        """Return how the verdicts differ from the counts, as text; None if they agree."""
        if not (self.verdicts.days or self.has_leaf_for_every_like):
            return None  # of an older version, without rules
        sums = self.sum_days()
        return self.verdicts.find_difference(StateSums(sums.withdrawn, sums.void, sums.quarantined))


def _read_row(row: Mapping[str, Any]) -> DayLikes:
    return DayLikes(row["counted"], row["withdrawn"], row["void"], row.get("quarantined"), row.get("low_quality"))


def _sum_known(likes: Iterable[int | None]) -> int | None:
    total = 0
    for number in likes:
        if number is None:
            return None
        total += number
    return total
