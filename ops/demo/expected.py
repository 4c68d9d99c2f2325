"""What must come out of a simulation: counted by what each simulated person did, never by the service's own rules.

A second, much simpler arithmetic beside `campaigns/pledging/arithmetic.py`.
If the two differ, the demonstration says so.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import NamedTuple


class PledgeRules(NamedTuple):
    """The figures of the promise."""

    amount_minor: int
    per_likes: int
    daily_cap_minor: int
    likes_per_person_per_day: int


@dataclass(slots=True)
class ExpectedCounts:
    """What the simulated people did, in the end."""

    rules: PledgeRules
    likes_kept: Counter[tuple[str, date]] = field(default_factory=Counter)  # likes that were not taken back
    duplicates: int = 0
    withdrawn: int = 0
    fakes: int = 0
    refusals: Counter[str] = field(default_factory=Counter)  # by outcome

    def counted_by_day(self) -> Counter[date]:
        """Return the likes that count, by day: of each person's at most as many as the promise takes."""
        days: Counter[date] = Counter()
        for (_, day), likes in self.likes_kept.items():
            days[day] += min(likes, self.rules.likes_per_person_per_day)
        return days

    def totals(self) -> dict[str, int]:
        """Return by how much each public count of likes must grow."""
        counted = self.counted_by_day().total()
        return {
            "counted": counted,
            "duplicate": self.duplicates,
            "withdrawn": self.withdrawn,
            "quarantined": self.fakes,
            "void": 0,
            "over_limit": self.likes_kept.total() - counted,
        }


def expect_pledged_minor(rules: PledgeRules, counted: Mapping[date, int], funded_minor: int) -> int:
    """Return what all days together must have pledged: whole numbers, in parts of a minor unit until the end."""
    parts = sum(
        min(likes * rules.amount_minor, rules.daily_cap_minor * rules.per_likes) for likes in counted.values()
    )
    return min(funded_minor, parts // rules.per_likes)


class SettlementTerms(NamedTuple):
    """How the promise settles: each charity's part in basis points, and how long a day's likes wait."""

    shares_bp: Mapping[str, int]
    hold_days: int


class Funds(NamedTuple):
    """What came in, and what was settled of it before."""

    funded_minor: int
    settled_minor: int


class PaydayTotals(NamedTuple):
    """What a payday must have done, in minor units: settled of all runs together, paid and sent back by this one."""

    settled_minor: int
    paid_minor: int
    returned_minor: int


def apportion_minor(total_minor: int, shares_bp: Mapping[str, int]) -> dict[str, int]:
    """Return each charity's part: rounded down; what is left goes to who lost most, first to the one listed first."""
    parts = {charity: total_minor * part // 10_000 for charity, part in shares_bp.items()}
    lost = sorted(shares_bp, key=lambda charity: -(total_minor * shares_bp[charity] % 10_000))
    for charity in lost[: total_minor - sum(parts.values())]:
        parts[charity] += 1
    return parts


def expect_payday(
    rules: PledgeRules,
    settlement_terms: SettlementTerms,
    counted: Mapping[date, int],
    periods: Sequence[date],
    funds_before: Funds,
    returning_charity: str,
) -> PaydayTotals:
    """Return what settling these periods must come to; of the last one, the money of one charity comes back."""
    totals = [funds_before.settled_minor]
    for period in periods:
        mature = period - timedelta(days=settlement_terms.hold_days + 1)
        until = {day: likes for day, likes in counted.items() if day <= mature}
        totals.append(expect_pledged_minor(rules, until, funds_before.funded_minor))
    back_minor = 0
    if periods:
        newer, older = (
            apportion_minor(total_minor, settlement_terms.shares_bp)[returning_charity]
            for total_minor in (totals[-1], totals[-2])
        )
        back_minor = newer - older
    return PaydayTotals(totals[-1], totals[-1] - totals[0] - back_minor, back_minor)
