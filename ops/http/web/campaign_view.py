"""What a page shows of a campaign, worked out before the template writes it: figures in the reader's language."""

from typing import Any, NamedTuple

from campaigns.pledging.waterfall import TOTALS, StepName, TermsDay, Worth, compute_waterfall, reaches_budget
from campaigns.reporting.exact_amounts import format_exact_likes, format_exact_money
from campaigns.reporting.snapshot import CampaignSnapshot, campaign_phase, format_instant
from ledger.log.encoding import to_base64
from ops.http.web.likes_chart import LikesChart, draw_likes_chart
from ops.http.web.payouts_view import Payouts, build_payouts
from ops.http.web.promise_view import PromiseRow, TermsVersionRow, campaign_dates, promise_rows, terms_version_rows
from ops.i18n import formats
from ops.i18n.language import Language, localize

_HIDDEN_WHERE_ZERO = (
    StepName.TOO_LATE,
    StepName.IN_FUTURE,
    StepName.NOT_PLEDGED_YET,
    StepName.FLOOR,
    StepName.SETTLED_BEFORE,
)


class Figure(NamedTuple):
    """One of the three figures that are never added up."""

    key: str
    amount: str
    is_positive: bool


class DayRow(NamedTuple):
    """A row of the table of days."""

    iso: str
    day: str
    counted: str
    withdrawn: str
    earned: str
    capped: str


class WaterfallRow(NamedTuple):
    """A row of the waterfall."""

    key: str
    likes: str
    money: str
    is_total: bool


class CampaignPage(NamedTuple):
    """A campaign's page."""

    slug: str
    title: str
    sponsor: str
    state: str
    is_budget_reached: bool
    dates: tuple[str, str]
    figures: list[Figure]
    in_flight: str | None
    budget: "BudgetUse | None"
    counted: str
    people: str | None
    people_as_of: str | None
    promise_rows: list[PromiseRow]
    versions: list[TermsVersionRow]
    version: int
    from_day: str
    agreement: Any
    timezone: str
    chart: LikesChart
    days: list[DayRow]
    likes_day_max: str
    steps: list[WaterfallRow]
    payouts: Payouts
    checkpoint: "CheckpointSummary | None"
    as_of: str
    as_of_exact: str


class CheckpointSummary(NamedTuple):
    """The public log's newest signed head."""

    origin: str
    size: str
    root: str
    moment: str
    moment_exact: str
    is_complete: bool  # nothing that the page tells waits to be logged


class BudgetUse(NamedTuple):
    """How far the budget is used."""

    funded_minor: int
    pledged_minor: int
    percent: str
    funded: str
    pledged: str
    remaining: str


def build_campaign_page(snapshot: CampaignSnapshot, language: Language) -> CampaignPage:
    """Return all that a campaign's page shows."""
    own = snapshot.campaign.promise
    zone, line = snapshot.campaign.calendar.timezone, snapshot.balances
    days = snapshot.days_so_far
    people = snapshot.people_count
    return CampaignPage(
        slug=snapshot.slug,
        title=localize(own.campaign.title, language),
        sponsor=own.campaign.sponsor,
        state=campaign_phase(snapshot.campaign, snapshot.as_of),
        is_budget_reached=reaches_budget(snapshot.days, snapshot.budget),
        dates=campaign_dates(snapshot.campaign, language),
        figures=money_figures(snapshot, language),
        in_flight=formats.amount(line.in_flight.minor, snapshot.currency, language) if line.in_flight.minor else None,
        budget=budget_use(snapshot, language),
        counted=formats.number(sum(day.count.counted for day in days), language),
        people=formats.number(people.people, language) if people else None,
        people_as_of=formats.minute(people.as_of, zone, language) if people else None,
        promise_rows=promise_rows(snapshot, language),
        versions=terms_version_rows(snapshot, language),
        version=snapshot.terms.version,
        from_day=formats.day(snapshot.terms.from_day, language),
        agreement=own.agreement,
        timezone=own.campaign.timezone,
        chart=draw_likes_chart(days),
        days=[_day_row(day, snapshot.currency, language) for day in days],
        likes_day_max=formats.number(max((day.count.counted for day in days), default=0), language),
        steps=waterfall_rows(snapshot, language),
        payouts=build_payouts(snapshot, language),
        checkpoint=summarize_checkpoint(snapshot, language),
        as_of=formats.minute(snapshot.as_of, zone, language),
        as_of_exact=format_instant(snapshot.as_of),
    )


def summarize_checkpoint(snapshot: CampaignSnapshot, language: Language) -> CheckpointSummary | None:
    """Return the public log's newest checkpoint; None before the log was made."""
    signed = snapshot.newest_head
    if signed is None:
        return None
    return CheckpointSummary(
        signed.origin,
        formats.number(signed.size, language),
        to_base64(signed.root),
        formats.minute(signed.sequenced_at, snapshot.campaign.calendar.timezone, language),
        format_instant(signed.sequenced_at),
        is_complete=snapshot.covering_head is not None,
    )


def money_figures(snapshot: CampaignSnapshot, language: Language) -> list[Figure]:
    """Return what was pledged, settled and paid: apart."""
    line = snapshot.balances
    amounts = {"pledged": line.earned_minor, "settled": line.settled_minor, "paid": line.paid.minor}
    return [
        Figure(key, formats.amount(minor, snapshot.currency, language), minor > 0) for key, minor in amounts.items()
    ]


def budget_use(snapshot: CampaignSnapshot, language: Language) -> BudgetUse | None:
    """Return how far the budget is used; None as long as there is none."""
    funded, pledged, currency = snapshot.balances.funded_minor, snapshot.balances.earned_minor, snapshot.currency
    if not funded:
        return None
    amounts = (formats.amount(minor, currency, language) for minor in (funded, pledged, funded - pledged))
    return BudgetUse(funded, pledged, formats.bp_to_percent(pledged, funded, language), *amounts)


def waterfall_rows(snapshot: CampaignSnapshot, language: Language) -> list[WaterfallRow]:
    """Return the waterfall's rows; those that are seldom wanted only where there is something in them."""
    found = compute_waterfall(snapshot.days, snapshot.refusal_counts, snapshot.budget)
    shown = {name: worth for name, worth in found.items() if name not in _HIDDEN_WHERE_ZERO or any(worth)}
    return [_waterfall_row(name, worth, snapshot.currency, language) for name, worth in shown.items()]


def _waterfall_row(name: StepName, worth: Worth, currency: str, language: Language) -> WaterfallRow:
    likes = formats.number(format_exact_likes(worth.likes)["text"], language)
    money = formats.amount_from_major(format_exact_money(worth.minor, currency)["text"], currency, language)
    return WaterfallRow(name.value, likes, money, name in TOTALS)


def _day_row(day: TermsDay, currency: str, language: Language) -> DayRow:
    earned, capped = (format_exact_money(minor, currency)["text"] for minor in (day.earned, day.capped))
    return DayRow(
        day.day.isoformat(),
        formats.day(day.day, language),
        formats.number(day.count.counted, language),
        formats.number(day.count.withdrawn, language),
        formats.amount_from_major(earned, currency, language),
        formats.amount_from_major(capped, currency, language),
    )
