"""A preview as the API answers it: every figure that the page and the command line show, money both ways."""

from datetime import date, datetime
from typing import Annotated, Any

from pydantic import Field
from typing_extensions import TypedDict

from campaigns.catalogue.apply_promise import Action
from campaigns.pledging.waterfall import Name
from campaigns.preview.context import Note, Previewed, previewed
from campaigns.preview.request import PreviewRequest
from campaigns.preview.simulation import Binds, Preview, SpendingDay
from campaigns.reporting.exact_amounts import ExactLikes, ExactMoney, show_likes, show_money
from campaigns.reporting.snapshot import Instant, instant
from ledger.money import Money, show
from sql import Connection

Day = Annotated[str, Field(json_schema_extra={"format": "date"})]

SENTENCES = {
    Note.PERSON_LIMIT: "The limit of likes a person and day is not applied: a forecast does not know who likes.",
    Note.DAYS_KEPT: "Days before today stay as counted; today keeps its likes where the forecast has fewer.",
    Note.PAST_DAYS: "The past campaign's days are taken by their place, first for first, whatever the weekday.",
    Note.PAST_DAYS_LEFT_OUT: "The past campaign was longer: its likes after this one's last day are left out.",
    Note.PAST_DAYS_MISSING: "The past campaign was shorter: the days after its last one have no likes.",
}


class PreviewLikes(TypedDict):
    """`received` are `counted` and `fakes`; `earning_nothing` are counted, but over the daily cap or the budget."""

    received: int
    fakes: int
    counted: int
    over_daily_cap: ExactLikes
    over_budget: ExactLikes
    earning_nothing: ExactLikes


class PreviewMoney(TypedDict):
    """`pledged` is what the likes make due, and `floor_top_up` on top of it; `remaining` returns to the sponsor."""

    funded: Money
    due: Money
    floor_top_up: Money
    pledged: Money
    remaining: Money
    over_daily_cap: ExactMoney
    over_budget: ExactMoney


class PreviewShare(TypedDict):
    """What one charity gets in all, the floor's part too."""

    charity: str
    name: dict[str, str] | None
    amount: Money


class PreviewDay(TypedDict):
    """A day; `earned` and `capped` are exact and before the budget, `spent` is what is due for it."""

    day: Day
    terms_version: int
    likes: int
    fakes: int
    earned: ExactMoney
    capped: ExactMoney
    over_budget: ExactMoney
    spent: Money
    so_far: Money
    left: Money
    binds: Binds


class Instead(TypedDict):
    """What the same likes come to under the terms as they stand."""

    pledged: Money
    budget_ends_on: Day | None


class PreviewNote(TypedDict):
    """What is left out or supposed."""

    name: Note
    text: str


class PreviewAnswer(TypedDict):
    """What the promise would come to. `as_it_stands` is null unless a campaign is given new terms."""

    campaign: str
    currency: str
    timezone: str
    as_of: Instant
    action: Action
    terms_version: int
    from_day: Day
    likes: PreviewLikes
    money: PreviewMoney
    budget_ends_on: Day | None
    days_bound: dict[str, int]
    beneficiaries: list[PreviewShare]
    as_it_stands: Instead | None
    notes: list[PreviewNote]
    days: list[PreviewDay]


async def preview(conn: Connection, request: PreviewRequest, now: datetime, *, pseudonym_key: bytes) -> PreviewAnswer:
    """Return the whole answer; joins the caller's transaction, of a single snapshot. Raises as `previewed` does."""
    return answer(await previewed(conn, request, now, pseudonym_key=pseudonym_key))


def answer(done: Previewed) -> PreviewAnswer:
    """Return a preview for programs."""
    own, made = done.promise.campaign, done.preview
    return {
        "campaign": own.slug,
        "currency": own.currency,
        "timezone": own.timezone,
        "as_of": instant(done.as_of),
        "action": done.plan.action,
        "terms_version": done.plan.version,
        "from_day": done.plan.from_day.isoformat(),
        "likes": _likes(made),
        "money": _money(made, own.currency),
        "budget_ends_on": _day(made.budget_ends_on),
        "days_bound": {binds.value: days for binds, days in made.days_bound().items()},
        "beneficiaries": _shares(done),
        "as_it_stands": _instead(done.as_it_stands, own.currency),
        "notes": [{"name": note, "text": SENTENCES[note]} for note in done.notes],
        "days": [_row(each, made.funded_minor, own.currency) for each in made.days],
    }


def _day(day: date | None) -> Day | None:
    return day.isoformat() if day else None


def _likes(made: Preview) -> PreviewLikes:
    counted = sum(each.day.count.counted for each in made.days)
    fakes = sum(each.day.count.void for each in made.days)
    return {
        "received": counted + fakes,
        "fakes": fakes,
        "counted": counted,
        "over_daily_cap": show_likes(-made.steps[Name.OVER_DAILY_CAP].likes),
        "over_budget": show_likes(-made.steps[Name.OVER_BUDGET].likes),
        "earning_nothing": show_likes(made.earning_nothing.likes),
    }


def _money(made: Preview, currency: str) -> PreviewMoney:
    return {
        "funded": show(made.funded_minor, currency),
        "due": show(made.due_minor, currency),
        "floor_top_up": show(made.top_up_minor, currency),
        "pledged": show(made.pledged_minor, currency),
        "remaining": show(made.remaining_minor, currency),
        "over_daily_cap": show_money(-made.steps[Name.OVER_DAILY_CAP].minor, currency),
        "over_budget": show_money(-made.steps[Name.OVER_BUDGET].minor, currency),
    }


def _shares(done: Previewed) -> list[PreviewShare]:
    """Return the charities in the promise's order, after those that only older terms name."""
    names: dict[str, Any] = {b.charity: b.name.model_dump() for b in done.promise.terms.beneficiaries}
    shares = done.preview.shares_minor
    older = [charity for charity in shares if charity not in names]
    return [
        {"charity": c, "name": names.get(c), "amount": show(shares.get(c, 0), done.promise.campaign.currency)}
        for c in [*older, *names]
    ]


def _instead(made: Preview | None, currency: str) -> Instead | None:
    if made is None:
        return None
    return {"pledged": show(made.pledged_minor, currency), "budget_ends_on": _day(made.budget_ends_on)}


def _row(each: SpendingDay, funded_minor: int, currency: str) -> PreviewDay:
    return {
        "day": each.day.day.isoformat(),
        "terms_version": each.day.terms.version,
        "likes": each.day.count.counted,
        "fakes": each.day.count.void,
        "earned": show_money(each.day.earned, currency),
        "capped": show_money(each.day.capped, currency),
        "over_budget": show_money(each.over_budget.minor, currency),
        "spent": show(each.spent_minor, currency),
        "so_far": show(each.so_far_minor, currency),
        "left": show(funded_minor - each.so_far_minor, currency),
        "binds": each.binds,
    }
