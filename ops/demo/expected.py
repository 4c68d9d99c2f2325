"""Expected totals of a simulation, counted from the actions of the simulated people.

This is a second, much simpler arithmetic beside `campaigns/pledging/arithmetic.py`. The demonstration reports every
difference between the two.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import NamedTuple


class PledgeRules(NamedTuple):
    """The numbers of the promise."""

    amount_minor: int
    per_likes: int
    daily_cap_minor: int
    likes_per_person_per_day: int


@dataclass(slots=True)
class ExpectedCounts:
    """Likes of the simulated people, by their final state."""

    rules: PledgeRules
    likes_kept: Counter[tuple[str, date]] = field(default_factory=Counter)  # likes without an unlike
    duplicates: int = 0
    withdrawn: int = 0
    fakes: int = 0  # among the likes that are kept
    refusals: Counter[str] = field(default_factory=Counter)  # by outcome

    def counted_by_day(self) -> Counter[date]:
        """Return counted likes by day, at most the daily limit for each person."""
        days: Counter[date] = Counter()
        for (_, day), likes in self.likes_kept.items():
            days[day] += min(likes, self.rules.likes_per_person_per_day)
        return days

    def totals(self) -> dict[str, int]:
        """Return the growth of each published count of likes."""
        counted = self.counted_by_day().total()
        return {
            "counted": counted,
            "duplicate": self.duplicates,
            "withdrawn": self.withdrawn,
            "quarantined": 0,
            "low_quality": 0,
            "void": 0,
            "over_limit": self.likes_kept.total() - counted,
        }


def expect_pledged_minor(rules: PledgeRules, counted: Mapping[date, int], funded_minor: int) -> int:
    """Return the pledge of all days in minor units, computed in parts of a minor unit and rounded down once."""
    parts = sum(
        min(likes * rules.amount_minor, rules.daily_cap_minor * rules.per_likes) for likes in counted.values()
    )
    return min(funded_minor, parts // rules.per_likes)


class SettlementTerms(NamedTuple):
    """Settlement rules of the promise: shares in basis points, and the days that likes wait."""

    shares_bp: Mapping[str, int]
    hold_days: int


class Funds(NamedTuple):
    """Money funded and money settled before, in minor units."""

    funded_minor: int
    settled_minor: int


class PaydayTotals(NamedTuple):
    """Expected result of a payday in minor units: settled by all runs, paid and returned by this run."""

    settled_minor: int
    paid_minor: int
    returned_minor: int


def apportion_minor(total_minor: int, shares_bp: Mapping[str, int]) -> dict[str, int]:
    """Return each charity's share in minor units by largest remainder; ties go to the charity listed first."""
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
    """Return the expected result of settling `periods`; the last payout of `returning_charity` is returned."""
    totals = [funds_before.settled_minor]
    for period in periods:
        mature = period - timedelta(days=settlement_terms.hold_days + 1)
        until = {day: likes for day, likes in counted.items() if day <= mature}
        totals.append(expect_pledged_minor(rules, until, funds_before.funded_minor))
    returned_minor = 0
    if periods:
        newer, older = (
            apportion_minor(total_minor, settlement_terms.shares_bp)[returning_charity]
            for total_minor in (totals[-1], totals[-2])
        )
        returned_minor = newer - older
    return PaydayTotals(totals[-1], totals[-1] - totals[0] - returned_minor, returned_minor)
