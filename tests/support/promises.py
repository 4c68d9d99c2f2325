"""A promise for tests as TOML, with values replaced, and likes recorded under it."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from zoneinfo import ZoneInfo

import asyncpg

import sql
from campaigns.catalogue import cache, platforms
from campaigns.catalogue.cache import Campaign
from campaigns.intake import payload
from campaigns.intake.group_commit import Submission, commit_group, prepare_group
from campaigns.promise import toml_file
from campaigns.promise.calendar import Calendar
from campaigns.promise.model import Promise, engine_terms, immutable_part

PSEUDONYM_KEY, WEBHOOK_KEY = bytes(32), bytes(range(32))
SLUG = "rural-education"
NOW = datetime(2026, 11, 10, 4, tzinfo=UTC)  # noon in Shanghai, on the tenth day

PROMISE = """
[campaign]
slug = "rural-education"
title = { zh = "乡村教育", en = "Rural Education" }
sponsor = "Example Foundation"
currency = "CNY"
timezone = "Asia/Shanghai"
starts_at = 2026-11-01T00:00:00+08:00
ends_at = 2026-12-01T00:00:00+08:00
late_days = 36500
content = "open"
floor_minor = 0

[authenticity]
rules = "none"

[terms]
rate = { amount_minor = 1, per_likes = 3 }
daily_cap_minor = 500
[[terms.beneficiaries]]
charity = "village-schools"
name = { zh = "乡村小学", en = "Village Schools" }
share_bp = 7000
account = { scheme = "other", id = "6222020200112233445" }
[[terms.beneficiaries]]
charity = "mobile-libraries"
name = { zh = "流动图书馆", en = "Mobile Libraries" }
share_bp = 3000
account = { iban = "GB82WEST12345698765432" }
"""


def promise_toml(*changes: tuple[str, str]) -> str:
    """Return the promise with the first occurrence of each text replaced by another."""
    toml = PROMISE
    for old, new in changes:
        assert old in toml, f"the promise does not contain {old!r}"
        toml = toml.replace(old, new, 1)
    return toml


def span_around(now: datetime) -> tuple[tuple[str, str], tuple[str, str]]:
    """Return the changes for a promise from a month before `now` until a month after it."""
    today = now.astimezone(ZoneInfo("Asia/Shanghai")).date()
    first, end = today - timedelta(days=30), today + timedelta(days=30)
    return ("starts_at = 2026-11-01", f"starts_at = {first}"), ("ends_at = 2026-12-01", f"ends_at = {end}")


def promise(*changes: tuple[str, str]) -> Promise:
    """Return the promise as an object."""
    return toml_file.parse_promise(promise_toml(*changes).encode())


def campaign(*promises: Promise, from_days: Sequence[date] = (), closed_at: datetime | None = None) -> Campaign:
    """Return a campaign without a database; each promise is a version of its terms."""
    rules = promises[0].campaign
    calendar = Calendar.from_bounds(rules.starts_at, rules.ends_at, ZoneInfo(rules.timezone))
    days = [calendar.days[0], *from_days]
    versions = [p.terms for p in promises]
    terms = [engine_terms(v, n, day) for n, (v, day) in enumerate(zip(versions, days, strict=True), 1)]
    return Campaign(1, immutable_part(promises[0]), versions, terms, closed_at, calendar, bytes(32), bytes(32))


def likes_body(count: int, *, day: int = 9, first: int = 0, campaign: str | None = SLUG, content: str = "c") -> bytes:
    """Return a delivery of likes by different people, at noon of a November day in Shanghai."""
    named = f'"campaign":"{campaign}",' if campaign else ""
    likes = [
        f'{{"action":"like","content":"{content}",{named}"person":"{n}","event_at":"2026-11-{day:02}T04:00:00Z"}}'
        for n in range(first, first + count)
    ]
    return f'{{"type":"likes","timestamp":"2026-11-09T04:00:00Z","data":{{"likes":[{",".join(likes)}]}}}}'.encode()


async def ensure_platform(pool: sql.Pool) -> cache.Platform:
    """Return the platform that the likes come from, added if it is missing."""
    async with pool.acquire() as conn, conn.transaction():
        if "video" not in await cache.read_platforms(conn):
            await platforms.add_platform(conn, "video", WEBHOOK_KEY)
        return (await cache.read_platforms(conn))["video"]


def submission(sender: cache.Platform, body: bytes) -> Submission:
    """Return a delivery as intake receives it; its id is the hash of its body."""
    digest = sha256(body)
    return Submission(sender, digest.hexdigest(), digest.digest(), payload.parse_body(body))


async def record(pool: sql.Pool, bodies: Sequence[bytes], now: datetime = NOW) -> dict[str, int]:
    """Record deliveries, each in a transaction; return the number of likes by outcome."""
    sender, outcomes = await ensure_platform(pool), dict[str, int]()
    async with pool.acquire() as conn:
        catalogue = await cache.load_catalogue(conn, PSEUDONYM_KEY)
        for body in bodies:
            committed = await commit_group(conn, prepare_group(catalogue, [submission(sender, body)], now))
            for outcome, number in committed.outcomes.items():
                outcomes[outcome.value] = outcomes.get(outcome.value, 0) + number
    return outcomes


async def fetch_rows(pool: sql.Pool, statement: str) -> list[asyncpg.Record]:
    """Return the rows of a statement."""
    async with pool.acquire() as conn:
        return await conn.fetch(statement)
