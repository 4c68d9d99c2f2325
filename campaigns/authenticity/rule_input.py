"""What a window rule reads, and what it returns."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from campaigns.authenticity.critical import critical_count
from campaigns.authenticity.kinds import Signal
from campaigns.authenticity.ruleset import Critical
from campaigns.authenticity.window import Window

Numbers = Mapping[str, int]


class Hit(NamedTuple):
    """People whose likes a rule is about, and the evidence in counts.

    `pushed` are the likes by which a rule recognised them. `is_about_likes` says that the finding is
    about these likes alone, not about all likes of the people.
    """

    persons: frozenset[int]
    evidence: Mapping[str, int]
    pushed: frozenset[int] = frozenset()
    is_about_likes: bool = False


class Score(NamedTuple):
    """A person's points on the scorecard, and those of each sign."""

    total: int
    by: Mapping[str, int]


class RuleInput(NamedTuple):
    """The window with what the rules share: traits by like, and networks that are gatherings.

    `pushed` are the likes that live crowd rules over contents named before, `suspects` the people that
    live rules hold before any scorecard. `uncovered` are the signals that too few likes of a
    platform's day carry. `scores` are those of the scorecard, by person: empty without a card.
    """

    window: Window
    traits: list[int]
    gatherings: frozenset[int]
    critical: Critical
    pushed: frozenset[int] = frozenset()
    suspects: frozenset[int] = frozenset()
    uncovered: Mapping[tuple[str, int], frozenset[Signal]] = MappingProxyType({})
    scores: Sequence[Score] = ()

    def critical_count(self, expected_hundredths: int) -> int:
        """Return from how many on a count is remarkable; the expectation is in hundredths."""
        return critical_count(self.critical.steps, self.critical.ratio_bp, expected_hundredths)


FindHits = Callable[[RuleInput, Numbers], list[Hit]]
