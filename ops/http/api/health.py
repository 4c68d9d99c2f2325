"""`/live` while the process runs, `/ready` while it can work."""

import asyncio

import asyncpg
from aiohttp import web

from ops.http.openapi import schemas
from ops.http.openapi.endpoint import Endpoint
from sql import UNAVAILABLE_ERRORS, Pool, query

POOL: web.AppKey[Pool] = web.AppKey("pool")

_PING_SECONDS_MAX = 2
_READ_CATALOGUE_VERSION = query("read_catalogue_version")


async def live(_: web.Request) -> web.Response:
    """Return 200 as long as the process responds."""
    return web.json_response({"live": True})


async def ready(request: web.Request) -> web.Response:
    """Return 200 if the database responds and has our schema, otherwise 503."""
    try:
        async with asyncio.timeout(_PING_SECONDS_MAX):
            await request.app[POOL].fetchval(_READ_CATALOGUE_VERSION)
    except (*UNAVAILABLE_ERRORS, asyncpg.PostgresError):
        return web.json_response({"ready": False, "reason": "the database does not respond"}, status=503)
    return web.json_response({"ready": True})


ENDPOINTS = (
    Endpoint("/live", live, "health", "Whether the process responds", schemas.Live, example=lambda: {"live": True}),
    Endpoint(
        "/ready",
        ready,
        "health",
        "Whether the service can work; 503 while it cannot",
        schemas.Ready,
        example=lambda: {"ready": True},
    ),
)
