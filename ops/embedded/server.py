"""One running server: started under a guardian, reached over a socket that only its user and root can open."""

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlencode

from ops.embedded import cluster as clusters
from ops.embedded import folders, guardian, locks, privileges
from ops.embedded.binaries import Binaries, bundled
from ops.embedded.privileges import Runner
from ops.embedded.refusal import EmbeddedRefused, explained

# For two cores and bulk upserts: long stretches between checkpoints, every commit on the disk before it is answered.
# No wal_compression: these binaries have only pglz, which cost a third of the rate for a tenth less to write.
SETTINGS: Mapping[str, str] = {
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
_POLL_SECONDS = 0.02
_READY_SECONDS_MAX = 600  # after a crash it replays up to max_wal_size
_STOP_SECONDS_MAX = 90
_LEFTOVER_SECONDS_MAX = 90
_LOG = "server.log"
_LOG_BYTES_READ = 8192
_DISK_FULL_BYTES = 32 * 1024 * 1024


class Server:
    """A server that is ready; `stop` it, or it stops when this process ends."""

    def __init__(self, process: "subprocess.Popen[bytes]", cluster: Path, sockets: Path) -> None:
        self._process = process
        self._cluster = cluster
        self._sockets = sockets

    @property
    def dsn(self) -> str:
        """Return the address for asyncpg."""
        return f"postgresql://postgres@/postgres?{urlencode({'host': str(self._sockets)})}"

    @property
    def pid(self) -> int:
        """Return the server's process, which is another after the guardian had to start it again."""
        return int(_pid_file(self._cluster)[0])

    async def ready(self) -> None:
        """Return once the server answers; EmbeddedRefused says why it gave up."""
        try:
            async with asyncio.timeout(_READY_SECONDS_MAX):
                while _pid_file(self._cluster)[-1] != "ready":
                    self._refuse_if_ended()
                    await asyncio.sleep(_POLL_SECONDS)
        except TimeoutError:
            slow = f"{self._cluster}: not ready within {_READY_SECONDS_MAX} s: see server.log beside it"
            raise EmbeddedRefused(slow) from None

    def _refuse_if_ended(self) -> None:
        if self._process.poll() is not None:
            log = self._cluster.parent / _LOG
            raise EmbeddedRefused(f"{log}: the server did not start: {_why(log)}")

    async def stop(self) -> None:
        """Stop: fast, then immediately, then by force; safe to repeat."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            await asyncio.to_thread(self._process.wait, _STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            raise EmbeddedRefused(f"{self._cluster}: the server did not stop within {_STOP_SECONDS_MAX} s") from None
        if self._sockets != self._cluster.parent:
            with suppress(OSError):
                self._sockets.rmdir()


async def start(
    data_dir: Path, *, settings: Mapping[str, str] | None = None, binaries: Binaries | None = None
) -> Server:
    """Return a running server on `data_dir`/postgres, made on first use; EmbeddedRefused says why there is none."""
    binaries = binaries or bundled()
    folder = folders.made(data_dir / "postgres")
    server_lock = locks.opened(folder / "server.lock")
    try:
        await locks.take(
            server_lock, _LEFTOVER_SECONDS_MAX, f"{folder}: its last server has not ended yet: try again"
        )
        server = await _launched(folder, binaries, {**SETTINGS, **(settings or {})}, server_lock)
    finally:
        os.close(server_lock)  # from here on it is the server's own
    try:
        await server.ready()
    except BaseException:
        await server.stop()
        raise
    return server


async def _launched(folder: Path, binaries: Binaries, settings: Mapping[str, str], server_lock: int) -> Server:
    program = binaries.program("postgres")
    run_as = privileges.runner(folder, (program, sys.executable, os.__file__, guardian.__file__))
    run_as.owns(folder)
    cluster = await asyncio.to_thread(clusters.ensure, folder, binaries, run_as, server_lock)
    sockets = folders.for_socket(folder, run_as)
    clusters.forget_dead_server(cluster, sockets)
    wanted = [f"--{name}={value}" for name, value in settings.items()]
    command = [program, "-D", str(cluster), "-k", str(sockets), *wanted]
    return Server(_guarded(command, folder / _LOG, run_as, server_lock), cluster, sockets)


def _guarded(command: list[str], log: Path, run_as: Runner, server_lock: int) -> "subprocess.Popen[bytes]":
    if log.exists():  # one run's messages are kept beside this one's, so they stay bounded
        log.replace(log.with_suffix(".previous.log"))
    with log.open("wb") as output:
        run_as.owns(log)
        return subprocess.Popen(  # noqa: S603 - the command is our own
            [*run_as.prefix, sys.executable, "-ISB", guardian.__file__, *command],
            env=clusters.ENVIRONMENT,
            cwd="/",
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            pass_fds=(server_lock,),
            start_new_session=True,
        )


def _pid_file(cluster: Path) -> list[str]:
    """Return the lines of the server's pid file: the process first, its state last; an empty one if there is none."""
    try:
        return [line.strip() for line in (cluster / "postmaster.pid").read_text().splitlines()] or [""]
    except FileNotFoundError:
        return [""]


def _why(log: Path) -> str:
    if shutil.disk_usage(log.parent).free < _DISK_FULL_BYTES:  # then its own words found no room either
        return "the disk is full: make room, then start again"
    return explained(log.read_bytes()[-_LOG_BYTES_READ:].decode(errors="replace"))
