"""The API response of a preview, with every figure of the page and the command line."""

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
    Note.PERSON_LIMIT: (
        "The limit of likes per person and day is not applied, because a forecast does not know who likes."
    ),
    Note.DAYS_KEPT: "Days before today keep their counts. Today keeps its likes if the forecast has fewer.",
    Note.PAST_DAYS: "The past campaign's days are matched in order, regardless of the weekday.",
    Note.PAST_DAYS_LEFT_OUT: ("The past campaign was longer. Its likes after this campaign's last day are left out."),
    Note.PAST_DAYS_MISSING: "The past campaign was shorter. The remaining days have no likes.",
}


class PreviewLikes(TypedDict):
    """Likes; `received` is `counted` plus `fakes`.

    Likes over the daily cap or the budget earn nothing.
    """

    received: int
    fakes: int
    counted: int
    over_daily_cap: ExactLikes
    over_budget: ExactLikes
    earning_nothing: ExactLikes


class PreviewMoney(TypedDict):
    """`pledged` is `due` plus `floor_top_up`; `remaining` returns to the sponsor."""

    funded: Money
    due: Money
    floor_top_up: Money
    pledged: Money
    remaining: Money
    over_daily_cap: ExactMoney
    over_budget: ExactMoney


class PreviewShare(TypedDict):
    """The total of a charity, its part of the floor's top-up included."""

    charity: str
    name: dict[str, str] | None
    amount: Money


class PreviewDay(TypedDict):
    """A day; `earned` and `capped` are exact and before the budget, `spent` is the due amount."""

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
    """The result of the same likes under the current terms."""

    pledged: Money
    budget_ends_on: IsoDate | None


class PreviewNote(TypedDict):
    """An assumption or omission of the preview."""

    name: Note
    text: str


class PreviewResponse(TypedDict):
    """The result of the promise.

    `as_it_stands` is null unless the promise has new terms for a campaign.
    """

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
    """Return the response to a request.

    Raises as `compute_preview` does. Joins the caller's transaction, which must be of a single
    snapshot.
    """
    return format_response(await compute_preview(conn, request, now, pseudonym_key=pseudonym_key))


def format_response(result: PreviewResult) -> PreviewResponse:
    """Return a preview as the API's JSON object. Pure."""
    campaign, preview = result.promise.campaign, result.preview
    return {
        "campaign": campaign.slug,
        "currency": campaign.currency,
        "timezone": campaign.timezone,
        "as_of": format_instant(result.as_of),
        "action": result.plan.action,
        "terms_version": result.plan.version,
        "from_day": result.plan.from_day.isoformat(),
        "likes": _format_likes(preview),
        "money": _format_money(preview, campaign.currency),
        "budget_ends_on": _format_date(preview.budget_ends_on),
        "days_bound": {cap.value: days for cap, days in preview.days_by_binding_cap().items()},
        "beneficiaries": _format_shares(result),
        "as_it_stands": _format_current_terms(result.as_it_stands, campaign.currency),
        "notes": [{"name": note, "text": NOTE_TEXTS[note]} for note in result.notes],
        "days": [_format_day(day, preview.funded_minor, campaign.currency) for day in preview.days],
    }


def _format_date(day: date | None) -> IsoDate | None:
    return day.isoformat() if day else None


def _format_likes(preview: Preview) -> PreviewLikes:
    counted = sum(day.day.count.counted for day in preview.days)
    fakes = sum(day.day.count.void for day in preview.days)
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
    """Return the shares in the promise's order, after the charities that only older terms name."""
    names: dict[str, Any] = {b.charity: b.name.model_dump() for b in result.promise.terms.beneficiaries}
    shares = result.preview.shares_minor
    older = [charity for charity in shares if charity not in names]
    return [
        {
            "charity": charity,
            "name": names.get(charity),
            "amount": to_money(shares.get(charity, 0), result.promise.campaign.currency),
        }
        for charity in [*older, *names]
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
