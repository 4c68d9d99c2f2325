"""The campaign and platform of the demonstration, created by the first run and used again by later ones."""

from collections.abc import Collection
from datetime import date, datetime, time, timedelta
from importlib.resources import files
from itertools import chain, count
from pathlib import Path
from string import Template
from typing import NamedTuple
from zoneinfo import ZoneInfo

from campaigns.catalogue.cache import Campaign, Catalogue, read_catalogue
from campaigns.promise import toml_file
from campaigns.promise.calendar import local_day
from ledger.money import MINOR_MAX
from ops.admin.core.actor import OPERATOR
from ops.admin.core.command import CommandServices
from ops.demo.administration import CAMPAIGNS_PERSON, TREASURER, run_command
from ops.demo.earlier_likes import earlier_likes_path, write_likes
from ops.demo.expected import PledgeRules, SettlementTerms
from ops.demo.platform import SimulatedCampaign
from ops.replay.secret import newest_secret

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


async def prepare_demo(services: CommandServices, now: datetime) -> DemoSetup:
    """Return the running campaign and the platform's secret; create them if missing."""
    catalogue = await _read_catalogue(services)
    data_dir = services.settings.data_dir
    if _running_campaign(catalogue, now, data_dir) is None:
        await _create_campaign(services, render_promise(catalogue.campaigns, now))
    if PLATFORM not in catalogue.platforms:
        await run_command(services, OPERATOR, "platform.add", "", {"name": PLATFORM})
    catalogue = await _read_catalogue(services)
    campaign = _running_campaign(catalogue, now, data_dir)
    assert campaign is not None  # noqa: S101 - created above
    secret = newest_secret(catalogue.platforms[PLATFORM], services.keys.webhook)
    return DemoSetup(
        _simulated_campaign(campaign, now), _settlement_terms(campaign), campaign.promise.campaign.currency, secret
    )


async def _read_catalogue(services: CommandServices) -> Catalogue:
    async with services.pool.acquire() as conn:
        return await read_catalogue(conn, services.keys.pseudonym)


def _running_campaign(catalogue: Catalogue, now: datetime, data_dir: Path) -> Campaign | None:
    """Return the running campaign whose earlier likes the platform has recorded."""
    campaigns = [c for c in catalogue.campaigns.values() if earlier_likes_path(data_dir, c.slug).exists()]
    return next((c for c in reversed(campaigns) if c.closed_at is None and _is_running(c, now)), None)


def _is_running(campaign: Campaign, now: datetime) -> bool:
    terms = campaign.promise.campaign
    return terms.starts_at <= now < terms.ends_at - _TIME_LEFT_MIN


async def _create_campaign(services: CommandServices, promise_toml: str) -> None:
    """Create and fund the campaign: one person asks, another approves."""
    promise = toml_file.parse_promise(promise_toml.encode())
    body = promise.model_dump(exclude_none=True)
    await run_command(services, CAMPAIGNS_PERSON, "campaign.create", "", body)
    funding = {"amount_minor": _BUDGET_MINOR, "reference": "demonstration"}
    await run_command(services, TREASURER, "campaign.fund", promise.campaign.slug, funding)
    write_likes(earlier_likes_path(services.settings.data_dir, promise.campaign.slug), {})


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
