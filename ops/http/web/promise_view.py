"""The promise in words: what a reader must know before giving a like, from the very object that the engine uses."""

from datetime import date
from typing import NamedTuple

from campaigns.catalogue.cache import Campaign
from campaigns.promise import model
from campaigns.reporting.snapshot import Standing
from ops.i18n import formats
from ops.i18n.language import Language, of, say

_CRON_FIELDS = 5


class Row(NamedTuple):
    """One line of the label; several texts are a list."""

    key: str
    texts: list[str]


class Version(NamedTuple):
    """One version of the terms in words."""

    version: int
    from_day: str
    rate: str
    cap: str
    limit: str


def label(standing: Standing, language: Language) -> list[Row]:
    """Return the promise as rows: the terms are those in force now."""
    own, campaign = standing.campaign.promise.campaign, standing.campaign
    terms = in_force(standing)
    dates = span(campaign, language)
    rows = {
        "rate": [rate(terms, standing.currency, language)],
        "dates": [say("promise_span", language, first=dates[0], last=dates[1], timezone=own.timezone)],
        "floor": [_or_none(own.floor_minor, "promise_floor", standing.currency, language)],
        "most": [_most(standing, language)],
        "cap": [_or_none(terms.daily_cap_minor, "promise_cap", standing.currency, language)],
        "limit": [limit(terms, language)],
        "unlike": [say(f"promise_unlike_{own.unlike}", language)],
        "goes_to": [f"{of(b.name, language)} {formats.share(b.share_bp, language)}" for b in terms.beneficiaries],
        "settles": [_settles(campaign, language), say("promise_hold", language, days=own.hold_days)],
    }
    return [Row(key, texts) for key, texts in rows.items()]


def versions(standing: Standing, language: Language) -> list[Version]:
    """Return every version of the terms, oldest first."""
    own = standing.campaign
    return [
        Version(
            held.version,
            formats.day(held.from_day, language),
            rate(terms, standing.currency, language),
            _or_none(terms.daily_cap_minor, "promise_cap", standing.currency, language),
            limit(terms, language),
        )
        for held, terms in zip(own.terms, own.versions, strict=True)
    ]


def in_force(standing: Standing) -> model.Terms:
    """Return the promised terms that are in force now."""
    by_version = {
        held.version: terms for held, terms in zip(standing.campaign.terms, standing.campaign.versions, strict=True)
    }
    return by_version[standing.terms.version]


def rate(terms: model.Terms, currency: str, language: Language) -> str:
    """Return what likes earn."""
    amount = formats.amount(terms.rate.amount_minor, currency, language)
    if terms.rate.per_likes == 1:
        return say("promise_rate_one", language, amount=amount)
    likes = formats.number(terms.rate.per_likes, language)
    return say("promise_rate_many", language, amount=amount, likes=likes)


def limit(terms: model.Terms, language: Language) -> str:
    """Return how many likes of a person count on a day."""
    most = terms.likes_per_person_per_day
    if most is None:
        return say("promise_limit_none", language)
    return say("promise_limit_is", language, likes=formats.number(most, language))


def span(campaign: Campaign, language: Language) -> tuple[str, str]:
    """Return the campaign's first and last day in its own time zone."""
    days: tuple[date, ...] = campaign.calendar.days
    return formats.day(days[0], language), formats.day(days[-1], language)


def _or_none(minor: int | None, key: str, currency: str, language: Language) -> str:
    return formats.amount(minor, currency, language) if minor else say(f"{key}_none", language)


def _most(standing: Standing, language: Language) -> str:
    if not standing.line.funded_minor:
        return say("not_funded", language)
    funded = formats.amount(standing.line.funded_minor, standing.currency, language)
    return say("promise_most_is", language, funded=funded)


def _settles(campaign: Campaign, language: Language) -> str:
    settlement = campaign.promise.settlement
    return schedule(settlement.cron, language) if settlement.automatic else say("promise_settles_by_hand", language)


def schedule(cron: str, language: Language) -> str:
    """Return a cron line in words where it is one of the usual ones, or else as it is written."""
    fields = cron.split()
    minute, hour, *rest = fields if len(fields) == _CRON_FIELDS else ("", "", "", "", "")
    if not (minute.isdecimal() and hour.isdecimal()):
        return say("promise_settles_cron", language, cron=cron)
    time = f"{int(hour):02}:{int(minute):02}"
    return _days(rest, time, language) or say("promise_settles_cron", language, cron=cron)


def _days(rest: list[str], time: str, language: Language) -> str | None:
    match rest:
        case ["*", "*", "*"]:
            return say("promise_settles_daily", language, time=time)
        case ["*", "*", name] if name in formats.WEEKDAYS:
            return say("promise_settles_weekly", language, time=time, weekday=formats.weekday(name, language))
        case [day, "*", "*"] if day.isdecimal():
            return say("promise_settles_monthly", language, time=time, day=int(day))
    return None
