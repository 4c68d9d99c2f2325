"""The wiring: database pools, intake, jobs and HTTP handlers become one service."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace

from aiohttp import web

from campaigns.catalogue.cache import CatalogueCache
from campaigns.intake.key_usage import KeyUsage
from campaigns.intake.payload import BODY_BYTES_MAX
from campaigns.intake.queue import IntakeQueue
from campaigns.intake.unread_events import UnreadEvents
from ledger import http_client
from ledger.publication import sequencer
from ledger.publication.refusals import SigningRefused
from ledger.publication.signing_guard import SigningGuard
from ops import database, jobs, metrics_server, signing
from ops.admin.core.command import CommandServices, log_after_commit_failure
from ops.clock import utc_now
from ops.http.admin_web.pages import sign_in
from ops.http.admin_web.pages.routes import routes as admin_pages
from ops.http.api import health, intake, log, open_data, payout_callbacks, platform_push
from ops.http.core import app_keys
from ops.http.core.authentication import AUTHENTICATOR, Authenticator
from ops.http.core.connections import LimitedRunner, connection_limits
from ops.http.core.middleware import handle_errors
from ops.http.core.snapshots import SnapshotCache
from ops.http.endpoints import ENDPOINTS, document
from ops.http.openapi.endpoint import build_routes
from ops.http.web import pages
from ops.keys import Keys
from ops.metrics import Metrics
from ops.openid.client import load_client as load_openid_client
from ops.openid.provider import Provider
from ops.payout_channels import load_payout_key
from ops.readiness import WriteProbe
from ops.settings import Settings
from ops.witnesses import load_witnesses
from sql import Pool, is_unavailable


@dataclass(frozen=True, slots=True)
class Service:
    """The resources of the HTTP handlers and the jobs."""

    settings: Settings
    keys: Keys
    pool: Pool
    catalogue_cache: CatalogueCache
    intake_queue: IntakeQueue
    metrics: Metrics
    openid: Provider | None = None
    guard: SigningGuard | None = None
    key_usage: KeyUsage = field(default_factory=KeyUsage)
    unread_events: UnreadEvents = field(default_factory=UnreadEvents)
    command_services: CommandServices = field(init=False)  # one: it bounds outside calls

    def __post_init__(self) -> None:
        services = CommandServices(
            self.pool, self.keys, self.settings, self._report_after_commit_failure, guard=self.guard
        )
        object.__setattr__(self, "command_services", services)

    def _report_after_commit_failure(self, command: str, error: Exception) -> None:
        self.metrics.record_after_commit_failure(command)
        log_after_commit_failure(command, error)


@asynccontextmanager
async def run_service(settings: Settings, keys: Keys, dsn: str) -> AsyncIterator[Service]:
    """Yield the service with intake and jobs running; on exit finish the accepted deliveries."""
    witnesses, openid_client = load_witnesses(settings), load_openid_client(settings)
    async with (
        database.open_pool(dsn, settings.pool_size, seconds_max=database.REQUEST_SECONDS_MAX) as pool,
        database.open_pool(dsn, for_intake=True, seconds_max=settings.intake_timeout_seconds) as intake_pool,
        database.open_pool(dsn) as job_pool,  # its queries may take longer than a reader waits
        http_client.create_session() as http,
    ):
        metrics, catalogue_cache = Metrics(), CatalogueCache(pool, keys.pseudonym)
        await catalogue_cache.refresh()
        guard = signing.load_guard(settings, http, witnesses)
        await _ensure_log(settings, keys, pool, guard, metrics)
        provider = Provider(openid_client, http) if openid_client else None
        intake_queue = IntakeQueue(intake_pool, catalogue_cache, utc_now, metrics)
        service = Service(settings, keys, pool, catalogue_cache, intake_queue, metrics, provider, guard)
        job_services = replace(service.command_services, pool=job_pool)  # shares the bound on outside calls
        service_jobs = jobs.Jobs(
            job_pool, catalogue_cache, metrics, job_services, service.key_usage, service.unread_events
        )
        scheduler = jobs.build_scheduler(service_jobs, settings, http, witnesses)
        service.intake_queue.start()
        scheduler.start()
        try:
            yield service
        finally:
            scheduler.shutdown(wait=False)
            await service.intake_queue.stop()
            await _flush_key_usage(service)


async def _flush_key_usage(service: Service) -> None:
    """Store when keys were last used, unless the database is unavailable."""
    try:
        await service.key_usage.flush(service.pool)
        await service.unread_events.flush(service.pool)
    except Exception as error:
        if not is_unavailable(error):
            raise


async def _ensure_log(settings: Settings, keys: Keys, pool: Pool, guard: SigningGuard, metrics: Metrics) -> None:
    """Check that the database's log has our key and our history; create it in an embedded database.

    An external database gets its log from `like-ledger log init`. A log that refuses to sign does
    not stop the start: intake goes on.
    """
    if keys.log is None:
        return
    try:
        if settings.database_url is None:
            await sequencer.create_log(pool, keys.log, utc_now(), guard)
        async with pool.acquire() as conn:
            await sequencer.check_identity(conn, keys.log)
        await signing.compare_histories(guard, pool)
    except SigningRefused:
        metrics.log_signing_refused.set(1)


def build_application(service: Service) -> web.Application:
    """Return the application with every route of the service."""
    app = web.Application(middlewares=[handle_errors], client_max_size=BODY_BYTES_MAX)
    app[app_keys.INTAKE_QUEUE], app[app_keys.CATALOGUE_CACHE] = service.intake_queue, service.catalogue_cache
    app[intake.FAULTY_BODY_LOCK] = asyncio.Lock()
    app[app_keys.WEBHOOK_KEY] = service.keys.webhook
    app[app_keys.KEY_USAGE] = service.key_usage
    app[platform_push.UNREAD_EVENTS], app[platform_push.LIKE_ID_POOL] = service.unread_events, service.pool
    app[app_keys.METRICS], app[health.WRITE_PROBE] = service.metrics, WriteProbe(service.pool)
    app[health.GUARD] = service.guard
    app[payout_callbacks.PAYOUT_CALLBACK_SERVICES] = payout_callbacks.PayoutCallbackServices(
        service.pool, load_payout_key(service.settings), service.metrics
    )
    snapshot_cache = SnapshotCache(service.pool, service.catalogue_cache, utc_now, service.metrics.outages.record)
    open_data.set_up(app, snapshot_cache, service.settings.streams_per_address)
    pages.set_up(app)
    log.set_up(app, service.pool)
    app[AUTHENTICATOR] = Authenticator(service.pool, service.settings, service.metrics)
    app[app_keys.COMMAND_SERVICES] = service.command_services
    app[app_keys.OPENAPI_DOCUMENT] = document
    app[sign_in.OPENID_PROVIDER] = service.openid
    app.add_routes([*build_routes(ENDPOINTS), *admin_pages()])
    return app


@asynccontextmanager
async def serve_http(service: Service) -> AsyncIterator[str]:
    """Serve the application and yield its address; on exit finish the accepted requests."""
    settings = service.settings
    runner = LimitedRunner(build_application(service), connection_limits(settings), intake.SHORT_ROUTE)
    await runner.setup()
    site = web.TCPSite(runner, settings.host, settings.port)
    await site.start()
    try:
        host, port = runner.addresses[0][:2]
        yield f"http://{host}:{port}"
    finally:
        await runner.cleanup()


def serve_metrics(service: Service, port: int | None) -> AbstractAsyncContextManager[str | None]:
    """Serve the metrics on a port of their own and yield their address; without a port, None."""
    settings = service.settings
    return metrics_server.serve_metrics(settings.metrics_host, port, service.metrics, service.intake_queue)
