"""A campaign's totals as the public sees them. Pledged, settled and paid stand apart and are never added up."""

from typing_extensions import TypedDict

from campaigns.pledging.waterfall import DayCount, reaches_budget
from campaigns.reporting.settlements import Day, next_settlement
from campaigns.reporting.snapshot import Instant, Standing, instant
from ledger.accounting.balances import Line
from ledger.log.encoding import to_base64
from ledger.money import Money, show


class LikeTotals(TypedDict):
    """Likes by where they stand; `duplicate` are likes of what the same person had liked before."""

    counted: int
    duplicate: int
    withdrawn: int
    quarantined: int
    void: int
    over_limit: int


class MoneyTotals(TypedDict):
    """Along the line: `settled` is a part of `pledged`, `in_flight` and `paid` are parts of `settled`."""

    funded: Money
    pledged: Money
    settled: Money
    in_flight: Money
    paid: Money
    remaining: Money


class Checkpoint(TypedDict):
    """The signed head of the public log that covers these totals: their leaves are all in it."""

    size: int
    root: str


class Totals(TypedDict):
    """How one campaign stands. `people` was counted at `people_as_of`; all else holds at `as_of`.

    `unsettled` is pledged and in no settlement yet; the next one falls due on `next_settlement`, null where none does
    by itself. `checkpoint` is null for the moment that something is on its way into the log: ask again soon.
    """

    campaign: str
    currency: str
    as_of: Instant
    terms_version: int
    likes: LikeTotals
    people: int
    people_as_of: Instant | None
    money: MoneyTotals
    unsettled: Money
    next_settlement: Day | None
    budget_reached: bool
    checkpoint: Checkpoint | None


class EveryTotals(TypedDict):
    """Every campaign's totals, of one snapshot."""

    as_of: Instant
    campaigns: list[Totals]


def totals(standing: Standing) -> Totals:
    """Return a campaign's totals."""
    return {
        "campaign": standing.slug,
        "currency": standing.currency,
        "as_of": instant(standing.as_of),
        "terms_version": standing.terms.version,
        "likes": _likes(standing),
        "people": standing.people.people if standing.people else 0,
        "people_as_of": instant(standing.people.as_of) if standing.people else None,
        "money": money_totals(standing.line, standing.currency),
        "unsettled": show(standing.line.pledged.minor, standing.currency),
        "next_settlement": next_settlement(standing),
        "budget_reached": reaches_budget(standing.days, standing.budget),
        "checkpoint": {"size": standing.log.size, "root": to_base64(standing.log.root)} if standing.log else None,
    }


def _likes(standing: Standing) -> LikeTotals:
    columns = zip(*standing.counts.values(), strict=True) if standing.counts else [()] * len(DayCount._fields)
    sums = DayCount(*map(sum, columns))
    return {
        "counted": sums.counted,
        "duplicate": sums.duplicate,
        "withdrawn": sums.withdrawn,
        "quarantined": sums.quarantined,
        "void": sums.void,
        "over_limit": sums.over_limit,
    }


def money_totals(line: Line, currency: str) -> MoneyTotals:
    """Return a campaign's balances as the money of its totals."""
    return {
        "funded": show(line.funded_minor, currency),
        "pledged": show(line.earned_minor, currency),
        "settled": show(line.settled_minor, currency),
        "in_flight": show(line.in_flight.minor, currency),
        "paid": show(line.paid.minor, currency),
        "remaining": show(line.funded_minor - line.earned_minor, currency),
    }
