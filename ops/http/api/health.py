"""`/live` while the process runs, `/ready` while it can work, `/metrics` for Prometheus."""

import asyncio

import asyncpg
from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from ledger.publication.signing_guard import SigningGuard
from ops.http.core.app_keys import INTAKE_QUEUE, METRICS
from ops.http.openapi import schemas
from ops.http.openapi.endpoint import TEXT, Endpoint
from ops.i18n.refusals import refusal_text
from sql import UNAVAILABLE_ERRORS, Pool, query

POOL: web.AppKey[Pool] = web.AppKey("pool")
GUARD: web.AppKey[SigningGuard | None] = web.AppKey("guard")

_PING_SECONDS_MAX = 2
_READ_CATALOGUE_VERSION = query("read_catalogue_version")


async def live(_: web.Request) -> web.Response:
    """Return 200 as long as the process responds."""
    return web.json_response({"live": True})


async def ready(request: web.Request) -> web.Response:
    """Return 200 if the database responds with our schema and every signed leaf, otherwise 503."""
    try:
        async with asyncio.timeout(_PING_SECONDS_MAX):
            await request.app[POOL].fetchval(_READ_CATALOGUE_VERSION)
    except (*UNAVAILABLE_ERRORS, asyncpg.PostgresError):
        return web.json_response({"ready": False, "reason": "the database does not respond"}, status=503)
    guard = request.app[GUARD]
    if guard is not None and guard.refusal is not None:
        reason = {"code": guard.refusal.code, "reason": refusal_text(guard.refusal, "en")}
        return web.json_response({"ready": False, **reason}, status=503)
    return web.json_response({"ready": True})


async def metrics(request: web.Request) -> web.Response:
    """Return every metric in Prometheus's text format."""
    service_metrics = request.app[METRICS]
    service_metrics.intake_queue_likes.set(request.app[INTAKE_QUEUE].queued_likes)
    return web.Response(body=generate_latest(service_metrics.registry), headers={"Content-Type": CONTENT_TYPE_LATEST})


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
    Endpoint("/metrics", metrics, "health", "Metrics for Prometheus", content_type=TEXT),
)
