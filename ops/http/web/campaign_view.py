"""A campaign's page as values in the reader's language, ready for the template."""

from typing import Any, NamedTuple

from campaigns.pledging.waterfall import TOTALS, StepName, TermsDay, Worth, compute_waterfall, reaches_budget
from campaigns.reporting.exact_amounts import format_exact_likes, format_exact_money
from campaigns.reporting.snapshot import CampaignSnapshot, campaign_phase, format_instant
from ledger.log.encoding import to_base64
from ops.http.web.authenticity_view import Authenticity, build_authenticity
from ops.http.web.likes_chart import LikesChart, draw_likes_chart
from ops.http.web.payouts_view import Payouts, build_payouts
from ops.http.web.promise_view import PromiseRow, TermsVersionRow, campaign_dates, promise_rows, terms_version_rows
from ops.i18n import formats
from ops.i18n.language import Language, localize

_HIDDEN_IF_ZERO = (
    StepName.TOO_LATE,
    StepName.IN_FUTURE,
    StepName.NOT_PLEDGED_YET,
    StepName.FLOOR,
    StepName.SETTLED_BEFORE,
)


class Figure(NamedTuple):
    """One of the three amounts, which are never added up."""

    key: str
    amount: str
    is_positive: bool


class DayRow(NamedTuple):
    """A row of the table by day."""

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
    """The values of a campaign's page."""

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
    authenticity: Authenticity
    payouts: Payouts
    checkpoint: "CheckpointSummary | None"
    as_of: str
    as_of_exact: str


class CheckpointSummary(NamedTuple):
    """The public log's newest checkpoint."""

    origin: str
    size: str
    root: str
    moment: str
    moment_exact: str
    is_complete: bool  # the checkpoint covers every figure of the page


class BudgetUse(NamedTuple):
    """How much of the budget is used."""

    funded_minor: int
    pledged_minor: int
    percent: str
    funded: str
    pledged: str
    remaining: str


def build_campaign_page(snapshot: CampaignSnapshot, language: Language) -> CampaignPage:
    """Return the values of a campaign's page."""
    promise, zone = snapshot.campaign.promise, snapshot.campaign.calendar.timezone
    days, people = snapshot.days_so_far, snapshot.people_count
    in_flight_minor = snapshot.balances.in_flight.minor
    return CampaignPage(
        slug=snapshot.slug,
        title=localize(promise.campaign.title, language),
        sponsor=promise.campaign.sponsor,
        state=campaign_phase(snapshot.campaign, snapshot.as_of),
        is_budget_reached=reaches_budget(snapshot.days, snapshot.budget),
        dates=campaign_dates(snapshot.campaign, language),
        figures=money_figures(snapshot, language),
        in_flight=formats.amount(in_flight_minor, snapshot.currency, language) if in_flight_minor else None,
        budget=budget_use(snapshot, language),
        counted=formats.number(sum(day.count.counted for day in days), language),
        people=formats.number(people.people, language) if people else None,
        people_as_of=formats.minute(people.as_of, zone, language) if people else None,
        promise_rows=promise_rows(snapshot, language),
        versions=terms_version_rows(snapshot, language),
        version=snapshot.terms.version,
        from_day=formats.day(snapshot.terms.from_day, language),
        agreement=promise.agreement,
        timezone=promise.campaign.timezone,
        chart=draw_likes_chart(days),
        days=[_day_row(day, snapshot.currency, language) for day in days],
        likes_day_max=formats.number(max((day.count.counted for day in days), default=0), language),
        steps=waterfall_rows(snapshot, language),
        authenticity=build_authenticity(snapshot, language),
        payouts=build_payouts(snapshot, language),
        checkpoint=summarize_checkpoint(snapshot, language),
        as_of=formats.minute(snapshot.as_of, zone, language),
        as_of_exact=format_instant(snapshot.as_of),
    )


def summarize_checkpoint(snapshot: CampaignSnapshot, language: Language) -> CheckpointSummary | None:
    """Return the public log's newest checkpoint; None before the first one."""
    head = snapshot.newest_head
    if head is None:
        return None
    return CheckpointSummary(
        head.origin,
        formats.number(head.size, language),
        to_base64(head.root),
        formats.minute(head.sequenced_at, snapshot.campaign.calendar.timezone, language),
        format_instant(head.sequenced_at),
        is_complete=snapshot.covering_head is not None,
    )


def money_figures(snapshot: CampaignSnapshot, language: Language) -> list[Figure]:
    """Return the pledged, settled and paid amounts."""
    balances = snapshot.balances
    amounts = {"pledged": balances.earned_minor, "settled": balances.settled_minor, "paid": balances.paid.minor}
    return [
        Figure(key, formats.amount(minor, snapshot.currency, language), minor > 0) for key, minor in amounts.items()
    ]


def budget_use(snapshot: CampaignSnapshot, language: Language) -> BudgetUse | None:
    """Return how much of the budget is used; None before it is funded."""
    funded_minor, pledged_minor = snapshot.balances.funded_minor, snapshot.balances.earned_minor
    if not funded_minor:
        return None
    minors = (funded_minor, pledged_minor, funded_minor - pledged_minor)
    amounts = (formats.amount(minor, snapshot.currency, language) for minor in minors)
    percent = formats.bp_to_percent(pledged_minor, funded_minor, language)
    return BudgetUse(funded_minor, pledged_minor, percent, *amounts)


def waterfall_rows(snapshot: CampaignSnapshot, language: Language) -> list[WaterfallRow]:
    """Return the waterfall's rows; the rare steps are left out if they are zero."""
    steps = compute_waterfall(snapshot.days, snapshot.refusal_counts, snapshot.budget)
    return [
        _waterfall_row(name, worth, snapshot.currency, language)
        for name, worth in steps.items()
        if name not in _HIDDEN_IF_ZERO or any(worth)
    ]


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
