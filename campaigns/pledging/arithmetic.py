"""The earnings of counted likes: exact, without clock or database (design, section 4).

    earned(day) = min(daily_cap(day), counted(day) × amount_minor(day) / per_likes(day))
    due(upto)   = min(funded, floor(Σ earned(day) for day ≤ upto))

Totals are computed and differences are posted: so neither order, nor batching, nor the number of
ticks matters.
"""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from fractions import Fraction

from campaigns.promise.terms import Terms, terms_on_day, versions_in_force
from ledger.accounting.apportionment import apportion

CountedByDay = Mapping[date, int]


def day_earnings(terms: Terms, counted: int) -> Fraction:
    """Return the earnings of a day's likes, in minor units, limited by the daily cap."""
    uncapped = counted * terms.rate
    return uncapped if terms.daily_cap_minor is None else min(uncapped, Fraction(terms.daily_cap_minor))


def total_earnings(versions: Sequence[Terms], counted: CountedByDay, upto: date) -> Fraction:
    """Return the sum of the earnings of the days until `upto`, in minor units."""
    in_force = versions_in_force(versions)
    return sum(
        (day_earnings(terms_on_day(in_force, day), likes) for day, likes in counted.items() if day <= upto),
        Fraction(),
    )


def due(versions: Sequence[Terms], counted: CountedByDay, funded_minor: int, upto: date = date.max) -> int:
    """Return the amount due for the likes of the days until `upto`, in minor units.

    It is at most the budget.
    """
    return _cap_at_budget(total_earnings(versions, counted, upto), funded_minor)


def due_by_day(versions: Sequence[Terms], counted: CountedByDay, funded_minor: int) -> dict[date, int]:
    """Return `due` until each counted day, oldest first, in minor units; one pass for all days."""
    in_force = versions_in_force(versions)
    total, due_minor = Fraction(), dict[date, int]()
    for day, likes in sorted(counted.items()):
        total += day_earnings(terms_on_day(in_force, day), likes)
        due_minor[day] = _cap_at_budget(total, funded_minor)
    return due_minor


def _cap_at_budget(total: Fraction, funded_minor: int) -> int:
    return min(funded_minor, total.numerator // total.denominator)


def floor_top_up(earned_minor: int, funded_minor: int, floor_minor: int) -> int:
    """Return the amount, in minor units, that closing adds to reach the floor within the budget."""
    return max(0, min(floor_minor, funded_minor) - earned_minor)


def shares_due(
    versions: Sequence[Terms], counted: CountedByDay, funded_minor: int, upto: date, topped_up_minor: int = 0
) -> dict[str, int]:
    """Return each charity's running total of the amount due until `upto`, in minor units.

    The total of each terms version is split by largest remainder, so nothing drifts, however the
    periods are cut. `topped_up_minor`, the amount that a closed campaign's floor adds, goes to the
    last version in force at `upto`.
    """
    in_force = versions_in_force(versions)
    closing = max((terms.from_day for terms in in_force if terms.from_day <= upto), default=in_force[0].from_day)
    totals: dict[str, int] = {}
    for terms, following in zip(in_force, [*in_force[1:], None], strict=True):
        last = upto if following is None else min(upto, following.from_day - timedelta(days=1))
        before = due(versions, counted, funded_minor, terms.from_day - timedelta(days=1))
        version_total = max(0, due(versions, counted, funded_minor, last) - before)
        version_total += topped_up_minor if terms.from_day == closing else 0
        for share, amount_minor in zip(
            terms.shares, apportion(version_total, [s.share_bp for s in terms.shares]), strict=True
        ):
            totals[share.charity] = totals.get(share.charity, 0) + amount_minor
    return totals
