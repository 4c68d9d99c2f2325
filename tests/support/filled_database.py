"""A database with rows of every kind."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import proposal_pairs
from campaigns.authenticity.ruleset import default_file
from campaigns.catalogue import apply_promise, cache, content_uploads, pauses, rulesets
from campaigns.catalogue.cache import Campaign
from campaigns.pledging import budget
from campaigns.pledging.pledge import run_tick
from ledger import http_client
from ledger.log.cosignature import parse_witness_key
from ledger.log.note import format_verifier_key
from ledger.publication import sequencer, witness_client
from ledger.publication.witnesses import request_cosignature
from ops import database
from promises import PSEUDONYM_KEY, promise, record
from running_service import KEYS, LOG
from settlements import settle_and_pay
from sql import Pool
from witness import running_witness

NOW = datetime(2026, 11, 10, 4, tzinfo=UTC)  # noon in Shanghai
DAILY_LIMIT_CHANGE = ("daily_cap_minor = 500", "likes_per_person_per_day = 2")
RATE_CHANGE = ("rate = { amount_minor = 1, per_likes = 3 }", "rate = { amount_minor = 5, per_likes = 7 }")
CLOSED_CAMPAIGN_CHANGES = ('slug = "rural-education"', 'slug = "closed"'), ("floor_minor = 0", "floor_minor = 50")


def like_json(
    person: str, content: str, minute: int, *, action: str = "like", day: int = 3, **members: Any
) -> dict[str, Any]:
    return {
        "action": action,
        "content": content,
        "person": person,
        "campaign": "rural-education",
        "event_at": f"2026-11-{day:02}T04:{minute:02}:00Z",
        **members,
    }


def delivery_body(*likes: dict[str, Any]) -> bytes:
    return json.dumps({"type": "likes", "timestamp": "2026-11-10T04:00:00Z", "data": {"likes": likes}}).encode()


FIRST_DAYS = [
    delivery_body(
        *(like_json("ann", f"c{n}", n) for n in range(5)), like_json("ben", "c0", 1), like_json("ben", "c0", 1)
    ),
    delivery_body(
        like_json("ann", "c1", 9, action="unlike"), like_json("cid", "c1", 9, action="unlike")
    ),  # a later like takes the free place of the limit
    delivery_body(
        like_json("ann", "c0", 1, day=9), {**like_json("eve", "c0", 1), "event_at": "2026-10-01T00:00:00Z"}
    ),  # not running
    delivery_body(*(like_json(f"p{n}", "c9", 1, day=8) for n in range(100))),
]
UNLIKES = delivery_body(*(like_json(f"p{n}", "c9", 2, day=8, action="unlike") for n in range(30)))
LAST_DELIVERIES = [
    delivery_body(like_json("fay", "c0", 1, day=9)),
    delivery_body(like_json("ann", "c0", 3, action="unlike"), like_json("ann", "c1", 30)),
    delivery_body(like_json("dan", "c1", 1, signals={"account_age_days": 0, "watch_ms": 0})),  # suspect
]


async def fill_database(dsn: str) -> None:
    """Fill a fresh database as a service does: promise, fund, count, pledge, settle, close."""
    async with database.open_pool(dsn, 2) as pool:
        campaign = await give_promise(pool, NOW - timedelta(days=9), DAILY_LIMIT_CHANGE)
        campaign = await give_promise(pool, NOW - timedelta(days=4), RATE_CHANGE)
        await fund_campaign(pool, campaign, 1_000)
        await record(pool, FIRST_DAYS, NOW)
        await run_tick(pool, campaign)
        await record(pool, [UNLIKES], NOW)
        await run_tick(pool, campaign)
        await settle_and_pay(pool, campaign, NOW + timedelta(days=6))
        await record(pool, [delivery_body(*(like_json(f"q{n}", "c8", 1, day=9) for n in range(60)))], NOW)
        await run_tick(pool, campaign)
        await sequencer.create_log(pool, LOG, NOW)
        await sequencer.sequence_leaves(pool, LOG, NOW)
        await cosign_checkpoint(pool)
        await close_another_campaign(pool)
        await enrol_and_pause(pool, campaign, ["z"])
        await proposal_pairs.create_proposals(pool, campaign.slug, KEYS)
        await apply_shipped_rules(pool, campaign)
        async with pool.acquire() as conn:
            await sequencer.append_leaves(conn, NOW)
        await fund_campaign(pool, campaign, 1)  # its leaf stays in the queue
        await record(pool, LAST_DELIVERIES, NOW)  # stays unpledged


async def give_promise(pool: Pool, now: datetime, *changes: tuple[str, str]) -> Campaign:
    async with pool.acquire() as conn, conn.transaction():
        return (await apply_promise.apply_promise(conn, promise(*changes), now, pseudonym_key=PSEUDONYM_KEY)).campaign


async def apply_shipped_rules(pool: Pool, campaign: Campaign) -> None:
    """Make the rules that ship live, after all settlements."""
    async with pool.acquire() as conn, conn.transaction():
        await cache.lock_and_bump_version(conn)
        shipped = rulesets.Application(default_file(), rulesets.SHIPPED_BY, NOW + timedelta(days=7))
        await rulesets.store_ruleset(conn, campaign.campaign_id, campaign.slug, shipped)


async def fund_campaign(pool: Pool, campaign: Campaign, amount_minor: int) -> None:
    async with pool.acquire() as conn, conn.transaction():
        await budget.fund_budget(conn, campaign, amount_minor, f"sponsor's transfer of {amount_minor}")


async def cosign_checkpoint(pool: Pool) -> None:
    """Let a witness cosign the newest checkpoint."""
    async with (
        running_witness(format_verifier_key(LOG.verifier_key)) as running,
        http_client.create_session() as http,
    ):
        witness = witness_client.Witness(parse_witness_key(running.vkey), running.url)
        assert await request_cosignature(pool, http, witness, lambda: NOW)


async def enrol_and_pause(pool: Pool, campaign: Campaign, contents: list[str]) -> None:
    """Enrol content by a file and pause it."""
    async with pool.acquire() as conn, conn.transaction():
        plan = await content_uploads.plan_upload(conn, campaign, "enrol", contents, b"")
        upload_id = await content_uploads.create_upload(conn, campaign, "enrol", plan, "ann", NOW)
        assert await content_uploads.process_chunk(conn, upload_id, PSEUDONYM_KEY, NOW)
        assert await pauses.pause_contents(conn, campaign, contents, NOW) == contents


async def close_another_campaign(pool: Pool) -> None:
    """Close a campaign that earned less than its floor."""
    campaign = await give_promise(pool, NOW, *CLOSED_CAMPAIGN_CHANGES)
    await fund_campaign(pool, campaign, 80)
    await record(pool, [delivery_body({**like_json("gus", "c0", 1), "campaign": "closed"})], NOW)
    async with pool.acquire() as conn, conn.transaction():
        await budget.close_campaign(conn, campaign, NOW)
