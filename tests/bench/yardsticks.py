"""The yardsticks: three aiohttp servers with minimal versions of the work, each a process.

naive      verifies the signature; one INSERT and one UPDATE of a counter a like, in a transaction
signature  verifies the signature and answers
json       answers constant totals

python -m tests.bench.yardsticks NAME SECRET [DSN]      prints its port
"""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from datetime import datetime

import asyncpg
from aiohttp import web

from campaigns.catalogue.pseudonyms import campaign_key, pseudonymiser
from campaigns.intake.signature import VerificationKey, verify_delivery
from ops.clock import utc_now

CONNECTIONS_MAX = 32
NAIVE_COUNTER = "CREATE TABLE naive_counter (campaign_id integer PRIMARY KEY, counted bigint NOT NULL)"
_INSERT = """
    INSERT INTO likes (batch_id, event_at, campaign_id, day, position, state, bucket, person, content)
    VALUES (1, $1, 1, $2, 0, 'counted', 0, $3, $4) ON CONFLICT DO NOTHING
"""
_COUNT = "UPDATE naive_counter SET counted = counted + 1 WHERE campaign_id = 1"
_TOTALS = {
    "campaign": "crowd",
    "currency": "CNY",
    "as_of": "2026-11-23T08:00:00.000Z",
    "terms_version": 1,
    "likes": {"counted": 22629, "duplicate": 262, "withdrawn": 0, "quarantined": 0, "void": 0, "over_limit": 739},
    "people": 456,
    "money": {
        name: {"minor": 700000, "text": "7000.00"}
        for name in ("funded", "pledged", "settled", "in_flight", "paid", "remaining")
    },
    "budget_reached": False,
    "checkpoint": {"size": 42, "root": "n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg="},
}
POOL = web.AppKey("pool", asyncpg.Pool)
KEYS = web.AppKey("keys", list[VerificationKey])
_PSEUDONYM = pseudonymiser(campaign_key(bytes(32), "crowd"), "bench")


async def _read_verified(request: web.Request) -> bytes | None:
    body, keys = await request.read(), request.app[KEYS]
    return body if verify_delivery(request.headers, body, keys, utc_now()) else None


async def naive(request: web.Request) -> web.Response:
    """Record one like."""
    body = await _read_verified(request)
    if body is None:
        return web.Response(status=401)
    [like] = json.loads(body)["data"]["likes"]
    event_at = datetime.fromisoformat(like["event_at"])
    async with request.app[POOL].acquire() as conn, conn.transaction():
        status = await conn.execute(_INSERT, event_at, event_at.date(), _PSEUDONYM(like["person"]), like["content"])
        if status == "INSERT 0 1":
            await conn.execute(_COUNT)
    return web.json_response({"outcomes": {"counted" if status == "INSERT 0 1" else "duplicate": 1}})


async def signature(request: web.Request) -> web.Response:
    """Verify and answer."""
    body = await _read_verified(request)
    return web.Response(status=401) if body is None else web.json_response({"received": 1})


async def totals(_: web.Request) -> web.Response:
    """Answer with constant totals."""
    return web.json_response(_TOTALS)


async def _pool(app: web.Application) -> AsyncIterator[None]:
    async with asyncpg.create_pool(sys.argv[3], min_size=1, max_size=CONNECTIONS_MAX) as pool:
        await pool.execute("INSERT INTO naive_counter VALUES (1, 0) ON CONFLICT DO NOTHING")
        app[POOL] = pool
        yield


async def main() -> None:
    """Serve until terminated."""
    app = web.Application()
    app[KEYS] = [VerificationKey("v1", bytes.fromhex(sys.argv[2]))]
    app.add_routes([web.post("/naive", naive), web.post("/signature", signature), web.get("/json", totals)])
    if sys.argv[1] == "naive":
        app.cleanup_ctx.append(_pool)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(json.dumps({"port": runner.addresses[0][1]}), flush=True)  # noqa: T201 - read by the parent
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
