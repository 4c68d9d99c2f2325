"""What counted likes have earned: exact, and without clock or database (design, section 4).

    earned(day) = min(daily_cap(day), counted(day) × amount_minor(day) / per_likes(day))
    due(upto)   = min(funded, floor(Σ earned(day) for day ≤ upto))

Totals are computed and differences posted: so neither order, nor batching, nor the number of ticks matters.
"""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from fractions import Fraction

from campaigns.promise.terms import Terms, terms_on_day, versions_in_force
from ledger.accounting.apportionment import apportion

CountedByDay = Mapping[date, int]


def day_earnings(terms: Terms, counted: int) -> Fraction:
    """Return what a day's likes earn, in minor units, its cap applied."""
    uncapped = counted * terms.rate
    return uncapped if terms.daily_cap_minor is None else min(uncapped, Fraction(terms.daily_cap_minor))


def total_earnings(versions: Sequence[Terms], counted: CountedByDay, upto: date) -> Fraction:
    """Return the sum of `earned` over the days until `upto`, in minor units."""
    held = versions_in_force(versions)
    return sum(
        (day_earnings(terms_on_day(held, day), likes) for day, likes in counted.items() if day <= upto), Fraction()
    )


def due(versions: Sequence[Terms], counted: CountedByDay, funded_minor: int, upto: date = date.max) -> int:
    """Return what is due for the likes of the days until `upto`, in minor units: never more than the budget."""
    return _cap_at_budget(total_earnings(versions, counted, upto), funded_minor)


def due_by_day(versions: Sequence[Terms], counted: CountedByDay, funded_minor: int) -> dict[date, int]:
    """Return `due` until each of the days counted, oldest first, in minor units: one walk for all of them."""
    held = versions_in_force(versions)
    total, dues = Fraction(), dict[date, int]()
    for day, likes in sorted(counted.items()):
        total += day_earnings(terms_on_day(held, day), likes)
        dues[day] = _cap_at_budget(total, funded_minor)
    return dues


def _cap_at_budget(total: Fraction, funded_minor: int) -> int:
    return min(funded_minor, total.numerator // total.denominator)


def floor_top_up(earned_minor: int, funded_minor: int, floor_minor: int) -> int:
    """Return what closing adds to reach the floor, as far as the budget allows, in minor units."""
    return max(0, min(floor_minor, funded_minor) - earned_minor)


def shares_due(
    versions: Sequence[Terms], counted: CountedByDay, funded_minor: int, upto: date, topped_up_minor: int = 0
) -> dict[str, int]:
    """Return each charity's running total of what is due until `upto`, in minor units.

    Each version's own total is split by largest remainder, so nothing drifts however often the periods are cut.
    `topped_up_minor`, what a closed campaign's floor adds to its likes, goes with the last version that was in force
    by then: terms from a later day on never were.
    """
    held = versions_in_force(versions)
    closing = max((terms.from_day for terms in held if terms.from_day <= upto), default=held[0].from_day)
    totals: dict[str, int] = {}
    for terms, following in zip(held, [*held[1:], None], strict=True):
        last = upto if following is None else min(upto, following.from_day - timedelta(days=1))
        before = due(versions, counted, funded_minor, terms.from_day - timedelta(days=1))
        part = max(0, due(versions, counted, funded_minor, last) - before)
        part += topped_up_minor if terms.from_day == closing else 0
        for share, amount_minor in zip(
            terms.shares, apportion(part, [s.share_bp for s in terms.shares]), strict=True
        ):
            totals[share.charity] = totals.get(share.charity, 0) + amount_minor
    return totals
