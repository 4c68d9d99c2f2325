"""The promise in words, from the same object that the engine uses."""

from datetime import date
from typing import NamedTuple

from campaigns.catalogue.cache import Campaign
from campaigns.promise import model
from campaigns.reporting.snapshot import CampaignSnapshot
from ops.i18n import formats
from ops.i18n.language import Language, localize, translate

_CRON_FIELDS = 5


class PromiseRow(NamedTuple):
    """A row of the promise; several texts form a list."""

    key: str
    texts: list[str]


class TermsVersionRow(NamedTuple):
    """A version of the terms in words."""

    version: int
    from_day: str
    rate: str
    cap: str
    limit: str


def promise_rows(snapshot: CampaignSnapshot, language: Language) -> list[PromiseRow]:
    """Return the rows of the promise with the terms in force now."""
    details, campaign = snapshot.campaign.promise.campaign, snapshot.campaign
    terms, currency = terms_in_force(snapshot), snapshot.currency
    first, last = campaign_dates(campaign, language)
    rows = {
        "rate": [rate_text(terms, currency, language)],
        "dates": [translate("promise_span", language, first=first, last=last, timezone=details.timezone)],
        "floor": [_amount_or_none(details.floor_minor, "promise_floor", currency, language)],
        "most": [_budget_text(snapshot, language)],
        "cap": [_amount_or_none(terms.daily_cap_minor, "promise_cap", currency, language)],
        "limit": [limit_text(terms, language)],
        "unlike": [translate(f"promise_unlike_{details.unlike}", language)],
        "beneficiaries": [
            f"{localize(b.name, language)} {formats.share(b.share_bp, language)}" for b in terms.beneficiaries
        ],
        "settles": [
            _settlement_text(campaign, language),
            translate("promise_hold", language, days=details.hold_days),
        ],
    }
    return [PromiseRow(key, texts) for key, texts in rows.items()]


def terms_version_rows(snapshot: CampaignSnapshot, language: Language) -> list[TermsVersionRow]:
    """Return every version of the terms, oldest first."""
    campaign = snapshot.campaign
    return [
        TermsVersionRow(
            version.version,
            formats.day(version.from_day, language),
            rate_text(terms, snapshot.currency, language),
            _amount_or_none(terms.daily_cap_minor, "promise_cap", snapshot.currency, language),
            limit_text(terms, language),
        )
        for version, terms in zip(campaign.terms, campaign.versions, strict=True)
    ]


def terms_in_force(snapshot: CampaignSnapshot) -> model.PromiseTerms:
    """Return the terms in force now, as promised."""
    campaign = snapshot.campaign
    pairs = zip(campaign.terms, campaign.versions, strict=True)
    return next(terms for version, terms in pairs if version.version == snapshot.terms.version)


def rate_text(terms: model.PromiseTerms, currency: str, language: Language) -> str:
    """Return the rate in words."""
    amount = formats.amount(terms.rate.amount_minor, currency, language)
    if terms.rate.per_likes == 1:
        return translate("promise_rate_one", language, amount=amount)
    likes = formats.number(terms.rate.per_likes, language)
    return translate("promise_rate_many", language, amount=amount, likes=likes)


def limit_text(terms: model.PromiseTerms, language: Language) -> str:
    """Return the limit of likes per person and day in words."""
    limit = terms.likes_per_person_per_day
    if limit is None:
        return translate("promise_limit_none", language)
    return translate("promise_limit_is", language, likes=formats.number(limit, language))


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
        else translate("promise_settles_manually", language)
    )


def cron_text(cron: str, language: Language) -> str:
    """Return a daily, weekly or monthly cron line in words; any other unchanged."""
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
