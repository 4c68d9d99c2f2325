"""The campaign and platform of the demonstration, created by the first run and used again by later ones."""

from collections.abc import Collection
from datetime import date, datetime, time, timedelta
from importlib.resources import files
from itertools import chain, count
from string import Template
from typing import NamedTuple
from zoneinfo import ZoneInfo

from campaigns.catalogue import apply_promise, platforms
from campaigns.catalogue.cache import Campaign, Catalogue, read_catalogue
from campaigns.pledging.budget import fund_budget
from campaigns.promise import toml_file
from campaigns.promise.calendar import local_day
from ledger.money import MINOR_MAX
from ops.demo.expected import PledgeRules, SettlementTerms
from ops.demo.platform import SimulatedCampaign
from ops.keys import Keys
from ops.replay.secret import newest_secret
from sql import Connection

PLATFORM = "demo-platform"
_SLUG = "demo"
_TIMEZONE = ZoneInfo("Asia/Shanghai")
_STARTED_DAYS_AGO = 14
_DURATION_DAYS = 90
_TIME_LEFT_MIN = timedelta(hours=1)  # a run must not outlast its campaign
_BUDGET_MINOR = 1_000_000


class DemoSetup(NamedTuple):
    """Inputs of a run."""

    campaign: SimulatedCampaign
    settlement_terms: SettlementTerms
    currency: str
    secret: bytes


async def prepare_demo(conn: Connection, keys: Keys, now: datetime) -> DemoSetup:
    """Return the running campaign and the platform's secret; create them if missing."""
    catalogue = await read_catalogue(conn, keys.pseudonym)
    campaign = _running_campaign(catalogue, now) or await _create_campaign(conn, catalogue, keys, now)
    if PLATFORM not in catalogue.platforms:
        await platforms.add_platform(conn, PLATFORM, keys.webhook)
        catalogue = await read_catalogue(conn, keys.pseudonym)
    secret = newest_secret(catalogue.platforms[PLATFORM], keys.webhook)
    return DemoSetup(
        _simulated_campaign(campaign, now), _settlement_terms(campaign), campaign.promise.campaign.currency, secret
    )


def _running_campaign(catalogue: Catalogue, now: datetime) -> Campaign | None:
    campaigns = [c for c in catalogue.campaigns.values() if c.slug.startswith(f"{_SLUG}-")]
    return next((c for c in reversed(campaigns) if c.closed_at is None and _is_running(c, now)), None)


def _is_running(campaign: Campaign, now: datetime) -> bool:
    terms = campaign.promise.campaign
    return terms.starts_at <= now < terms.ends_at - _TIME_LEFT_MIN


async def _create_campaign(conn: Connection, catalogue: Catalogue, keys: Keys, now: datetime) -> Campaign:
    promise = toml_file.parse_promise(render_promise(catalogue.campaigns, now).encode())
    campaign = (await apply_promise.apply_promise(conn, promise, now, pseudonym_key=keys.pseudonym)).campaign
    await fund_budget(conn, campaign, _BUDGET_MINOR, "demonstration")
    return campaign


def render_promise(taken_slugs: Collection[str], now: datetime) -> str:
    """Return the promise as TOML, with dates around today and an unused slug."""
    first_day = local_day(now, _TIMEZONE) - timedelta(days=_STARTED_DAYS_AGO)
    names = chain([f"{_SLUG}-{first_day}"], (f"{_SLUG}-{first_day}-{n}" for n in count(2)))
    template = Template((files("ops.demo") / "campaign.toml").read_text(encoding="utf-8"))
    return template.substitute(
        slug=next(name for name in names if name not in taken_slugs),
        starts_at=_midnight(first_day),
        ends_at=_midnight(first_day + timedelta(days=_DURATION_DAYS)),
    )


def _midnight(day: date) -> str:
    return datetime.combine(day, time(), tzinfo=_TIMEZONE).isoformat()


def _simulated_campaign(campaign: Campaign, now: datetime) -> SimulatedCampaign:
    terms = campaign.terms_on(local_day(now, _TIMEZONE))
    promised = campaign.promise.campaign
    rules = PledgeRules(
        terms.amount_minor,
        terms.per_likes,
        terms.daily_cap_minor or MINOR_MAX,
        terms.likes_per_person_per_day or MINOR_MAX,
    )
    return SimulatedCampaign(
        promised.slug, ZoneInfo(promised.timezone), promised.starts_at, promised.late_days, rules
    )


def _settlement_terms(campaign: Campaign) -> SettlementTerms:
    parts = {b.charity: b.share_bp for b in campaign.versions[-1].beneficiaries}
    return SettlementTerms(parts, campaign.promise.campaign.hold_days)
