"""What a page shows of a preview, worked out before the template (`preview.html`) writes it."""

from typing import NamedTuple

from campaigns.preview.context import Note, Previewed
from campaigns.preview.simulation import Binds, SpendingDay
from campaigns.reporting.exact_amounts import show_likes, show_money
from ledger.money import exponent, text
from ops.http.web.spending_chart import Spending, draw
from ops.i18n import formats
from ops.i18n.language import Language, of


class SpendRow(NamedTuple):
    """A row of the table of days."""

    iso: str
    day: str
    likes: str
    earned: str
    capped: str
    spent: str
    so_far: str
    left: str
    binds: Binds


class ShareRow(NamedTuple):
    """What a charity gets."""

    name: str
    amount: str


class PreviewScene(NamedTuple):
    """A preview as the page shows it."""

    chart: Spending
    levels: dict[int, str]  # of both drawings, as amounts
    amounts: dict[int, str]  # what the bars stand for
    days: list[SpendRow]
    shares: list[ShareRow]
    pledged: str
    funded: str
    remaining: str
    most: str
    top_up: str | None
    ends_on: str | None
    bound: dict[Binds, int]
    counted: str
    earning_nothing: str
    as_it_stands: str | None
    notes: tuple[Note, ...]


def scene(done: Previewed, language: Language) -> PreviewScene:
    """Return all that the page shows of a preview."""
    made, currency = done.preview, done.promise.campaign.currency
    chart, stands = draw(made), done.as_it_stands
    levels = {line.likes for line in [*chart.lines, *chart.course.lines]}
    return PreviewScene(
        chart=chart,
        levels={minor: level(minor, currency, language) for minor in levels},
        amounts={bar.spent_minor: formats.amount(bar.spent_minor, currency, language) for bar in chart.bars},
        days=[_row(each, made.funded_minor, currency, language) for each in made.days],
        shares=_shares(done, language),
        pledged=formats.amount(made.pledged_minor, currency, language),
        funded=formats.amount(made.funded_minor, currency, language),
        remaining=formats.amount(made.remaining_minor, currency, language),
        most=formats.amount(max((each.spent_minor for each in made.days), default=0), currency, language),
        top_up=formats.amount(made.top_up_minor, currency, language) if made.top_up_minor else None,
        ends_on=formats.day(made.budget_ends_on, language) if made.budget_ends_on else None,
        bound=made.days_bound(),
        counted=formats.number(sum(each.day.count.counted for each in made.days), language),
        earning_nothing=formats.number(show_likes(made.earning_nothing.likes)["text"], language),
        as_it_stands=formats.amount(stands.pledged_minor, currency, language) if stands else None,
        notes=done.notes,
    )


def level(minor: int, currency: str, language: Language) -> str:
    """Return a round amount of a scale: short, without its currency."""
    whole, rest = divmod(minor, 10 ** exponent(currency))
    return formats.number(text(minor, currency), language) if rest else formats.level(whole, language)


def _shares(done: Previewed, language: Language) -> list[ShareRow]:
    """Return what each charity gets; one that only older terms name has its slug for a name."""
    names = {b.charity: of(b.name, language) for b in done.promise.terms.beneficiaries}
    currency = done.promise.campaign.currency
    return [
        ShareRow(names.get(charity, charity), formats.amount(minor, currency, language))
        for charity, minor in done.preview.shares_minor.items()
    ]


def _row(each: SpendingDay, funded_minor: int, currency: str, language: Language) -> SpendRow:
    day, left_minor = each.day, funded_minor - each.so_far_minor
    exact = (show_money(minor, currency)["text"] for minor in (day.earned, day.capped))
    earned, capped = (formats.amount_of(major, currency, language) for major in exact)
    whole = (each.spent_minor, each.so_far_minor, left_minor)
    spent, so_far, left = (formats.amount(minor, currency, language) for minor in whole)
    likes = formats.number(day.count.counted, language)
    long_day = formats.day(day.day, language)
    return SpendRow(day.day.isoformat(), long_day, likes, earned, capped, spent, so_far, left, each.binds)
