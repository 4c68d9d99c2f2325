"""`/live` while the process runs, `/ready` while it can write."""

from aiohttp import web

from ledger.publication.signing_guard import SigningGuard
from ops.http.core.app_keys import METRICS
from ops.http.core.problems import RETRY_AFTER_SECONDS
from ops.http.openapi import schemas
from ops.http.openapi.endpoint import Endpoint
from ops.i18n.refusals import refusal_text
from ops.readiness import Fault, WriteProbe

WRITE_PROBE: web.AppKey[WriteProbe] = web.AppKey("write_probe")
GUARD: web.AppKey[SigningGuard | None] = web.AppKey("guard")


async def live(_: web.Request) -> web.Response:
    """Return 200 as long as the process responds."""
    return web.json_response({"live": True})


async def ready(request: web.Request) -> web.Response:
    """Return 200 if the database can write and has our schema and every signed leaf, otherwise 503 and why."""
    fault = await request.app[WRITE_PROBE].find_fault() or _recent_fault(request) or _signing_fault(request)
    if fault is None:
        return web.json_response({"ready": True})
    body = {"ready": False, "code": fault.code, "reason": fault.reason}
    return web.json_response(body, status=503, headers={"Retry-After": str(RETRY_AFTER_SECONDS)})


def _recent_fault(request: web.Request) -> Fault | None:
    """Return the outage that requests or jobs met just now, though the probe's small write worked."""
    outage = request.app[METRICS].outages.recent_write_failure()
    return None if outage is None else Fault.of(outage)


def _signing_fault(request: web.Request) -> Fault | None:
    """Return why the log refuses to sign."""
    guard = request.app[GUARD]
    if guard is None or guard.refusal is None:
        return None
    return Fault(guard.refusal.code, refusal_text(guard.refusal, "en"))


ENDPOINTS = (
    Endpoint("/live", live, "health", "Whether the process responds", schemas.Live, example=lambda: {"live": True}),
    Endpoint(
        "/ready",
        ready,
        "health",
        "Whether the database can write; 503 and the reason while it cannot",
        schemas.Ready,
        example=lambda: {"ready": True},
    ),
)
