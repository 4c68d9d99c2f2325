"""A running service for tests: in this process, on a free port, with a platform and a campaign."""

import io
import json
import tomllib
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import asyncpg
from standardwebhooks.webhooks import Webhook

from campaigns.catalogue import apply_promise, cache, platforms
from campaigns.pledging import budget
from campaigns.promise.model import Promise
from ledger.log.note import make_signer
from ledger.publication import sequencer
from ops import app
from ops.admin.core.command import CommandServices
from ops.clock import utc_now
from ops.jobs import Jobs
from ops.keys import Keys
from ops.settings import Settings

LOG_SEED = b"l" * 32
LOG = make_signer("ledger.example.org/log", LOG_SEED)
KEYS = Keys(pseudonym=b"p" * 32, webhook=b"w" * 32, log=LOG)
SLUG = "rural-education"
DAY = datetime(2022, 4, 10, 4, tzinfo=UTC)  # noon in Shanghai, inside the campaign

PROMISE = """
[campaign]
slug = "rural-education"
title = { zh = "乡村教育支持计划", en = "Rural Education Support" }
sponsor = "Example Platform Foundation"
currency = "CNY"
timezone = "Asia/Shanghai"
starts_at = 2022-04-08T00:00:00+08:00
ends_at = 2022-04-22T00:00:00+08:00
late_days = 36500
content = "open"
[terms]
rate = { amount_minor = 1, per_likes = 3 }
[[terms.beneficiaries]]
charity = "village-schools"
name = { zh = "乡村小学基金", en = "Village Schools Fund" }
share_bp = 7000
account = { scheme = "other", id = "6222020200112233445" }
[[terms.beneficiaries]]
charity = "mobile-libraries"
name = { zh = "流动图书馆", en = "Mobile Libraries" }
share_bp = 3000
account = { scheme = "other", id = "6222020200112233446" }
[settlement]
automatic = false
[authenticity]
rules = "none"
"""


def promise(
    campaign: Mapping[str, Any] | None = None, terms: Mapping[str, Any] | None = None, rules: str = "none"
) -> Promise:
    """Return the contract's promise without limit and daily cap, with these changes."""
    parts = tomllib.loads(PROMISE)
    parts["campaign"] |= campaign or {}
    parts["terms"] |= terms or {}
    parts["authenticity"]["rules"] = rules
    return Promise.model_validate(parts)


def next_year(now: datetime) -> dict[str, datetime]:
    """Return start and end of the promise, moved to the year after `now`."""
    campaign = promise().campaign
    return {name: getattr(campaign, name).replace(year=now.year + 1) for name in ("starts_at", "ends_at")}


def like(
    person: str, content: str = "3431182", action: str = "like", at: datetime = DAY, **members: Any
) -> dict[str, Any]:
    """Return a like as a platform sends it."""
    event_at = at.isoformat().replace("+00:00", "Z")
    return {"action": action, "content": content, "person": person, "event_at": event_at, "campaign": SLUG, **members}


def environment(dsn: str) -> dict[str, str]:
    """Return the environment of a service process for a database."""
    return {
        "LIKE_LEDGER_DATABASE_URL": dsn,
        "LIKE_LEDGER_PSEUDONYM_KEY": KEYS.pseudonym.hex(),
        "LIKE_LEDGER_WEBHOOK_KEY": KEYS.webhook.hex(),
        "LIKE_LEDGER_LOG_KEY": LOG_SEED.hex(),
        "LIKE_LEDGER_LOG_ORIGIN": LOG.name,
    }


@dataclass
class HttpResponse:
    """A response that was read."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def outcomes(self) -> dict[str, int]:
        assert self.status == 200, self.body
        return dict(self.json["outcomes"])


@dataclass
class RunningService:
    """A service, and a client for its platform."""

    url: str
    service: app.Service
    http: aiohttp.ClientSession
    secret: str
    platform: str = "kuai"
    sent_count: int = field(default=0)

    def delivery_body(self, likes: Sequence[Mapping[str, Any]]) -> str:
        return json.dumps({"type": "likes", "timestamp": "2026-11-23T08:00:00Z", "data": {"likes": list(likes)}})

    def sign_headers(self, webhook_id: str, body: str, now: datetime | None = None) -> dict[str, str]:
        """Return the headers that the reference library of Standard Webhooks makes."""
        moment = now or utc_now()
        return {
            "webhook-id": webhook_id,
            "webhook-timestamp": str(int(moment.timestamp())),
            "webhook-signature": Webhook(self.secret).sign(webhook_id, moment, body),
            "Content-Type": "application/json",
        }

    async def send(self, likes: Sequence[Mapping[str, Any]], webhook_id: str = "", results: str = "") -> HttpResponse:
        self.sent_count += 1
        body = self.delivery_body(likes)
        headers = self.sign_headers(webhook_id or f"msg_{self.sent_count}", body)
        return await self.post(body.encode(), headers, f"?results={results}" if results else "")

    async def post(
        self, body: bytes, headers: Mapping[str, str], query: str = "", platform: str = ""
    ) -> HttpResponse:
        url = f"{self.url}/v1/platforms/{platform or self.platform}/likes{query}"
        async with self.http.post(url, data=io.BytesIO(body), headers=headers) as response:
            return HttpResponse(response.status, response.headers, await response.read())

    async def get(self, path: str, **headers: str) -> HttpResponse:
        async with self.http.get(self.url + path, headers=headers) as response:
            return HttpResponse(response.status, response.headers, await response.read())

    async def tick(self) -> None:
        service = self.service
        services = CommandServices(service.pool, replace(service.keys, log=None), service.settings)
        await Jobs(service.pool, service.catalogue_cache, service.metrics, services).tick()

    async def sequence(self) -> None:
        """Tick, then append everything to the public log."""
        await self.tick()
        await sequencer.sequence_leaves(self.service.pool, LOG, utc_now())

    async def day_counts(self) -> dict[str, int]:
        """Tick, then return the number of likes by state, over all days."""
        await self.tick()
        rows = await self.service.pool.fetch("SELECT * FROM day_counts")
        names = ("counted", "withdrawn", "quarantined", "void", "over_limit", "low_quality", "duplicate")
        return {name: sum(row[name] for row in rows) for name in names if sum(row[name] for row in rows)}

    async def pledged_minor(self) -> int:
        await self.tick()
        return int(await self.service.pool.fetchval("SELECT balance_minor FROM accounts WHERE kind = 'pledged'"))


async def create_funded_campaign(pool: asyncpg.Pool, campaign_promise: Promise, funded_minor: int = 700_000) -> None:
    """Create a campaign and fund it."""
    now = campaign_promise.campaign.starts_at - timedelta(days=1)
    async with pool.acquire() as conn, conn.transaction():
        await apply_promise.apply_promise(conn, campaign_promise, now, pseudonym_key=KEYS.pseudonym)
    if funded_minor:
        async with pool.acquire() as conn, conn.transaction():
            catalogue = await cache.read_catalogue(conn, KEYS.pseudonym)
            campaign = catalogue.campaigns[campaign_promise.campaign.slug]
            await budget.fund_budget(conn, campaign, funded_minor, "first")


@asynccontextmanager
async def running_service(
    dsn: str, campaign_promise: Promise | None = None, funded_minor: int = 700_000, **settings: Any
) -> AsyncIterator[RunningService]:
    """Yield a service on a migrated database; its jobs run hourly, so tests tick by hand."""
    hourly = {"tick_seconds": 3600, "sequence_seconds": 3600, "check_seconds": 3600}
    service_settings = Settings(**{"port": 0, **hourly, **settings})
    async with (
        app.run_service(service_settings, KEYS, dsn) as service,
        app.serve_http(service) as url,
        aiohttp.ClientSession() as http,
    ):
        await create_funded_campaign(service.pool, campaign_promise or promise(), funded_minor)
        async with service.pool.acquire() as conn, conn.transaction():
            secret = await platforms.add_platform(conn, "kuai", KEYS.webhook)
        yield RunningService(url, service, http, secret)
