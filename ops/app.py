"""Wires it: the one place where pools, intake, jobs and HTTP edges meet."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from aiohttp import web

from campaigns.catalogue.cache import Shelf
from campaigns.intake.key_usage import KeyUse
from campaigns.intake.payload import BODY_BYTES_MAX
from campaigns.intake.queue import Intake
from ledger import http_client
from ledger.publication import sequencer
from ops import database, jobs
from ops.admin.core.command import Office
from ops.clock import utc_now
from ops.http.admin_web.pages import sign_in as signing
from ops.http.admin_web.pages.routes import routes as admin_pages
from ops.http.api import admin, health, intake, log, open_data, payout_callbacks
from ops.http.core import app_keys
from ops.http.core.authentication import SignIn
from ops.http.core.middleware import problems
from ops.http.web import pages
from ops.keys import Keys
from ops.metrics import Metrics
from ops.openid.client import client as openid_client
from ops.openid.provider import Provider
from ops.payout_channels import payout_key
from ops.settings import Settings
from ops.witnesses import witnesses
from sql import AWAY, Pool


@dataclass(frozen=True, slots=True)
class Service:
    """What the HTTP edges work with."""

    settings: Settings
    keys: Keys
    pool: Pool
    shelf: Shelf
    intake: Intake
    metrics: Metrics
    openid: Provider | None = None
    key_use: KeyUse = field(default_factory=KeyUse)


@asynccontextmanager
async def running(settings: Settings, keys: Keys, dsn: str) -> AsyncIterator[Service]:
    """Yield the service with intake and jobs at work; on leaving, what was accepted is finished first."""
    asked, own_client = witnesses(settings), openid_client(settings)
    async with (
        database.pool(dsn, settings.pool_size) as pool,
        database.pool(dsn, for_intake=True) as intake_pool,
        http_client.session() as http,
    ):
        metrics, shelf = Metrics(), Shelf(pool, keys.pseudonym)
        await shelf.newest()
        await _own_log(settings, keys, pool)
        provider = Provider(own_client, http) if own_client else None
        recorder = Intake(intake_pool, shelf, utc_now, metrics)
        service = Service(settings, keys, pool, shelf, recorder, metrics, provider)
        own_jobs = jobs.Jobs(pool, shelf, metrics, Office(pool, keys, settings), service.key_use)
        scheduler = jobs.schedule(own_jobs, settings, http, asked)
        service.intake.start()
        scheduler.start()
        try:
            yield service
        finally:
            scheduler.shutdown(wait=False)
            await service.intake.stop()
            with suppress(*AWAY):
                await service.key_use.flush(pool)


async def _own_log(settings: Settings, keys: Keys, pool: Pool) -> None:
    """See that the database's log is ours; the embedded one's is made here, another by `like-ledger log init`."""
    if keys.log is None:
        return
    if settings.database_url is None:
        await sequencer.make_log(pool, keys.log, utc_now())
    async with pool.acquire() as conn:
        await sequencer.belongs(conn, keys.log)


def application(service: Service) -> web.Application:
    """Return the application: every route of the service."""
    app = web.Application(middlewares=[problems], client_max_size=BODY_BYTES_MAX)
    app[app_keys.INTAKE], app[app_keys.SHELF] = service.intake, service.shelf
    app[app_keys.WEBHOOK_KEY] = service.keys.webhook
    app[app_keys.KEY_USE] = service.key_use
    app[app_keys.METRICS], app[health.POOL] = service.metrics, service.pool
    answers = payout_callbacks.PayoutAnswers(service.pool, payout_key(service.settings), service.metrics)
    app[payout_callbacks.PAYOUT_ANSWERS] = answers
    app.add_routes(
        [
            web.post("/v1/platforms/{platform}/likes", intake.receive),
            web.post("/v1/payouts/answers", payout_callbacks.receive),
            web.get("/live", health.live),
            web.get("/ready", health.ready),
            web.get("/metrics", health.metrics),
        ]
    )
    open_data.set_up(app, service.pool, service.shelf)
    pages.set_up(app)
    app.add_routes(pages.routes())
    log.set_up(app, service.pool)
    sign_in = SignIn(service.pool, service.settings, service.metrics)
    admin.set_up(app, Office(service.pool, service.keys, service.settings), sign_in)
    app[signing.OPENID] = service.openid
    app.add_routes(admin_pages())
    return app


@asynccontextmanager
async def served(service: Service) -> AsyncIterator[str]:
    """Serve the application; yield its address. On leaving: accept nothing more, finish what was accepted."""
    runner = web.AppRunner(application(service), access_log=None, shutdown_timeout=30)
    await runner.setup()
    site = web.TCPSite(runner, service.settings.host, service.settings.port)
    await site.start()
    try:
        host, port = runner.addresses[0][:2]
        yield f"http://{host}:{port}"
    finally:
        await runner.cleanup()
