"""Expected totals of a simulation, counted from the actions of the simulated people.

This is a second, much simpler arithmetic beside `campaigns/pledging/arithmetic.py`. The demonstration reports every
difference between the two.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import NamedTuple

LikeKey = tuple[str, str]  # person and content
Decisions = dict[LikeKey, str]  # the state of likes that were decided against


class PledgeRules(NamedTuple):
    """The numbers of the promise."""

    amount_minor: int
    per_likes: int
    daily_cap_minor: int
    likes_per_person_per_day: int


@dataclass(slots=True)
class ExpectedCounts:
    """Likes of the simulated people, by their final state: what they did, and what was decided about it."""

    rules: PledgeRules
    likes: dict[LikeKey, date] = field(default_factory=dict)  # likes without an unlike, fakes too
    fakes: dict[LikeKey, str] = field(default_factory=dict)  # the attack that a like belongs to
    duplicates: int = 0
    withdrawn: int = 0
    refusals: Counter[str] = field(default_factory=Counter)  # by outcome
    decisions: Decisions = field(default_factory=dict)
    earlier_likes: dict[LikeKey, date] = field(default_factory=dict)  # of earlier runs
    earlier_decisions: Decisions = field(default_factory=dict)  # before this run

    def counted_by_day(self) -> Counter[date]:
        """Return the growth of counted likes by day; below zero where earlier likes no longer count."""
        return Counter({day: likes for (day, state), likes in self._growth().items() if state == "counted" and likes})

    def totals(self) -> dict[str, int]:
        """Return the growth of each published count of likes."""
        totals = {"counted": 0, "duplicate": self.duplicates, "withdrawn": self.withdrawn}
        totals |= dict.fromkeys(("quarantined", "void", "over_limit", "low_quality"), 0)
        for (_, state), likes in self._growth().items():
            totals[state] += likes
        return totals

    def _growth(self) -> Counter[tuple[date, str]]:
        growth = count_states(self.rules, self.earlier_likes | self.likes, self.decisions)
        growth.subtract(count_states(self.rules, self.earlier_likes, self.earlier_decisions))
        return growth


def count_states(
    rules: PledgeRules, likes: Mapping[LikeKey, date], decisions: Decisions
) -> Counter[tuple[date, str]]:
    """Return the likes by day and state; of those not decided against, a person's daily limit counts."""
    states: Counter[tuple[date, str]] = Counter()
    undecided: Counter[tuple[str, date]] = Counter()
    for (person, content), day in likes.items():
        decision = decisions.get((person, content))
        if decision is None:
            undecided[person, day] += 1
        else:
            states[day, decision] += 1
    for (_, day), number in undecided.items():
        counted = min(number, rules.likes_per_person_per_day)
        states[day, "counted"] += counted
        states[day, "over_limit"] += number - counted
    return states


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
