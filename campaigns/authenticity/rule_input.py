"""What a window rule reads, and what it returns."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from campaigns.authenticity.critical import critical_count
from campaigns.authenticity.ruleset import Critical
from campaigns.authenticity.window import Window

Numbers = Mapping[str, int]


class Hit(NamedTuple):
    """People whose likes a rule is about, and the evidence in counts.

    `pushed` are the likes by which a crowd rule recognised them.
    """

    persons: frozenset[int]
    evidence: Mapping[str, int]
    pushed: frozenset[int] = frozenset()


class RuleInput(NamedTuple):
    """The window with what the rules share: traits by like, and networks that are gatherings.

    `pushed` are the likes that live crowd rules over contents named before.
    """

    window: Window
    traits: list[int]
    gatherings: frozenset[int]
    critical: Critical
    pushed: frozenset[int]

    def critical_count(self, expected_hundredths: int) -> int:
        """Return from how many on a count is remarkable; the expectation is in hundredths."""
        return critical_count(self.critical.steps, self.critical.ratio_bp, expected_hundredths)


FindHits = Callable[[RuleInput, Numbers], list[Hit]]
