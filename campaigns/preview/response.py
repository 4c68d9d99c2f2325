"""A preview as the API answers it: every figure that the page and the command line show, money both ways."""

from datetime import date, datetime
from typing import Annotated, Any

from pydantic import Field
from typing_extensions import TypedDict

from campaigns.catalogue.apply_promise import PromiseAction
from campaigns.pledging.waterfall import StepName
from campaigns.preview.context import Note, PreviewResult, compute_preview
from campaigns.preview.request import PreviewRequest
from campaigns.preview.simulation import BindingCap, Preview, SpendingDay
from campaigns.reporting.exact_amounts import ExactLikes, ExactMoney, format_exact_likes, format_exact_money
from campaigns.reporting.snapshot import Instant, format_instant
from ledger.money import Money, to_money
from sql import Connection

IsoDate = Annotated[str, Field(json_schema_extra={"format": "date"})]

NOTE_TEXTS = {
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

    day: IsoDate
    terms_version: int
    likes: int
    fakes: int
    earned: ExactMoney
    capped: ExactMoney
    over_budget: ExactMoney
    spent: Money
    so_far: Money
    left: Money
    binds: BindingCap


class CurrentTermsResult(TypedDict):
    """What the same likes come to under the terms as they stand."""

    pledged: Money
    budget_ends_on: IsoDate | None


class PreviewNote(TypedDict):
    """What is left out or supposed."""

    name: Note
    text: str


class PreviewResponse(TypedDict):
    """What the promise would come to. `as_it_stands` is null unless a campaign is given new terms."""

    campaign: str
    currency: str
    timezone: str
    as_of: Instant
    action: PromiseAction
    terms_version: int
    from_day: IsoDate
    likes: PreviewLikes
    money: PreviewMoney
    budget_ends_on: IsoDate | None
    days_bound: dict[str, int]
    beneficiaries: list[PreviewShare]
    as_it_stands: CurrentTermsResult | None
    notes: list[PreviewNote]
    days: list[PreviewDay]


async def preview_response(
    conn: Connection, request: PreviewRequest, now: datetime, *, pseudonym_key: bytes
) -> PreviewResponse:
    """Return the whole answer; joins the caller's transaction, of a single snapshot. Raises as `previewed` does."""
    return format_response(await compute_preview(conn, request, now, pseudonym_key=pseudonym_key))


def format_response(result: PreviewResult) -> PreviewResponse:
    """Return a preview for programs."""
    own, made = result.promise.campaign, result.preview
    return {
        "campaign": own.slug,
        "currency": own.currency,
        "timezone": own.timezone,
        "as_of": format_instant(result.as_of),
        "action": result.plan.action,
        "terms_version": result.plan.version,
        "from_day": result.plan.from_day.isoformat(),
        "likes": _format_likes(made),
        "money": _format_money(made, own.currency),
        "budget_ends_on": _format_date(made.budget_ends_on),
        "days_bound": {binds.value: days for binds, days in made.days_by_binding_cap().items()},
        "beneficiaries": _format_shares(result),
        "as_it_stands": _format_current_terms(result.as_it_stands, own.currency),
        "notes": [{"name": note, "text": NOTE_TEXTS[note]} for note in result.notes],
        "days": [_format_day(each, made.funded_minor, own.currency) for each in made.days],
    }


def _format_date(day: date | None) -> IsoDate | None:
    return day.isoformat() if day else None


def _format_likes(preview: Preview) -> PreviewLikes:
    counted = sum(each.day.count.counted for each in preview.days)
    fakes = sum(each.day.count.void for each in preview.days)
    return {
        "received": counted + fakes,
        "fakes": fakes,
        "counted": counted,
        "over_daily_cap": format_exact_likes(-preview.steps[StepName.OVER_DAILY_CAP].likes),
        "over_budget": format_exact_likes(-preview.steps[StepName.OVER_BUDGET].likes),
        "earning_nothing": format_exact_likes(preview.earning_nothing.likes),
    }


def _format_money(preview: Preview, currency: str) -> PreviewMoney:
    return {
        "funded": to_money(preview.funded_minor, currency),
        "due": to_money(preview.due_minor, currency),
        "floor_top_up": to_money(preview.top_up_minor, currency),
        "pledged": to_money(preview.pledged_minor, currency),
        "remaining": to_money(preview.remaining_minor, currency),
        "over_daily_cap": format_exact_money(-preview.steps[StepName.OVER_DAILY_CAP].minor, currency),
        "over_budget": format_exact_money(-preview.steps[StepName.OVER_BUDGET].minor, currency),
    }


def _format_shares(result: PreviewResult) -> list[PreviewShare]:
    """Return the charities in the promise's order, after those that only older terms name."""
    names: dict[str, Any] = {b.charity: b.name.model_dump() for b in result.promise.terms.beneficiaries}
    shares = result.preview.shares_minor
    older = [charity for charity in shares if charity not in names]
    return [
        {"charity": c, "name": names.get(c), "amount": to_money(shares.get(c, 0), result.promise.campaign.currency)}
        for c in [*older, *names]
    ]


def _format_current_terms(preview: Preview | None, currency: str) -> CurrentTermsResult | None:
    if preview is None:
        return None
    return {
        "pledged": to_money(preview.pledged_minor, currency),
        "budget_ends_on": _format_date(preview.budget_ends_on),
    }


def _format_day(spending_day: SpendingDay, funded_minor: int, currency: str) -> PreviewDay:
    return {
        "day": spending_day.day.day.isoformat(),
        "terms_version": spending_day.day.terms.version,
        "likes": spending_day.day.count.counted,
        "fakes": spending_day.day.count.void,
        "earned": format_exact_money(spending_day.day.earned, currency),
        "capped": format_exact_money(spending_day.day.capped, currency),
        "over_budget": format_exact_money(spending_day.over_budget.minor, currency),
        "spent": to_money(spending_day.spent_minor, currency),
        "so_far": to_money(spending_day.so_far_minor, currency),
        "left": to_money(funded_minor - spending_day.so_far_minor, currency),
        "binds": spending_day.binding_cap,
    }
