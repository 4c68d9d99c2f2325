"""The service as a process: database, migrations, wiring, and an orderly end on SIGTERM or Ctrl-C."""

import asyncio
import gc
import signal

import structlog

from ops import app, database, keys, logs
from ops.migrate import migrate
from ops.settings import Settings

# Intake makes some ten short-lived tuples a like, none of them in a circle: looking for circles every 700 of them, as
# Python does, took a sixth of its time.
_GC_THRESHOLD = 50_000

_log = structlog.get_logger()


async def serve(settings: Settings, *, run_migrations: bool = True) -> None:
    """Serve until told to stop; then finish what was accepted."""
    logs.configure_logs(settings.log_format)
    gc.set_threshold(_GC_THRESHOLD)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    own_keys = keys.load_serving_keys(settings)
    async with database.open_database(settings, role="serve") as dsn:
        if run_migrations:
            done = await migrate(dsn)
            _log.info("migrated", applied=[script.name for script in done.pending])
        async with app.run_service(settings, own_keys, dsn) as service, app.serve_http(service) as url:
            _log.info("serving", url=url)
            await stop.wait()
            _log.info("stopping")
    _log.info("stopped")
