"""`/metrics` for Prometheus, on a port of its own: figures of the operation are nobody else's business."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from campaigns.intake.queue import IntakeQueue
from ops.metrics import Metrics

_log = structlog.get_logger()


@asynccontextmanager
async def serve_metrics(
    host: str, port: int | None, metrics: Metrics, intake_queue: IntakeQueue
) -> AsyncIterator[str | None]:
    """Serve the metrics until the end of the block, and yield their address; without a port nothing, and None."""
    if port is None:
        yield None
        return
    runner = web.AppRunner(_build_application(metrics, intake_queue), access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        bound_host, bound_port = runner.addresses[0][:2]
        url = f"http://{bound_host}:{bound_port}/metrics"
        _log.info("serving metrics", url=url)
        yield url
    finally:
        await runner.cleanup()


def _build_application(metrics: Metrics, intake_queue: IntakeQueue) -> web.Application:
    async def get_metrics(_: web.Request) -> web.Response:
        metrics.intake_queue_likes.set(intake_queue.queued_likes)
        return web.Response(body=generate_latest(metrics.registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    app = web.Application()
    app.router.add_get("/metrics", get_metrics)
    return app
