"""What a page shows of a preview, worked out before the template (`preview.html`) writes it."""

from typing import NamedTuple

from campaigns.preview.context import Note, PreviewResult
from campaigns.preview.simulation import BindingCap, SpendingDay
from campaigns.reporting.exact_amounts import format_exact_likes, format_exact_money
from ledger.money import exponent, format_minor
from ops.http.web.spending_chart import SpendingChart, draw_spending_chart
from ops.i18n import formats
from ops.i18n.language import Language, localize


class SpendingRow(NamedTuple):
    """A row of the table of days."""

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
    """What a charity gets."""

    name: str
    amount: str


class PreviewPanel(NamedTuple):
    """A preview as the page shows it."""

    chart: SpendingChart
    level_texts: dict[int, str]  # of both drawings, as amounts
    bar_amounts: dict[int, str]  # what the bars stand for
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
    """Return all that the page shows of a preview."""
    made, currency = preview_result.preview, preview_result.promise.campaign.currency
    chart, stands = draw_spending_chart(made), preview_result.as_it_stands
    levels = {line.level for line in [*chart.grid_lines, *chart.running_total.grid_lines]}
    return PreviewPanel(
        chart=chart,
        level_texts={minor: format_level(minor, currency, language) for minor in levels},
        bar_amounts={bar.spent_minor: formats.amount(bar.spent_minor, currency, language) for bar in chart.bars},
        days=[_spending_row(each, made.funded_minor, currency, language) for each in made.days],
        shares=_share_rows(preview_result, language),
        pledged=formats.amount(made.pledged_minor, currency, language),
        funded=formats.amount(made.funded_minor, currency, language),
        remaining=formats.amount(made.remaining_minor, currency, language),
        spent_day_max=formats.amount(max((each.spent_minor for each in made.days), default=0), currency, language),
        top_up=formats.amount(made.top_up_minor, currency, language) if made.top_up_minor else None,
        budget_ends_on=formats.day(made.budget_ends_on, language) if made.budget_ends_on else None,
        days_bound=made.days_by_binding_cap(),
        counted=formats.number(sum(each.day.count.counted for each in made.days), language),
        earning_nothing=formats.number(format_exact_likes(made.earning_nothing.likes)["text"], language),
        baseline_pledged=formats.amount(stands.pledged_minor, currency, language) if stands else None,
        notes=preview_result.notes,
    )


def format_level(minor: int, currency: str, language: Language) -> str:
    """Return a round amount of a scale: short, without its currency."""
    whole, rest = divmod(minor, 10 ** exponent(currency))
    return formats.number(format_minor(minor, currency), language) if rest else formats.level(whole, language)


def _share_rows(preview_result: PreviewResult, language: Language) -> list[ShareRow]:
    """Return what each charity gets; one that only older terms name has its slug for a name."""
    names = {b.charity: localize(b.name, language) for b in preview_result.promise.terms.beneficiaries}
    currency = preview_result.promise.campaign.currency
    return [
        ShareRow(names.get(charity, charity), formats.amount(minor, currency, language))
        for charity, minor in preview_result.preview.shares_minor.items()
    ]


def _spending_row(spending_day: SpendingDay, funded_minor: int, currency: str, language: Language) -> SpendingRow:
    day, left_minor = spending_day.day, funded_minor - spending_day.so_far_minor
    exact = (format_exact_money(minor, currency)["text"] for minor in (day.earned, day.capped))
    earned, capped = (formats.amount_from_major(major, currency, language) for major in exact)
    whole = (spending_day.spent_minor, spending_day.so_far_minor, left_minor)
    spent, so_far, left = (formats.amount(minor, currency, language) for minor in whole)
    likes = formats.number(day.count.counted, language)
    long_day = formats.day(day.day, language)
    return SpendingRow(
        day.day.isoformat(), long_day, likes, earned, capped, spent, so_far, left, spending_day.binding_cap
    )
