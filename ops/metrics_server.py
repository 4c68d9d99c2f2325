"""`/metrics` for Prometheus, on a port of its own: figures of the operation are nobody else's business."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from campaigns.intake.queue import IntakeQueue
from ops.metrics import Metrics
from ops.settings import Settings

_log = structlog.get_logger()


@asynccontextmanager
async def serve_metrics(settings: Settings, metrics: Metrics, intake_queue: IntakeQueue) -> AsyncIterator[None]:
    """Serve the metrics until the end of the block; nothing if the settings name no port."""
    if settings.metrics_port is None:
        yield
        return
    runner = web.AppRunner(_build_application(metrics, intake_queue), access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, settings.metrics_host, settings.metrics_port).start()
        host, port = runner.addresses[0][:2]
        _log.info("serving metrics", url=f"http://{host}:{port}/metrics")
        yield
    finally:
        await runner.cleanup()


def _build_application(metrics: Metrics, intake_queue: IntakeQueue) -> web.Application:
    async def get_metrics(_: web.Request) -> web.Response:
        metrics.intake_queue_likes.set(intake_queue.queued_likes)
        return web.Response(body=generate_latest(metrics.registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    app = web.Application()
    app.router.add_get("/metrics", get_metrics)
    return app
