"""A preview against what is known: the campaign as it stands, and a past one's counts. Reads only, posts nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import NamedTuple
from zoneinfo import ZoneInfo

from campaigns.catalogue import apply_promise
from campaigns.catalogue.apply_promise import Plan, PromiseAction
from campaigns.catalogue.cache import Campaign, Catalogue, read_catalogue
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
from sql import Connection


class Note(StrEnum):
    """What a preview leaves out or supposes, and its reader should know."""

    PERSON_LIMIT = "person_limit"
    DAYS_KEPT = "days_kept"
    PAST_DAYS = "past_days"
    PAST_DAYS_LEFT_OUT = "past_days_left_out"
    PAST_DAYS_MISSING = "past_days_missing"


@dataclass(frozen=True, slots=True)
class PreviewResult:
    """What the promise would come to, and for new terms what the same likes come to under those that stand."""

    promise: Promise
    plan: Plan
    preview: Preview
    as_it_stands: Preview | None
    notes: tuple[Note, ...]
    as_of: datetime


class _CampaignState(NamedTuple):
    """The campaign where it exists, what its likes and budget are."""

    campaign: Campaign | None
    counted: Mapping[date, int]
    funded_minor: int | None


class _ExpectedLikes(NamedTuple):
    likes: dict[date, DayCount]
    notes: tuple[Note, ...]


async def compute_preview(
    conn: Connection, request: PreviewRequest, now: datetime, *, pseudonym_key: bytes
) -> PreviewResult:
    """Return what the promise would come to; joins the caller's transaction, of a single snapshot.

    PromiseRefused names what does not fit the campaign that exists, or what the request lacks; Closed: it takes
    no new terms.
    """
    catalogue = await read_catalogue(conn, pseudonym_key)
    known = await _read_campaign_state(conn, catalogue.campaigns.get(request.promise.campaign.slug))
    plan = apply_promise.plan_promise(known.campaign, request.promise, now)
    likes = await _expected_likes(conn, request, catalogue, known, now)
    funded_minor = _budget_minor(request, known)
    floor_minor, standing = request.promise.campaign.floor_minor, known.campaign.terms if known.campaign else []
    changes_terms = known.campaign is not None and plan.action is PromiseAction.NEW_TERMS
    return PreviewResult(
        request.promise,
        plan,
        simulate_promise(_terms_versions(standing, request.promise, plan), likes.likes, funded_minor, floor_minor),
        simulate_promise(standing, likes.likes, funded_minor, floor_minor) if changes_terms else None,
        likes.notes,
        now,
    )


async def _read_campaign_state(conn: Connection, campaign: Campaign | None) -> _CampaignState:
    if campaign is None:
        return _CampaignState(None, {}, None)
    funded_minor = (await campaign_balances(conn, campaign.slug)).funded_minor
    return _CampaignState(campaign, await counted_by_day(conn, campaign), funded_minor)


def _terms_versions(current_terms: Sequence[Terms], promise: Promise, plan: Plan) -> list[Terms]:
    given = [] if plan.action is PromiseAction.NOTHING else [engine_terms(promise.terms, plan.version, plan.from_day)]
    return [*current_terms, *given]


def _budget_minor(request: PreviewRequest, campaign_state: _CampaignState) -> int:
    if request.funded_minor is None:
        if campaign_state.funded_minor is None:
            raise PromiseRefused(
                [FieldError("funded_minor", "a campaign that does not exist yet needs a budget here")]
            )
        return campaign_state.funded_minor
    if request.funded_minor < (campaign_state.funded_minor or 0):
        raise PromiseRefused(
            [FieldError("funded_minor", f"{campaign_state.funded_minor} minor units are funded already")]
        )
    return request.funded_minor


async def _expected_likes(
    conn: Connection, request: PreviewRequest, catalogue: Catalogue, campaign_state: _CampaignState, now: datetime
) -> _ExpectedLikes:
    own = request.promise.campaign
    zone = ZoneInfo(own.timezone)
    days = Calendar.from_bounds(own.starts_at, own.ends_at, zone).days
    likes, notes = await _forecast_likes(conn, request, catalogue, days)
    expected = forecast.split_fakes(likes, request.forecast.fakes_bp)
    if request.promise.terms.likes_per_person_per_day is not None:
        notes = [Note.PERSON_LIMIT, *notes]
    if campaign_state.campaign is None or now < own.starts_at:
        return _ExpectedLikes(expected, tuple(notes))
    kept = forecast.merge_counted_days(campaign_state.counted, expected, local_day(now, zone))
    return _ExpectedLikes(kept, (Note.DAYS_KEPT, *notes))


async def _forecast_likes(
    conn: Connection, request: PreviewRequest, catalogue: Catalogue, days: Sequence[date]
) -> tuple[dict[date, int], list[Note]]:
    asked = request.forecast
    if asked.like_campaign is not None:
        return await _forecast_from_past(conn, catalogue.campaigns.get(asked.like_campaign), days)
    if asked.likes_per_day is not None:
        return forecast.flat_forecast(days, asked.likes_per_day), []
    return forecast.curve_forecast(days, asked.points), []


async def _forecast_from_past(
    conn: Connection, past_campaign: Campaign | None, days: Sequence[date]
) -> tuple[dict[date, int], list[Note]]:
    """Return a past campaign's likes, as far as they are folded, by the place of their days."""
    if past_campaign is None:
        raise PromiseRefused([FieldError("forecast.like_campaign", "there is no campaign of that name")])
    moved = forecast.past_forecast(days, past_campaign.calendar.days, await counted_by_day(conn, past_campaign))
    notes = [Note.PAST_DAYS]
    notes += [Note.PAST_DAYS_LEFT_OUT] if moved.likes_left_out else []
    notes += [Note.PAST_DAYS_MISSING] if moved.days_missing else []
    return moved.likes, notes
