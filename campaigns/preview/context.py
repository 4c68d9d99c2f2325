"""A preview in its context: current terms, budget and likes, and a past campaign's counts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import NamedTuple
from zoneinfo import ZoneInfo

from campaigns.catalogue import apply_promise
from campaigns.catalogue.apply_promise import Plan, PromiseAction
from campaigns.catalogue.cache import Campaign, read_campaigns
from campaigns.errors import FieldError, PromiseRefused
from campaigns.pledging.pledge import counted_by_day
from campaigns.pledging.waterfall import DayCount
from campaigns.preview import forecast
from campaigns.preview.request import PreviewRequest
from campaigns.preview.simulation import Preview, simulate_promise
from campaigns.promise.calendar import Calendar, local_day
from campaigns.promise.model import Promise, engine_terms
from campaigns.promise.terms import Terms
from ledger.accounting.balances import campaign_balances
from ledger.errors import Param
from sql import Connection


class Note(StrEnum):
    """An assumption or omission that the reader of a preview should know."""

    PERSON_LIMIT = "person_limit"
    DAYS_KEPT = "days_kept"
    PAST_DAYS = "past_days"
    PAST_DAYS_LEFT_OUT = "past_days_left_out"
    PAST_DAYS_MISSING = "past_days_missing"


@dataclass(frozen=True, slots=True)
class PreviewResult:
    """The preview of a promise.

    `as_it_stands`, for new terms only, has the same likes under the current terms.
    """

    promise: Promise
    plan: Plan
    preview: Preview
    as_it_stands: Preview | None
    notes: tuple[Note, ...]
    as_of: datetime


class _CampaignState(NamedTuple):
    """The campaign if it exists, its counted likes by day, and its budget."""

    campaign: Campaign | None
    counted: Mapping[date, int]
    funded_minor: int | None


class _ExpectedLikes(NamedTuple):
    likes: dict[date, DayCount]
    notes: tuple[Note, ...]


async def compute_preview(
    conn: Connection, request: PreviewRequest, now: datetime, *, pseudonym_key: bytes
) -> PreviewResult:
    """Return the preview of a promise.

    Raises PromiseRefused if the promise does not fit the campaign that exists, or if the
    request lacks a value; CampaignClosed if the campaign is closed. Joins the caller's
    transaction, which must be of a single snapshot.
    """
    campaigns = await read_campaigns(conn, pseudonym_key)
    state = await _read_campaign_state(conn, campaigns.get(request.promise.campaign.slug))
    plan = apply_promise.plan_promise(state.campaign, request.promise, now)
    expected = await _expected_likes(conn, request, campaigns, state, now)
    funded_minor, floor_minor = _budget_minor(request, state), request.promise.campaign.floor_minor
    current_terms = state.campaign.terms if state.campaign else []
    changes_terms = state.campaign is not None and plan.action is PromiseAction.NEW_TERMS
    versions = _terms_versions(current_terms, request.promise, plan)
    return PreviewResult(
        request.promise,
        plan,
        simulate_promise(versions, expected.likes, funded_minor, floor_minor),
        simulate_promise(current_terms, expected.likes, funded_minor, floor_minor) if changes_terms else None,
        expected.notes,
        now,
    )


async def _read_campaign_state(conn: Connection, campaign: Campaign | None) -> _CampaignState:
    if campaign is None:
        return _CampaignState(None, {}, None)
    funded_minor = (await campaign_balances(conn, campaign.slug)).funded_minor
    return _CampaignState(campaign, await counted_by_day(conn, campaign), funded_minor)


def _terms_versions(current_terms: Sequence[Terms], promise: Promise, plan: Plan) -> list[Terms]:
    if plan.action is PromiseAction.NOTHING:
        return list(current_terms)
    return [*current_terms, engine_terms(promise.terms, plan.version, plan.from_day)]


def _budget_minor(request: PreviewRequest, state: _CampaignState) -> int:
    """Return the budget to simulate with.

    Raises PromiseRefused if it is missing, or less than was funded.
    """
    if request.funded_minor is None:
        if state.funded_minor is None:
            raise PromiseRefused([FieldError("funded_minor", "preview_needs_budget")])
        return state.funded_minor
    if request.funded_minor < (state.funded_minor or 0):
        raise PromiseRefused([FieldError("funded_minor", "budget_below_funded", _read_funded_minor(request, state))])
    return request.funded_minor


def _read_funded_minor(request: PreviewRequest, state: _CampaignState) -> dict[str, Param]:
    return {"funded_minor": state.funded_minor or 0, "funded_currency": request.promise.campaign.currency}


async def _expected_likes(
    conn: Connection,
    request: PreviewRequest,
    campaigns: Mapping[str, Campaign],
    state: _CampaignState,
    now: datetime,
) -> _ExpectedLikes:
    """Return the forecast without its fakes; a running campaign's past days stay as counted."""
    promised = request.promise.campaign
    zone = ZoneInfo(promised.timezone)
    days = Calendar.from_bounds(promised.starts_at, promised.ends_at, zone).days
    likes, notes = await _forecast_likes(conn, request, campaigns, days)
    expected = forecast.split_fakes(likes, request.forecast.fakes_bp)
    if request.promise.terms.likes_per_person_per_day is not None:
        notes = [Note.PERSON_LIMIT, *notes]
    if state.campaign is None or now < promised.starts_at:
        return _ExpectedLikes(expected, tuple(notes))
    merged = forecast.merge_counted_days(state.counted, expected, local_day(now, zone))
    return _ExpectedLikes(merged, (Note.DAYS_KEPT, *notes))


async def _forecast_likes(
    conn: Connection, request: PreviewRequest, campaigns: Mapping[str, Campaign], days: Sequence[date]
) -> tuple[dict[date, int], list[Note]]:
    method = request.forecast
    if method.like_campaign is not None:
        return await _forecast_from_past(conn, campaigns.get(method.like_campaign), days)
    if method.likes_per_day is not None:
        return forecast.flat_forecast(days, method.likes_per_day), []
    return forecast.curve_forecast(days, method.points), []


async def _forecast_from_past(
    conn: Connection, past_campaign: Campaign | None, days: Sequence[date]
) -> tuple[dict[date, int], list[Note]]:
    """Return a past campaign's counted likes, day for day.

    Raises PromiseRefused if the campaign is unknown.
    """
    if past_campaign is None:
        raise PromiseRefused([FieldError("forecast.like_campaign", "past_campaign_not_found")])
    moved = forecast.past_forecast(days, past_campaign.calendar.days, await counted_by_day(conn, past_campaign))
    notes = [Note.PAST_DAYS]
    notes += [Note.PAST_DAYS_LEFT_OUT] if moved.likes_left_out else []
    notes += [Note.PAST_DAYS_MISSING] if moved.days_missing else []
    return moved.likes, notes
