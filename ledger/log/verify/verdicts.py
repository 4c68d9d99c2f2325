"""Verdicts replayed: each leaf's totals, and their sums against the counts of likes.

A `verdicts` leaf names all rows of the days it is about, so a family that leaves `other` moves
nothing. Of each verdict of its tree, one total rises by one and at most one falls by one. No like
ever loses its verdict, so the sum of all totals never falls.

A verdict moves likes in a batch that a later tick folds. So sums are compared where the campaign's
newest `count` leaf comes after its newest `verdicts` leaf: before the next `verdicts` leaf, and at
the end. They are sums over all days: an earlier event moves a like to its day, but its verdict only
when somebody decides again.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from ledger.log.leaf_schemas import InvalidLeaf

_VERDICTS = ("quarantined", "released", "void")

Totals = Counter[tuple[str, str]]  # likes by decider and verdict, over all families


class StateSums(NamedTuple):
    """A campaign's likes by state, over all days; `quarantined` is None where leaves lack it."""

    withdrawn: int
    void: int
    quarantined: int | None


class CampaignVerdicts:
    """The verdicts of one campaign after the leaves so far."""

    def __init__(self) -> None:
        self._by_day: dict[str, Totals] = {}
        self._likes_min = 0  # with a verdict, when sums were compared last
        self._is_counted = False  # a `count` leaf has come since the newest `verdicts` leaf

    def add_count(self) -> None:
        """Note a `count` leaf: it folds what all verdicts before it moved."""
        self._is_counted = True

    def add_verdicts(self, leaf: Mapping[str, Any]) -> None:
        """Apply a `verdicts` leaf.

        Raises InvalidLeaf if a row occurs twice, or its totals do not follow from its tree.
        """
        rows = [(row["day"], row["family"], row["decided_by"]) for row in leaf["days"]]
        if len(set(rows)) != len(rows):
            raise InvalidLeaf("a day, family and decider occur twice")
        after = _totals_by_day(leaf["days"])
        rise = fall = 0
        for day, totals in after.items():
            before = self._by_day.get(day, Counter())
            rise += (totals - before).total()
            fall += (before - totals).total()
        if max(rise, fall) > leaf["size"]:
            raise InvalidLeaf(f"its tree has {leaf['size']} verdicts, but its totals move by {max(rise, fall)}")
        self._by_day |= after
        self._is_counted = False

    @property
    def days(self) -> int:
        """Return the number of days with a verdict."""
        return len(self._by_day)

    def find_difference(self, states: StateSums) -> str | None:
        """Return how verdicts and counts differ, as text; None if they agree or cannot be compared."""
        if not self._is_counted:
            return None
        sums = Counter[tuple[str, str]]()
        for totals in self._by_day.values():
            sums.update(totals)
        if (likes := sums.total()) < self._likes_min:
            return f"{likes} likes have a verdict, but {self._likes_min} had one before"
        self._likes_min = likes
        quarantined, void = (
            sum(sums[decider, verdict] for decider in ("rules", "people")) for verdict in ("quarantined", "void")
        )
        if not void - states.withdrawn <= states.void <= void:
            return (
                f"verdicts make {void} likes void,"
                f" but the counts have {states.void} void and {states.withdrawn} withdrawn"
            )
        if (
            states.quarantined is not None
            and quarantined + void > states.quarantined + states.void + states.withdrawn
        ):
            return (
                f"verdicts hold {quarantined} likes and make {void} void, but the counts have {states.quarantined}"
                f" quarantined, {states.void} void and {states.withdrawn} withdrawn"
            )
        return None


def _totals_by_day(rows: Iterable[Mapping[str, Any]]) -> dict[str, Totals]:
    by_day: dict[str, Totals] = {}
    for row in rows:
        totals = by_day.setdefault(row["day"], Counter())
        totals.update({(row["decided_by"], verdict): row[verdict] for verdict in _VERDICTS})
    return by_day
