"""A promise for tests, as TOML, with values of it changed; and likes under it, recorded as intake does."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from zoneinfo import ZoneInfo

import asyncpg

import sql
from campaigns.catalogue import cache, platforms
from campaigns.catalogue.cache import Campaign
from campaigns.intake import payload
from campaigns.intake.group_commit import Submission, commit_group
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
    """Return the promise with the first place of each text replaced by another."""
    made = PROMISE
    for old, new in changes:
        assert old in made, f"{old!r} does not stand in the promise"
        made = made.replace(old, new, 1)
    return made


def span_around(now: datetime) -> tuple[tuple[str, str], tuple[str, str]]:
    """Return the changes that make the promise run from a month before `now` until a month after it."""
    today = now.astimezone(ZoneInfo("Asia/Shanghai")).date()
    first, end = today - timedelta(days=30), today + timedelta(days=30)
    return ("starts_at = 2026-11-01", f"starts_at = {first}"), ("ends_at = 2026-12-01", f"ends_at = {end}")


def promise(*changes: tuple[str, str]) -> Promise:
    """Return the promise as an object."""
    return toml_file.parse_promise(promise_toml(*changes).encode())


def campaign(*promises: Promise, from_days: Sequence[date] = (), closed_at: datetime | None = None) -> Campaign:
    """Return the campaign as the catalogue has it, without a database: its promise and each version of its terms."""
    own = promises[0].campaign
    calendar = Calendar.from_bounds(own.starts_at, own.ends_at, ZoneInfo(own.timezone))
    days = [calendar.days[0], *from_days]
    versions = [p.terms for p in promises]
    terms = [engine_terms(v, n, day) for n, (v, day) in enumerate(zip(versions, days, strict=True), 1)]
    return Campaign(1, immutable_part(promises[0]), versions, terms, closed_at, calendar, bytes(32))


def likes_body(count: int, *, day: int = 9, first: int = 0, campaign: str | None = SLUG, content: str = "c") -> bytes:
    """Return a delivery of likes of one content by different people, at noon of a day of November in Shanghai."""
    own = f'"campaign":"{campaign}",' if campaign else ""
    each = [
        f'{{"action":"like","content":"{content}",{own}"person":"{n}","event_at":"2026-11-{day:02}T04:00:00Z"}}'
        for n in range(first, first + count)
    ]
    return f'{{"type":"likes","timestamp":"2026-11-09T04:00:00Z","data":{{"likes":[{",".join(each)}]}}}}'.encode()


async def ensure_platform(pool: sql.Pool) -> cache.Platform:
    """Return the platform that the likes come from, added if it is not there."""
    async with pool.acquire() as conn:
        found = (await cache.load_catalogue(conn, PSEUDONYM_KEY)).platforms.get("video")
        if found is not None:
            return found
        async with conn.transaction():
            await platforms.add_platform(conn, "video", WEBHOOK_KEY)
    return await ensure_platform(pool)


def submission(sender: cache.Platform, body: bytes) -> Submission:
    """Return a delivery as intake gets it; its id comes from its body."""
    digest = sha256(body)
    return Submission(sender, digest.hexdigest(), digest.digest(), payload.parse_body(body))


async def record(pool: sql.Pool, bodies: Sequence[bytes], now: datetime = NOW) -> dict[str, int]:
    """Record deliveries, each in a transaction; return how many likes came to which outcome."""
    sender, outcomes = await ensure_platform(pool), dict[str, int]()
    async with pool.acquire() as conn:
        known = await cache.load_catalogue(conn, PSEUDONYM_KEY)
        for body in bodies:
            committed = await commit_group(conn, known, [submission(sender, body)], now)
            for outcome, number in committed.outcomes.items():
                outcomes[outcome.value] = outcomes.get(outcome.value, 0) + number
    return outcomes


async def fetch_rows(pool: sql.Pool, statement: str) -> list[asyncpg.Record]:
    """Return what a statement finds."""
    async with pool.acquire() as conn:
        return await conn.fetch(statement)
