"""A preview as values in the reader's language, ready for the template `preview.html`."""

from typing import NamedTuple

from campaigns.preview.context import Note, PreviewResult
from campaigns.preview.simulation import BindingCap, SpendingDay
from campaigns.reporting.exact_amounts import format_exact_likes, format_exact_money
from ledger.money import exponent, format_minor
from ops.http.web.spending_chart import SpendingChart, draw_spending_chart
from ops.i18n import formats
from ops.i18n.language import Language, localize


class SpendingRow(NamedTuple):
    """A row of the table by day."""

    iso: str
    day: str
    likes: str
    earned: str
    capped: str
    spent: str
    so_far: str
    remaining: str
    binds: BindingCap


class ShareRow(NamedTuple):
    """A charity's share."""

    name: str
    amount: str


class PreviewPanel(NamedTuple):
    """The values of a preview."""

    chart: SpendingChart
    level_texts: dict[int, str]  # the amounts at the grid lines of both charts
    bar_amounts: dict[int, str]  # the amounts of the bars
    days: list[SpendingRow]
    shares: list[ShareRow]
    pledged: str
    funded: str
    remaining: str
    spent_day_max: str
    top_up: str | None
    budget_ends_on: str | None
    days_bound: dict[BindingCap, int]
    counted: str
    earning_nothing: str
    baseline_pledged: str | None
    notes: tuple[Note, ...]


def build_preview_panel(preview_result: PreviewResult, language: Language) -> PreviewPanel:
    """Return the values of a preview."""
    preview, currency = preview_result.preview, preview_result.promise.campaign.currency
    chart, baseline = draw_spending_chart(preview), preview_result.as_it_stands
    levels = {line.level for line in [*chart.grid_lines, *chart.running_total.grid_lines]}
    return PreviewPanel(
        chart=chart,
        level_texts={minor: format_level(minor, currency, language) for minor in levels},
        bar_amounts={bar.spent_minor: formats.amount(bar.spent_minor, currency, language) for bar in chart.bars},
        days=[_spending_row(day, preview.funded_minor, currency, language) for day in preview.days],
        shares=_share_rows(preview_result, language),
        pledged=formats.amount(preview.pledged_minor, currency, language),
        funded=formats.amount(preview.funded_minor, currency, language),
        remaining=formats.amount(preview.remaining_minor, currency, language),
        spent_day_max=formats.amount(max((day.spent_minor for day in preview.days), default=0), currency, language),
        top_up=formats.amount(preview.top_up_minor, currency, language) if preview.top_up_minor else None,
        budget_ends_on=formats.day(preview.budget_ends_on, language) if preview.budget_ends_on else None,
        days_bound=preview.days_by_binding_cap(),
        counted=formats.number(sum(day.day.count.counted for day in preview.days), language),
        earning_nothing=formats.number(format_exact_likes(preview.earning_nothing.likes)["text"], language),
        baseline_pledged=formats.amount(baseline.pledged_minor, currency, language) if baseline else None,
        notes=preview_result.notes,
    )


def format_level(minor: int, currency: str, language: Language) -> str:
    """Return a round amount of an axis, shortened and without its currency."""
    whole, rest = divmod(minor, 10 ** exponent(currency))
    return formats.number(format_minor(minor, currency), language) if rest else formats.level(whole, language)


def _share_rows(preview_result: PreviewResult, language: Language) -> list[ShareRow]:
    """Return the charities' shares; a charity that only older terms name is shown by its slug."""
    names = {b.charity: localize(b.name, language) for b in preview_result.promise.terms.beneficiaries}
    currency = preview_result.promise.campaign.currency
    return [
        ShareRow(names.get(charity, charity), formats.amount(minor, currency, language))
        for charity, minor in preview_result.preview.shares_minor.items()
    ]


def _spending_row(spending_day: SpendingDay, funded_minor: int, currency: str, language: Language) -> SpendingRow:
    day, remaining_minor = spending_day.day, funded_minor - spending_day.so_far_minor
    exact = (format_exact_money(minor, currency)["text"] for minor in (day.earned, day.capped))
    earned, capped = (formats.amount_from_major(major, currency, language) for major in exact)
    minors = (spending_day.spent_minor, spending_day.so_far_minor, remaining_minor)
    spent, so_far, remaining = (formats.amount(minor, currency, language) for minor in minors)
    likes = formats.number(day.count.counted, language)
    long_day = formats.day(day.day, language)
    return SpendingRow(
        day.day.isoformat(), long_day, likes, earned, capped, spent, so_far, remaining, spending_day.binding_cap
    )
