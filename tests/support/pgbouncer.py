"""A real pgbouncer for tests, in front of a PostgreSQL server."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from ops.embedded_postgres import privileges

PROGRAM = shutil.which("pgbouncer") or "/usr/sbin/pgbouncer"
_POLL_SECONDS, _START_SECONDS_MAX = 0.05, 20
_PORT = 6432  # names the socket's file only: pgbouncer listens to no network


@asynccontextmanager
async def running_pgbouncer(dsn: str, folder: Path, mode: str, **options: str | int) -> AsyncIterator[str]:
    """Yield the address of a pgbouncer that pools by session, transaction or statement."""
    parts = urlsplit(dsn)
    host = parse_qs(parts.query).get("host", [parts.hostname])[0]
    settings = {
        "listen_addr": "",
        "listen_port": _PORT,
        "unix_socket_dir": folder,
        "auth_type": "any",
        "pool_mode": mode,
        "logfile": folder / "pgbouncer.log",
        "pidfile": folder / "pgbouncer.pid",
        **options,
    }
    database = f"* = host={host} port={parts.port or 5432} user={parts.username or 'postgres'}"
    lines = ["[databases]", database, "[pgbouncer]", *(f"{name} = {value}" for name, value in settings.items())]
    (folder / "pgbouncer.ini").write_text("\n".join(lines) + "\n")
    # pgbouncer refuses root, as PostgreSQL does; the server's user can open its socket.
    user = privileges.server_user(Path(str(host)) if str(host).startswith("/") else folder, PROGRAM)
    user.take(folder)
    user.take(folder / "pgbouncer.ini")
    process = await asyncio.create_subprocess_exec(*user.prefix, PROGRAM, "-q", str(folder / "pgbouncer.ini"))
    address = f"postgresql://postgres@/{parts.path.lstrip('/')}?host={folder}&port={_PORT}"
    try:
        async with asyncio.timeout(_START_SECONDS_MAX):
            while not (folder / f".s.PGSQL.{_PORT}").exists():
                await asyncio.sleep(_POLL_SECONDS)
        yield address
    finally:
        process.terminate()
        await process.wait()
