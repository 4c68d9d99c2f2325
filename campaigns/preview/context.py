"""A preview against what is known: the campaign as it stands, and a past one's counts. Reads only, posts nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import NamedTuple
from zoneinfo import ZoneInfo

from campaigns.catalogue import apply_promise
from campaigns.catalogue.apply_promise import Action, Plan
from campaigns.catalogue.cache import Campaign, Catalogue, read
from campaigns.errors import Fault, PromiseRefused
from campaigns.pledging.pledge import counted_by_day
from campaigns.pledging.waterfall import DayCount
from campaigns.preview import forecast
from campaigns.preview.request import PreviewRequest
from campaigns.preview.simulation import Preview, preview
from campaigns.promise.calendar import Calendar, day_in
from campaigns.promise.model import Promise, held
from campaigns.promise.terms import Terms
from ledger.accounting.balances import balances
from sql import Connection


class Note(StrEnum):
    """What a preview leaves out or supposes, and its reader should know."""

    PERSON_LIMIT = "person_limit"
    DAYS_KEPT = "days_kept"
    PAST_DAYS = "past_days"
    PAST_DAYS_LEFT_OUT = "past_days_left_out"
    PAST_DAYS_MISSING = "past_days_missing"


@dataclass(frozen=True, slots=True)
class Previewed:
    """What the promise would come to, and for new terms what the same likes come to under those that stand."""

    promise: Promise
    plan: Plan
    preview: Preview
    as_it_stands: Preview | None
    notes: tuple[Note, ...]
    as_of: datetime


class _Known(NamedTuple):
    """The campaign where it exists, what its likes and budget are."""

    campaign: Campaign | None
    counted: Mapping[date, int]
    funded_minor: int | None


class _Likes(NamedTuple):
    likes: dict[date, DayCount]
    notes: tuple[Note, ...]


async def previewed(conn: Connection, request: PreviewRequest, now: datetime, *, pseudonym_key: bytes) -> Previewed:
    """Return what the promise would come to; joins the caller's transaction, of a single snapshot.

    PromiseRefused names what does not fit the campaign that exists, or what the request lacks; Closed: it takes
    no new terms.
    """
    catalogue = await read(conn, pseudonym_key)
    known = await _known(conn, catalogue.campaigns.get(request.promise.campaign.slug))
    plan = apply_promise.plan(known.campaign, request.promise, now)
    likes = await _expected(conn, request, catalogue, known, now)
    funded_minor = _funded(request, known)
    floor_minor, standing = request.promise.campaign.floor_minor, known.campaign.terms if known.campaign else []
    changes_terms = known.campaign is not None and plan.action is Action.NEW_TERMS
    return Previewed(
        request.promise,
        plan,
        preview(_versions(standing, request.promise, plan), likes.likes, funded_minor, floor_minor),
        preview(standing, likes.likes, funded_minor, floor_minor) if changes_terms else None,
        likes.notes,
        now,
    )


async def _known(conn: Connection, campaign: Campaign | None) -> _Known:
    if campaign is None:
        return _Known(None, {}, None)
    funded_minor = (await balances(conn, campaign.slug)).funded_minor
    return _Known(campaign, await counted_by_day(conn, campaign), funded_minor)


def _versions(standing: Sequence[Terms], promise: Promise, plan: Plan) -> list[Terms]:
    given = [] if plan.action is Action.NOTHING else [held(promise.terms, plan.version, plan.from_day)]
    return [*standing, *given]


def _funded(request: PreviewRequest, known: _Known) -> int:
    if request.funded_minor is None:
        if known.funded_minor is None:
            raise PromiseRefused([Fault("funded_minor", "a campaign that does not exist yet needs a budget here")])
        return known.funded_minor
    if request.funded_minor < (known.funded_minor or 0):
        raise PromiseRefused([Fault("funded_minor", f"{known.funded_minor} minor units are funded already")])
    return request.funded_minor


async def _expected(
    conn: Connection, request: PreviewRequest, catalogue: Catalogue, known: _Known, now: datetime
) -> _Likes:
    own = request.promise.campaign
    zone = ZoneInfo(own.timezone)
    days = Calendar.of(own.starts_at, own.ends_at, zone).days
    likes, notes = await _forecast(conn, request, catalogue, days)
    expected = forecast.without_fakes(likes, request.forecast.fakes_bp)
    if request.promise.terms.likes_per_person_per_day is not None:
        notes = [Note.PERSON_LIMIT, *notes]
    if known.campaign is None or now < own.starts_at:
        return _Likes(expected, tuple(notes))
    kept = forecast.from_today(known.counted, expected, day_in(now, zone))
    return _Likes(kept, (Note.DAYS_KEPT, *notes))


async def _forecast(
    conn: Connection, request: PreviewRequest, catalogue: Catalogue, days: Sequence[date]
) -> tuple[dict[date, int], list[Note]]:
    asked = request.forecast
    if asked.like_campaign is not None:
        return await _like_past(conn, catalogue.campaigns.get(asked.like_campaign), days)
    if asked.likes_per_day is not None:
        return forecast.flat(days, asked.likes_per_day), []
    return forecast.curve(days, asked.points), []


async def _like_past(
    conn: Connection, past: Campaign | None, days: Sequence[date]
) -> tuple[dict[date, int], list[Note]]:
    """Return a past campaign's likes, as far as they are folded, by the place of their days."""
    if past is None:
        raise PromiseRefused([Fault("forecast.like_campaign", "there is no campaign of that name")])
    moved = forecast.shifted(days, past.calendar.days, await counted_by_day(conn, past))
    notes = [Note.PAST_DAYS]
    notes += [Note.PAST_DAYS_LEFT_OUT] if moved.left_out else []
    notes += [Note.PAST_DAYS_MISSING] if moved.days_missing else []
    return moved.likes, notes
