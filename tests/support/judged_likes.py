"""Campaigns that are judged, and likes with signals, for tests of judging on a real database."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from campaigns.authenticity.ruleset import Ruleset, parse_ruleset
from campaigns.catalogue import cache, rulesets
from campaigns.catalogue.cache import Campaign
from promises import NOW, PSEUDONYM_KEY, record
from settlements import create_campaign
from sql import Pool

RULES = """
[ruleset]
version = {version}
reason = {{ zh = "测试", en = "A test" }}
established = {{ days = {days}, likes = {likes} }}
[[rules]]
id = "device.crowd"
family = "device"
stage = "window"
mode = "{mode}"
established = "{established}"
needs = ["device"]
numbers = {{ window_hours = 168, people_from = {people} }}
message = {{ zh = "许多账号共用一台设备。", en = "Many accounts share a device." }}
"""


class Seen(NamedTuple):
    """A like as a platform saw it."""

    person: str
    content: str
    at: datetime
    device: str | None = None


def device_file(
    version: int = 2,
    *,
    mode: str = "live",
    established: str = "case",
    people: int = 5,
    days: int = 7,
    likes: int = 12,
) -> bytes:
    """Return a file of one rule: many people of one device. The rules that ship have version 1."""
    return RULES.format(
        version=version, mode=mode, established=established, people=people, days=days, likes=likes
    ).encode()


def device_rules(version: int = 2, *, established: str = "case") -> Ruleset:
    """Return the ruleset of one rule."""
    return parse_ruleset(device_file(version, established=established))


def at(day: int, minute: int = 0) -> datetime:
    """Return a moment of a November day: so many minutes after noon in Shanghai."""
    return datetime(2026, 11, day, 4, tzinfo=UTC) + timedelta(minutes=minute)


def farm(day: int, *, people: int = 6, device: str = "farm", first: int = 0, content: str = "c") -> list[Seen]:
    """Return likes of people who share a device."""
    return [Seen(f"{device} {number}", content, at(day, number), device) for number in range(first, first + people)]


def homes(day: int, *, people: int = 6, first: int = 0, content: str = "c") -> list[Seen]:
    """Return likes of people with devices of their own."""
    return [
        Seen(f"home {number}", content, at(day, number), f"phone {number}") for number in range(first, first + people)
    ]


async def judged_campaign(pool: Pool, file: bytes, *changes: tuple[str, str]) -> Campaign:
    """Return a funded campaign whose likes the rules of a file judge."""
    return await apply_rules(pool, await create_campaign(pool, *changes), file)


async def apply_rules(pool: Pool, campaign: Campaign, file: bytes) -> Campaign:
    """Return the campaign under the rules of a file."""
    async with pool.acquire() as conn, conn.transaction():
        await cache.lock_and_bump_version(conn)
        applied = rulesets.Application(file, "ann", NOW - timedelta(days=60))
        await rulesets.store_ruleset(conn, campaign.campaign_id, campaign.slug, applied)
        return (await cache.read_campaigns(conn, PSEUDONYM_KEY))[campaign.slug]


async def record_seen(pool: Pool, campaign: Campaign, likes: Sequence[Seen], *, now: datetime = NOW) -> None:
    """Record likes with their signals as one delivery."""
    if not likes:
        return
    await record(pool, [_delivery(campaign, likes, now)], now)


def _delivery(campaign: Campaign, likes: Iterable[Seen], now: datetime) -> bytes:
    rows = [
        f'{{"action":"like","content":"{like.content}","campaign":"{campaign.slug}","person":"{like.person}",'
        f'"event_at":"{like.at.isoformat()}"'
        + (f',"signals":{{"device":"{like.device}"}}' if like.device else "")
        + "}"
        for like in likes
    ]
    return f'{{"type":"likes","timestamp":"{now.isoformat()}","data":{{"likes":[{",".join(rows)}]}}}}'.encode()


async def likes_by_state(pool: Pool) -> dict[str, int]:
    """Return the number of likes in each state."""
    rows = await pool.fetch("SELECT state::text, count(*) FROM likes GROUP BY 1 ORDER BY 1")
    return {row["state"]: row["count"] for row in rows}


async def verdict_rows(pool: Pool) -> list[tuple[object, ...]]:
    """Return what decides about money of each verdict, sorted."""
    rows = await pool.fetch(
        "SELECT content, encode(person, 'hex'), verdict::text, families, rules, ruleset FROM verdicts ORDER BY 1, 2"
    )
    return [tuple(row) for row in rows]


async def open_cases(pool: Pool) -> list[tuple[object, ...]]:
    """Return rule, whether its likes count, whether it is a breaker, and the likes of each open case."""
    rows = await pool.fetch(
        "SELECT rule, is_counting, is_breaker, count(*) FROM cases JOIN case_likes USING (case_id)"
        " WHERE closed_at IS NULL GROUP BY case_id ORDER BY 1, 2, 3, 4"
    )
    return [tuple(row) for row in rows]
