"""A database in use, for whoever looks at all of it: counted, settled, logged, cosigned, closed, decided."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pairs
from campaigns.catalogue import apply_promise, content_uploads, pauses
from campaigns.catalogue.cache import Campaign
from campaigns.pledging import budget
from campaigns.pledging.pledge import tick
from ledger import http_client
from ledger.log.cosignature import parse_witness_key
from ledger.log.note import format_verifier_key
from ledger.publication import sequencer, witness_client
from ledger.publication.witnesses import ask
from ops import database
from promises import PSEUDONYM_KEY, promise, record
from serving import KEYS, LOG
from settlements import paid_out
from sql import Pool
from witness import witnessing

NOW = datetime(2026, 11, 10, 4, tzinfo=UTC)  # noon in Shanghai
LIMITED = ("daily_cap_minor = 500", "likes_per_person_per_day = 2")
CHANGED = ("rate = { amount_minor = 1, per_likes = 3 }", "rate = { amount_minor = 5, per_likes = 7 }")
CLOSED = ('slug = "rural-education"', 'slug = "closed"'), ("floor_minor = 0", "floor_minor = 50")


def a_like(
    person: str, content: str, minute: int, *, action: str = "like", day: int = 3, **more: Any
) -> dict[str, Any]:
    return {
        "action": action,
        "content": content,
        "person": person,
        "campaign": "rural-education",
        "event_at": f"2026-11-{day:02}T04:{minute:02}:00Z",
        **more,
    }


def body(*likes: dict[str, Any]) -> bytes:
    return json.dumps({"type": "likes", "timestamp": "2026-11-10T04:00:00Z", "data": {"likes": likes}}).encode()


FIRST_DAYS = [
    body(*(a_like("ann", f"c{n}", n) for n in range(5)), a_like("ben", "c0", 1), a_like("ben", "c0", 1)),
    body(a_like("ann", "c1", 9, action="unlike"), a_like("cid", "c1", 9, action="unlike")),  # one moves up
    body(a_like("dan", "c1", 1, signals={"account_age_days": 0, "watch_ms": 0})),  # suspect
    body(
        a_like("ann", "c0", 1, day=9), {**a_like("eve", "c0", 1), "event_at": "2026-10-01T00:00:00Z"}
    ),  # not running
    body(*(a_like(f"p{n}", "c9", 1, day=8) for n in range(100))),
]
UNLIKED = body(*(a_like(f"p{n}", "c9", 2, day=8, action="unlike") for n in range(30)))
LAST = [body(a_like("fay", "c0", 1, day=9)), body(a_like("ann", "c0", 3, action="unlike"), a_like("ann", "c1", 30))]


async def fill(dsn: str) -> None:
    """Do with a fresh database what a service does: promise, fund, count, pledge, take back, settle, close."""
    async with database.pool(dsn, 2) as pool:
        campaign = await promised(pool, NOW - timedelta(days=9), LIMITED)
        campaign = await promised(pool, NOW - timedelta(days=4), CHANGED)
        await funded(pool, campaign, 1_000)
        await record(pool, FIRST_DAYS, NOW)
        await tick(pool, campaign)
        await record(pool, [UNLIKED], NOW)
        await tick(pool, campaign)
        await paid_out(pool, campaign, NOW + timedelta(days=6))
        await record(pool, [body(*(a_like(f"q{n}", "c8", 1, day=9) for n in range(60)))], NOW)
        await tick(pool, campaign)
        await sequencer.make_log(pool, LOG, NOW)
        await sequencer.sequence(pool, LOG, NOW)
        await cosigned(pool)
        await close_another(pool)
        await enrolled(pool, campaign, ["z"])
        await pairs.decided(pool, campaign.slug, KEYS)
        async with pool.acquire() as conn:
            await sequencer.extend(conn, NOW)
        await funded(pool, campaign, 1)  # a leaf that waits
        await record(pool, LAST, NOW)  # waits to be folded


async def promised(pool: Pool, now: datetime, *changes: tuple[str, str]) -> Campaign:
    async with pool.acquire() as conn, conn.transaction():
        return (await apply_promise.apply(conn, promise(*changes), now, pseudonym_key=PSEUDONYM_KEY)).campaign


async def funded(pool: Pool, campaign: Campaign, amount_minor: int) -> None:
    async with pool.acquire() as conn, conn.transaction():
        await budget.fund(conn, campaign, amount_minor, f"sponsor's transfer of {amount_minor}")


async def cosigned(pool: Pool) -> None:
    """Have a witness cosign the newest checkpoint."""
    async with witnessing(format_verifier_key(LOG.verifier_key)) as own, http_client.session() as http:
        asked = witness_client.Witness(parse_witness_key(own.vkey), own.url)
        assert await ask(pool, http, asked, lambda: NOW)


async def enrolled(pool: Pool, campaign: Campaign, contents: list[str]) -> None:
    """Enrol content as a file, and pause it."""
    async with pool.acquire() as conn, conn.transaction():
        wanted = await content_uploads.prospect(conn, campaign, "enrol", contents, b"")
        upload_id = await content_uploads.begin(conn, campaign, "enrol", wanted, "ann", NOW)
        assert await content_uploads.step(conn, upload_id, PSEUDONYM_KEY, NOW)
        assert await pauses.pause(conn, campaign, contents, NOW) == contents


async def close_another(pool: Pool) -> None:
    """Close a campaign whose likes earned less than its floor."""
    campaign = await promised(pool, NOW, *CLOSED)
    await funded(pool, campaign, 80)
    await record(pool, [body({**a_like("gus", "c0", 1), "campaign": "closed"})], NOW)
    async with pool.acquire() as conn, conn.transaction():
        await budget.close(conn, campaign, NOW)
