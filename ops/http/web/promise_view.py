"""The promise in words: what a reader must know before giving a like, from the very object that the engine uses."""

from datetime import date
from typing import NamedTuple

from campaigns.catalogue.cache import Campaign
from campaigns.promise import model
from campaigns.reporting.snapshot import CampaignSnapshot
from ops.i18n import formats
from ops.i18n.language import Language, localize, translate

_CRON_FIELDS = 5


class PromiseRow(NamedTuple):
    """One line of the label; several texts are a list."""

    key: str
    texts: list[str]


class TermsVersionRow(NamedTuple):
    """One version of the terms in words."""

    version: int
    from_day: str
    rate: str
    cap: str
    limit: str


def promise_rows(snapshot: CampaignSnapshot, language: Language) -> list[PromiseRow]:
    """Return the promise as rows: the terms are those in force now."""
    own, campaign = snapshot.campaign.promise.campaign, snapshot.campaign
    terms = terms_in_force(snapshot)
    dates = campaign_dates(campaign, language)
    rows = {
        "rate": [rate_text(terms, snapshot.currency, language)],
        "dates": [translate("promise_span", language, first=dates[0], last=dates[1], timezone=own.timezone)],
        "floor": [_amount_or_none(own.floor_minor, "promise_floor", snapshot.currency, language)],
        "most": [_budget_text(snapshot, language)],
        "cap": [_amount_or_none(terms.daily_cap_minor, "promise_cap", snapshot.currency, language)],
        "limit": [limit_text(terms, language)],
        "unlike": [translate(f"promise_unlike_{own.unlike}", language)],
        "goes_to": [
            f"{localize(b.name, language)} {formats.share(b.share_bp, language)}" for b in terms.beneficiaries
        ],
        "settles": [_settlement_text(campaign, language), translate("promise_hold", language, days=own.hold_days)],
    }
    return [PromiseRow(key, texts) for key, texts in rows.items()]


def terms_version_rows(snapshot: CampaignSnapshot, language: Language) -> list[TermsVersionRow]:
    """Return every version of the terms, oldest first."""
    own = snapshot.campaign
    return [
        TermsVersionRow(
            held.version,
            formats.day(held.from_day, language),
            rate_text(terms, snapshot.currency, language),
            _amount_or_none(terms.daily_cap_minor, "promise_cap", snapshot.currency, language),
            limit_text(terms, language),
        )
        for held, terms in zip(own.terms, own.versions, strict=True)
    ]


def terms_in_force(snapshot: CampaignSnapshot) -> model.PromiseTerms:
    """Return the promised terms that are in force now."""
    by_version = {
        held.version: terms for held, terms in zip(snapshot.campaign.terms, snapshot.campaign.versions, strict=True)
    }
    return by_version[snapshot.terms.version]


def rate_text(terms: model.PromiseTerms, currency: str, language: Language) -> str:
    """Return what likes earn."""
    amount = formats.amount(terms.rate.amount_minor, currency, language)
    if terms.rate.per_likes == 1:
        return translate("promise_rate_one", language, amount=amount)
    likes = formats.number(terms.rate.per_likes, language)
    return translate("promise_rate_many", language, amount=amount, likes=likes)


def limit_text(terms: model.PromiseTerms, language: Language) -> str:
    """Return how many likes of a person count on a day."""
    most = terms.likes_per_person_per_day
    if most is None:
        return translate("promise_limit_none", language)
    return translate("promise_limit_is", language, likes=formats.number(most, language))


def campaign_dates(campaign: Campaign, language: Language) -> tuple[str, str]:
    """Return the campaign's first and last day in its own time zone."""
    days: tuple[date, ...] = campaign.calendar.days
    return formats.day(days[0], language), formats.day(days[-1], language)


def _amount_or_none(minor: int | None, key: str, currency: str, language: Language) -> str:
    return formats.amount(minor, currency, language) if minor else translate(f"{key}_none", language)


def _budget_text(snapshot: CampaignSnapshot, language: Language) -> str:
    if not snapshot.balances.funded_minor:
        return translate("not_funded", language)
    funded = formats.amount(snapshot.balances.funded_minor, snapshot.currency, language)
    return translate("promise_most_is", language, funded=funded)


def _settlement_text(campaign: Campaign, language: Language) -> str:
    settlement = campaign.promise.settlement
    return (
        cron_text(settlement.cron, language)
        if settlement.automatic
        else translate("promise_settles_by_hand", language)
    )


def cron_text(cron: str, language: Language) -> str:
    """Return a cron line in words where it is one of the usual ones, or else as it is written."""
    fields = cron.split()
    minute, hour, *rest = fields if len(fields) == _CRON_FIELDS else ("", "", "", "", "")
    if not (minute.isdecimal() and hour.isdecimal()):
        return translate("promise_settles_cron", language, cron=cron)
    time = f"{int(hour):02}:{int(minute):02}"
    return _cron_days_text(rest, time, language) or translate("promise_settles_cron", language, cron=cron)


def _cron_days_text(date_fields: list[str], time: str, language: Language) -> str | None:
    match date_fields:
        case ["*", "*", "*"]:
            return translate("promise_settles_daily", language, time=time)
        case ["*", "*", name] if name in formats.WEEKDAYS:
            return translate("promise_settles_weekly", language, time=time, weekday=formats.weekday(name, language))
        case [day, "*", "*"] if day.isdecimal():
            return translate("promise_settles_monthly", language, time=time, day=int(day))
    return None
