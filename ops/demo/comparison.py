"""What the simulated platform expects beside what the public reads: each figure must be the same."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from ledger.money import text
from ops.demo.expected import Expected, Payday, pledged_minor
from ops.demo.reader import Standing
from ops.demo.webhooks import Answers


class Figure(NamedTuple):
    """One of them; likes, or minor units of `currency`."""

    name: str
    expected: int
    found: int
    currency: str | None = None

    @property
    def holds(self) -> bool:
        """Tell whether both are the same."""
        return self.expected == self.found

    def written(self, number: int) -> str:
        """Return a number as people write it."""
        return f"{number:,}" if self.currency is None else f"{text(number, self.currency)} {self.currency}"

    def shown(self) -> dict[str, Any]:
        """Return it as `--json` prints it."""
        return {"name": self.name, "expected": self.expected, "found": self.found, "holds": self.holds}


def compare(expected: Expected, before: Standing, after: Standing, answers: Answers, currency: str) -> list[Figure]:
    """Return every figure: likes by what became of them in this run, and the pledge of all runs together."""
    figures = [
        Figure(name, likes, after.likes[name] - before.likes[name]) for name, likes in expected.totals().items()
    ]
    counted = before.counted + expected.counted_by_day()
    pledged = pledged_minor(expected.rules, counted, after.funded_minor)
    return [
        *figures,
        *_refused(expected, answers),
        Figure("counted, every run", counted.total(), after.counted.total()),
        Figure("days that differ", 0, sum(counted[day] != after.counted[day] for day in counted | after.counted)),
        Figure("webhooks answered differently when sent again", 0, answers.repeated_differently),
        Figure("pledged, every run", pledged, after.pledged_minor, currency),
    ]


def _refused(expected: Expected, answers: Answers) -> Iterator[Figure]:
    for outcome, likes in sorted(expected.refused.items()):
        yield Figure(outcome, likes, answers.outcomes[outcome])


def compare_payday(expected: Payday, before: Standing, after: Standing, currency: str) -> list[Figure]:
    """Return what was settled, paid, sent back, and is still on its way: each apart, never added up."""
    rows = {
        "settled, every run": (expected.settled_minor, after.settled_minor),
        "paid, as the bank says": (expected.paid_minor, after.paid_minor - before.paid_minor),
        "sent back by the bank": (expected.back_minor, after.waiting_minor - before.waiting_minor),
        "still on its way": (0, after.in_flight_minor - before.in_flight_minor),
    }
    return [Figure(name, *minor, currency) for name, minor in rows.items()]
