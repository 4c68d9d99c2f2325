"""The public totals of a campaign.

Pledged, settled and paid are separate figures and are never added up.
"""

from typing_extensions import TypedDict

from campaigns.pledging.waterfall import DayCount, reaches_budget
from campaigns.reporting.settlements import IsoDate, next_settlement_day
from campaigns.reporting.snapshot import CampaignSnapshot, Instant, format_instant
from ledger.accounting.balances import CampaignBalances
from ledger.log.encoding import to_base64
from ledger.money import Money, to_money


class LikeTotals(TypedDict):
    """Likes by state; `duplicate` counts likes of content that the same person had liked before."""

    counted: int
    duplicate: int
    withdrawn: int
    quarantined: int
    void: int
    low_quality: int
    over_limit: int


class MoneyTotals(TypedDict):
    """The money of a campaign.

    `settled` is a part of `pledged`, `in_flight` and `paid` are parts of `settled`.
    """

    funded: Money
    pledged: Money
    settled: Money
    in_flight: Money
    paid: Money
    remaining: Money


class Checkpoint(TypedDict):
    """The signed head of the public log that covers these totals: it contains all their leaves."""

    size: int
    root: str


class Totals(TypedDict):
    """The totals of one campaign.

    `people` is as of `people_as_of`; every other figure is as of `as_of`. `unsettled` is pledged
    and in no settlement yet. The next settlement falls due on `next_settlement`, null if the
    campaign settles only on request. `checkpoint` is null while a leaf is on its way into the log:
    retry soon.
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
    next_settlement: IsoDate | None
    budget_reached: bool
    checkpoint: Checkpoint | None


class AllTotals(TypedDict):
    """The totals of every campaign, from one snapshot."""

    as_of: Instant
    campaigns: list[Totals]


def campaign_totals(snapshot: CampaignSnapshot) -> Totals:
    """Return a campaign's totals."""
    return {
        "campaign": snapshot.slug,
        "currency": snapshot.currency,
        "as_of": format_instant(snapshot.as_of),
        "terms_version": snapshot.terms.version,
        "likes": _like_totals(snapshot),
        "people": snapshot.people_count.people if snapshot.people_count else 0,
        "people_as_of": format_instant(snapshot.people_count.as_of) if snapshot.people_count else None,
        "money": money_totals(snapshot.balances, snapshot.currency),
        "unsettled": to_money(snapshot.balances.pledged.minor, snapshot.currency),
        "next_settlement": next_settlement_day(snapshot),
        "budget_reached": reaches_budget(snapshot.days, snapshot.budget),
        "checkpoint": {"size": snapshot.covering_head.size, "root": to_base64(snapshot.covering_head.root)}
        if snapshot.covering_head
        else None,
    }


def _like_totals(snapshot: CampaignSnapshot) -> LikeTotals:
    columns = (
        zip(*snapshot.counts_by_day.values(), strict=True) if snapshot.counts_by_day else [()] * len(DayCount._fields)
    )
    sums = DayCount(*map(sum, columns))
    return {
        "counted": sums.counted,
        "duplicate": sums.duplicate,
        "withdrawn": sums.withdrawn,
        "quarantined": sums.quarantined,
        "void": sums.void,
        "low_quality": sums.low_quality,
        "over_limit": sums.over_limit,
    }


def money_totals(balances: CampaignBalances, currency: str) -> MoneyTotals:
    """Return a campaign's balances as the money of its totals."""
    return {
        "funded": to_money(balances.funded_minor, currency),
        "pledged": to_money(balances.earned_minor, currency),
        "settled": to_money(balances.settled_minor, currency),
        "in_flight": to_money(balances.in_flight.minor, currency),
        "paid": to_money(balances.paid.minor, currency),
        "remaining": to_money(balances.funded_minor - balances.earned_minor, currency),
    }
