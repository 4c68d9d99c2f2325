"""The demonstration's campaign and platform: made on the first run, found again on the next."""

from collections.abc import Collection
from datetime import date, datetime, time, timedelta
from importlib.resources import files
from itertools import chain, count
from string import Template
from typing import NamedTuple
from zoneinfo import ZoneInfo

from campaigns.catalogue import apply_promise, platforms
from campaigns.catalogue.cache import Campaign, Catalogue, read
from campaigns.pledging.budget import fund
from campaigns.promise import toml_file
from campaigns.promise.calendar import day_in
from ledger.money import MINOR_MAX
from ops.demo.expected import Rules, Shares
from ops.demo.platform import Stage
from ops.keys import Keys
from ops.replay.secret import newest_secret
from sql import Connection

PLATFORM = "demo-platform"
_SLUG = "demo"
_TIMEZONE = ZoneInfo("Asia/Shanghai")
_BEGAN_DAYS_AGO = 14
_LASTS_DAYS = 90
_NEARLY_OVER = timedelta(hours=1)  # a run must not outlast its campaign
_BUDGET_MINOR = 1_000_000


class Set(NamedTuple):
    """All that a run needs."""

    stage: Stage
    shares: Shares
    currency: str
    secret: bytes


async def set_up(conn: Connection, keys: Keys, now: datetime) -> Set:
    """Return the campaign that runs and the platform's secret, both made where there are none."""
    catalogue = await read(conn, keys.pseudonym)
    campaign = _running(catalogue, now) or await _make(conn, catalogue, keys, now)
    if PLATFORM not in catalogue.platforms:
        await platforms.add(conn, PLATFORM, keys.webhook)
        catalogue = await read(conn, keys.pseudonym)
    secret = newest_secret(catalogue.platforms[PLATFORM], keys.webhook)
    return Set(_stage(campaign, now), _shares(campaign), campaign.promise.campaign.currency, secret)


def _running(catalogue: Catalogue, now: datetime) -> Campaign | None:
    own = [c for c in catalogue.campaigns.values() if c.slug.startswith(f"{_SLUG}-")]
    return next((c for c in reversed(own) if c.closed_at is None and _runs(c, now)), None)


def _runs(campaign: Campaign, now: datetime) -> bool:
    own = campaign.promise.campaign
    return own.starts_at <= now < own.ends_at - _NEARLY_OVER


async def _make(conn: Connection, catalogue: Catalogue, keys: Keys, now: datetime) -> Campaign:
    promise = toml_file.read(promise_text(catalogue.campaigns, now).encode())
    campaign = (await apply_promise.apply(conn, promise, now, pseudonym_key=keys.pseudonym)).campaign
    await fund(conn, campaign, _BUDGET_MINOR, "demonstration")
    return campaign


def promise_text(taken: Collection[str], now: datetime) -> str:
    """Return the promise as TOML: its dates around today, its slug one that no campaign has had."""
    first_day = day_in(now, _TIMEZONE) - timedelta(days=_BEGAN_DAYS_AGO)
    names = chain([f"{_SLUG}-{first_day}"], (f"{_SLUG}-{first_day}-{n}" for n in count(2)))
    template = Template((files("ops.demo") / "campaign.toml").read_text(encoding="utf-8"))
    return template.substitute(
        slug=next(name for name in names if name not in taken),
        starts_at=_midnight(first_day),
        ends_at=_midnight(first_day + timedelta(days=_LASTS_DAYS)),
    )


def _midnight(day: date) -> str:
    return datetime.combine(day, time(), tzinfo=_TIMEZONE).isoformat()


def _stage(campaign: Campaign, now: datetime) -> Stage:
    terms = campaign.terms_on(day_in(now, _TIMEZONE))
    own = campaign.promise.campaign
    rules = Rules(
        terms.amount_minor,
        terms.per_likes,
        terms.daily_cap_minor or MINOR_MAX,
        terms.likes_per_person_per_day or MINOR_MAX,
    )
    return Stage(own.slug, ZoneInfo(own.timezone), own.starts_at, own.late_days, rules)


def _shares(campaign: Campaign) -> Shares:
    parts = {one.charity: one.share_bp for one in campaign.versions[-1].beneficiaries}
    return Shares(parts, campaign.promise.campaign.hold_days)
