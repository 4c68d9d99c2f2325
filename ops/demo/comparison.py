"""Compare the totals that the simulated platform expects with the published ones."""

from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

from ledger.money import format_minor
from ops.demo.expected import ExpectedCounts, PaydayTotals, expect_pledged_minor
from ops.demo.reader import PublicFigures
from ops.demo.webhooks import ResponseTally


class Figure(NamedTuple):
    """One figure, expected and published: likes, or minor units of `currency`."""

    name: str
    expected: int
    actual: int
    currency: str | None = None

    @property
    def holds(self) -> bool:
        """Return whether the two are equal."""
        return self.expected == self.actual

    def format_number(self, number: int) -> str:
        """Return a number with separators, or an amount with its currency."""
        return f"{number:,}" if self.currency is None else f"{format_minor(number, self.currency)} {self.currency}"

    def to_json(self) -> dict[str, Any]:
        """Return the figure as `--json` prints it."""
        return {"name": self.name, "expected": self.expected, "actual": self.actual, "holds": self.holds}


def compare_totals(
    expected: ExpectedCounts, before: PublicFigures, after: PublicFigures, responses: ResponseTally, currency: str
) -> list[Figure]:
    """Return every figure: likes of this run by outcome, and the pledge of all runs together."""
    figures = [
        Figure(name, likes, after.likes[name] - before.likes[name]) for name, likes in expected.totals().items()
    ]
    counted = Counter(before.counted)
    counted.update(expected.counted_by_day())
    pledged = expect_pledged_minor(expected.rules, counted, after.funded_minor)
    return [
        *figures,
        *_compare_refusals(expected, responses),
        Figure("counted, every run", counted.total(), after.counted.total()),
        Figure("days that differ", 0, sum(counted[day] != after.counted[day] for day in counted | after.counted)),
        Figure("repeated webhooks with another response", 0, responses.changed_repeats),
        Figure("pledged, every run", pledged, after.pledged_minor, currency),
    ]


def _compare_refusals(expected: ExpectedCounts, responses: ResponseTally) -> Iterator[Figure]:
    for outcome, likes in sorted(expected.refusals.items()):
        yield Figure(outcome, likes, responses.outcomes[outcome])


def compare_payday(
    expected: PaydayTotals, before: PublicFigures, after: PublicFigures, currency: str
) -> list[Figure]:
    """Return the settled, paid, returned and in-flight amounts, each as a figure of its own."""
    rows = {
        "settled, every run": (expected.settled_minor, after.settled_minor),
        "paid, by the bank's statements": (expected.paid_minor, after.paid_minor - before.paid_minor),
        "returned by the bank": (expected.returned_minor, after.unsent_minor - before.unsent_minor),
        "in flight": (0, after.in_flight_minor - before.in_flight_minor),
    }
    return [Figure(name, *minor, currency) for name, minor in rows.items()]
