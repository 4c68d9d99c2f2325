"""One PostgreSQL server: start it, wait until it is ready, stop it.

It ends with the thread that starts it (prctl(2)).
It listens on a Unix socket that only its user and root can open. A socket's path must be short (unix(7)).
"""

import asyncio
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp
from urllib.parse import urlencode

from ops.embedded_postgres.binaries import Binaries, find_binaries
from ops.embedded_postgres.cluster import ENVIRONMENT, ensure_cluster, remove_stale_files
from ops.embedded_postgres.errors import EmbeddedRefused, explain_log
from ops.embedded_postgres.privileges import ServerUser, server_user

# For two cores and bulk upserts: checkpoints far apart, and each commit on disk before its answer.
# Not wal_compression: these binaries have pglz alone, a third of the rate lost for 10 % less WAL.
_SETTINGS: Mapping[str, str] = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "50",
    "shared_buffers": "256MB",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "15min",
    "fsync": "on",
    "synchronous_commit": "on",
    "log_checkpoints": "off",
    "log_error_verbosity": "terse",
}
# Fast shutdown, then immediate, then by force; each with its patience in seconds.
_STOP_STEPS = ((signal.SIGINT, 60), (signal.SIGQUIT, 10), (signal.SIGKILL, 10))
_SOCKET_FOLDER_BYTES_MAX = 107 - len("/.s.PGSQL.5432")
_READY_SECONDS_MAX = 600  # recovery from a crash replays up to max_wal_size
_READY_POLL_SECONDS = 0.02
_ENDED_POLL_SECONDS = 0.5
_LOG_CHARACTERS_READ = 8192


@dataclass(frozen=True, slots=True)
class Server:
    """A running server; `stop` it, or it stops when this process ends."""

    process: "subprocess.Popen[bytes]"
    folder: Path
    socket_folder: Path

    @property
    def dsn(self) -> str:
        """Return the superuser's address for asyncpg."""
        return f"postgresql://postgres@/postgres?{urlencode({'host': str(self.socket_folder)})}"

    async def wait_until_ready(self) -> None:
        """Return once the server is ready. Raises EmbeddedRefused if it ends first or is too slow."""
        deadline = time.monotonic() + _READY_SECONDS_MAX
        while not _is_ready(self.folder / "cluster"):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise EmbeddedRefused(f"the database server did not start: {self._explain_log()}")
            await asyncio.sleep(_READY_POLL_SECONDS)

    async def wait_until_ended(self) -> str:
        """Return what happened, and what to do, once the server has ended."""
        while self.process.poll() is None:  # noqa: ASYNC110 - another process sets no event
            await asyncio.sleep(_ENDED_POLL_SECONDS)
        return f"the database server ended, start again: {self._explain_log()}"

    async def stop(self) -> None:
        """Stop the server: fast, then immediately, then by force. Does nothing if it has ended."""
        for number, seconds in _STOP_STEPS:
            self.process.send_signal(number)
            with suppress(subprocess.TimeoutExpired):
                await asyncio.to_thread(self.process.wait, seconds)
                break
        if self.socket_folder != self.folder:
            shutil.rmtree(self.socket_folder, ignore_errors=True)

    def _explain_log(self) -> str:
        log = self.folder / "server.log"
        return f"{explain_log(log.read_text(errors='replace')[-_LOG_CHARACTERS_READ:])} (see {log})"


def launch(
    data_dir: Path, lock: int, settings: Mapping[str, str] | None = None, binaries: Binaries | None = None
) -> Server:
    """Return a new server on `data_dir`/postgres, not ready yet; its processes hold `lock` too.

    Raises EmbeddedRefused if another server, the disk or the user's rights prevent it.
    """
    binaries = binaries or find_binaries()
    program = str(binaries.folder / "postgres")
    folder = data_dir.resolve() / "postgres"
    folder.mkdir(mode=0o700, exist_ok=True)
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        raise EmbeddedRefused(f"{folder} belongs to another user: run as that user, or set LIKE_LEDGER_DATA_DIR")
    user = server_user(folder, program)
    user.take(folder)
    cluster = ensure_cluster(folder, binaries, user, lock)
    sockets = _socket_folder(folder, user)
    remove_stale_files(cluster, sockets)
    options = [f"--{name}={value}" for name, value in {**_SETTINGS, **(settings or {})}.items()]
    command = [*user.prefix, program, "-D", str(cluster), "-k", str(sockets), *options]
    log = folder / "server.log"
    if log.exists():  # the logs of two runs are kept: enough to read, and bounded
        log.replace(log.with_suffix(".previous.log"))
    with log.open("wb") as output:
        user.take(log)
        process = subprocess.Popen(  # noqa: S603 - no part of the command is input
            command,
            env=ENVIRONMENT,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            pass_fds=(lock,),
            start_new_session=True,  # Ctrl-C stops the service, which needs its database to finish
        )
    return Server(process, folder, sockets)


def _socket_folder(folder: Path, user: ServerUser) -> Path:
    """Return `folder`, or a temporary one if the path of its socket would be too long."""
    if len(os.fsencode(folder)) <= _SOCKET_FOLDER_BYTES_MAX:
        return folder
    short = Path(mkdtemp(prefix="like-ledger-"))
    user.take(short)
    return short


def _is_ready(cluster: Path) -> bool:
    try:
        return (cluster / "postmaster.pid").read_text(encoding="utf-8").rstrip().endswith("ready")
    except FileNotFoundError:
        return False
