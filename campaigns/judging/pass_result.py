"""The result of a pass over observations, as metrics and commands show it."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from campaigns.authenticity.engine import Finding
from campaigns.authenticity.ruleset import Ruleset
from campaigns.intake.verdict_change import VerdictChange


@dataclass(frozen=True, slots=True)
class PassResult:
    """What one pass judged and changed; counts are likes unless they say otherwise."""

    judged: int = 0  # like events that no pass had read before
    held_likes: int = 0  # by rules that found them
    cleared: int = 0
    opened_cases: int = 0
    findings: Counter[tuple[str, str]] = field(default_factory=Counter)  # by family and mode
    verdicts: Counter[tuple[str, str]] = field(default_factory=Counter)  # new ones, by verdict and who decided
    digest: str = ""  # SHA-256 over the verdicts of a closing pass, in hex
    waiting_days: tuple[int, ...] = ()  # days whose settlement waits for a reviewer (`date.toordinal`)

    def __add__(self, other: "PassResult") -> "PassResult":
        """Return the sum of two passes; the digest and the waiting days are the later one's."""
        return PassResult(
            self.judged + other.judged,
            self.held_likes + other.held_likes,
            self.cleared + other.cleared,
            self.opened_cases + other.opened_cases,
            self.findings + other.findings,
            self.verdicts + other.verdicts,
            other.digest,
            other.waiting_days,
        )


def count_findings(findings: Iterable[Finding], ruleset: Ruleset) -> Counter[tuple[str, str]]:
    """Return the findings by family and mode. Pure."""
    modes = {rule.id: rule.mode for rule in ruleset.rules}
    return Counter((finding.family, modes[finding.rule]) for finding in findings)


def count_verdicts(changes: Iterable[VerdictChange]) -> Counter[tuple[str, str]]:
    """Return the verdicts of rules by their value. Pure."""
    return Counter((change.verdict.value, "rules") for change in changes)
