"""The service process: database, migrations, wiring, and a graceful stop on SIGTERM or Ctrl-C."""

import asyncio
import gc
import signal

import structlog

from ops import app, database, keys, logs
from ops.http.core.connections import raise_file_limit
from ops.migrate import migrate
from ops.pooler import require_sessions
from ops.settings import Settings

# Intake allocates about ten short-lived tuples per like, without reference cycles. Python's default
# of a collection every 700 allocations took a sixth of its time.
_GC_THRESHOLD = 50_000

_log = structlog.get_logger()


async def serve(settings: Settings, *, run_migrations: bool = True) -> None:
    """Serve until SIGTERM or SIGINT, then finish the accepted requests and deliveries."""
    logs.configure_logs(settings.log_format)
    raise_file_limit()
    gc.set_threshold(_GC_THRESHOLD)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    service_keys = keys.load_serving_keys(settings)
    async with database.open_database(settings, role="serve") as dsn:
        if run_migrations:
            plan = await migrate(dsn)
            _log.info("migrated", applied=[script.name for script in plan.pending])
        else:
            await require_sessions(dsn)
        async with (
            app.run_service(settings, service_keys, dsn) as service,
            app.serve_metrics(service, settings.metrics_port),
            app.serve_http(service) as url,
        ):
            _log.info("serving", url=url)
            await stop.wait()
            _log.info("stopping")
    _log.info("stopped")
