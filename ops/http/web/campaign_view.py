"""What a page shows of a campaign, worked out before the template writes it: figures in the reader's language."""

from typing import Any, NamedTuple

from campaigns.pledging.waterfall import TOTALS, Day, Name, Worth, reaches_budget, waterfall
from campaigns.reporting.exact_amounts import show_likes, show_money
from campaigns.reporting.snapshot import Standing, instant
from ledger.log.encoding import to_base64
from ops.http.web.likes_chart import Chart, draw
from ops.http.web.payouts_view import Payouts, payouts
from ops.http.web.promise_view import Row, Version, label, span, versions
from ops.i18n import formats
from ops.i18n.language import Language, of

_SHOWN_WHERE_ANY = (Name.TOO_LATE, Name.IN_FUTURE, Name.NOT_PLEDGED_YET, Name.FLOOR, Name.SETTLED_BEFORE)


class Figure(NamedTuple):
    """One of the three figures that are never added up."""

    key: str
    amount: str
    is_begun: bool


class DayRow(NamedTuple):
    """A row of the table of days."""

    iso: str
    day: str
    counted: str
    withdrawn: str
    earned: str
    capped: str


class StepRow(NamedTuple):
    """A row of the waterfall."""

    key: str
    likes: str
    money: str
    is_total: bool


class Scene(NamedTuple):
    """A campaign's page."""

    slug: str
    title: str
    sponsor: str
    state: str
    is_budget_reached: bool
    dates: tuple[str, str]
    figures: list[Figure]
    in_flight: str | None
    budget: "Budget | None"
    counted: str
    people: str | None
    people_as_of: str | None
    label: list[Row]
    versions: list[Version]
    version: int
    from_day: str
    agreement: Any
    timezone: str
    chart: Chart
    days: list[DayRow]
    most: str
    steps: list[StepRow]
    payouts: Payouts
    checkpoint: "SeenCheckpoint | None"
    as_of: str
    as_of_exact: str


class SeenCheckpoint(NamedTuple):
    """The public log's newest signed head."""

    origin: str
    size: str
    root: str
    moment: str
    moment_exact: str
    is_all: bool  # nothing that the page tells waits to be logged


class Budget(NamedTuple):
    """How far the budget is used."""

    funded_minor: int
    pledged_minor: int
    percent: str
    funded: str
    pledged: str
    remaining: str


def scene(standing: Standing, language: Language) -> Scene:
    """Return all that a campaign's page shows."""
    own = standing.campaign.promise
    zone, line = standing.campaign.calendar.timezone, standing.line
    days = standing.days_so_far
    people = standing.people
    return Scene(
        slug=standing.slug,
        title=of(own.campaign.title, language),
        sponsor=own.campaign.sponsor,
        state=state(standing),
        is_budget_reached=reaches_budget(standing.days, standing.budget),
        dates=span(standing.campaign, language),
        figures=figures(standing, language),
        in_flight=formats.amount(line.in_flight.minor, standing.currency, language) if line.in_flight.minor else None,
        budget=budget(standing, language),
        counted=formats.number(sum(day.count.counted for day in days), language),
        people=formats.number(people.people, language) if people else None,
        people_as_of=formats.minute(people.as_of, zone, language) if people else None,
        label=label(standing, language),
        versions=versions(standing, language),
        version=standing.terms.version,
        from_day=formats.day(standing.terms.from_day, language),
        agreement=own.agreement,
        timezone=own.campaign.timezone,
        chart=draw(days),
        days=[_day_row(day, standing.currency, language) for day in days],
        most=formats.number(max((day.count.counted for day in days), default=0), language),
        steps=steps(standing, language),
        payouts=payouts(standing, language),
        checkpoint=seen_checkpoint(standing, language),
        as_of=formats.minute(standing.as_of, zone, language),
        as_of_exact=instant(standing.as_of),
    )


def seen_checkpoint(standing: Standing, language: Language) -> SeenCheckpoint | None:
    """Return the public log's newest checkpoint; None before the log was made."""
    signed = standing.checkpoint
    if signed is None:
        return None
    return SeenCheckpoint(
        signed.origin,
        formats.number(signed.size, language),
        to_base64(signed.root),
        formats.minute(signed.sequenced_at, standing.campaign.calendar.timezone, language),
        instant(signed.sequenced_at),
        is_all=standing.log is not None,
    )


def state(standing: Standing) -> str:
    """Return where the campaign is in its life."""
    if standing.campaign.closed_at is not None:
        return "closed"
    if standing.as_of < standing.campaign.calendar.starts_at:
        return "upcoming"
    return "running" if standing.as_of < standing.campaign.calendar.ends_at else "ended"


def figures(standing: Standing, language: Language) -> list[Figure]:
    """Return what was pledged, settled and paid: apart."""
    line = standing.line
    amounts = {"pledged": line.earned_minor, "settled": line.settled_minor, "paid": line.paid.minor}
    return [
        Figure(key, formats.amount(minor, standing.currency, language), minor > 0) for key, minor in amounts.items()
    ]


def budget(standing: Standing, language: Language) -> Budget | None:
    """Return how far the budget is used; None as long as there is none."""
    funded, pledged, currency = standing.line.funded_minor, standing.line.earned_minor, standing.currency
    if not funded:
        return None
    amounts = (formats.amount(minor, currency, language) for minor in (funded, pledged, funded - pledged))
    return Budget(funded, pledged, formats.percent(pledged, funded, language), *amounts)


def steps(standing: Standing, language: Language) -> list[StepRow]:
    """Return the waterfall's rows; those that are seldom wanted only where there is something in them."""
    found = waterfall(standing.days, standing.refused, standing.budget)
    shown = {name: worth for name, worth in found.items() if name not in _SHOWN_WHERE_ANY or any(worth)}
    return [_step_row(name, worth, standing.currency, language) for name, worth in shown.items()]


def _step_row(name: Name, worth: Worth, currency: str, language: Language) -> StepRow:
    likes = formats.number(show_likes(worth.likes)["text"], language)
    money = formats.amount_of(show_money(worth.minor, currency)["text"], currency, language)
    return StepRow(name.value, likes, money, name in TOTALS)


def _day_row(day: Day, currency: str, language: Language) -> DayRow:
    earned, capped = (show_money(minor, currency)["text"] for minor in (day.earned, day.capped))
    return DayRow(
        day.day.isoformat(),
        formats.day(day.day, language),
        formats.number(day.count.counted, language),
        formats.number(day.count.withdrawn, language),
        formats.amount_of(earned, currency, language),
        formats.amount_of(capped, currency, language),
    )
