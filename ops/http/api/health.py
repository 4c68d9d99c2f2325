"""Health and metrics: `/live` says that the process runs, `/ready` that it can do its work, `/metrics` how."""

import asyncio

import asyncpg
from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from ops.http.core.app_keys import INTAKE_QUEUE, METRICS
from sql import UNAVAILABLE_ERRORS, Pool, query

POOL: web.AppKey[Pool] = web.AppKey("pool")

_PING_SECONDS_MAX = 2
_READ_CATALOGUE_VERSION = query("read_catalogue_version")


async def live(_: web.Request) -> web.Response:
    """200 as long as the process answers."""
    return web.json_response({"live": True})


async def ready(request: web.Request) -> web.Response:
    """200 when the database answers and has our schema; 503 otherwise."""
    try:
        async with asyncio.timeout(_PING_SECONDS_MAX):
            await request.app[POOL].fetchval(_READ_CATALOGUE_VERSION)
    except (*UNAVAILABLE_ERRORS, asyncpg.PostgresError):
        return web.json_response({"ready": False, "reason": "the database does not answer"}, status=503)
    return web.json_response({"ready": True})


async def metrics(request: web.Request) -> web.Response:
    """Every figure, in Prometheus's text form."""
    own = request.app[METRICS]
    own.intake_queue_likes.set(request.app[INTAKE_QUEUE].queued_likes)
    return web.Response(body=generate_latest(own.registry), headers={"Content-Type": CONTENT_TYPE_LATEST})
