"""The server's data: made once, whole or not at all, and refused where another version made it (initdb(1))."""

import os
import shutil
import subprocess
from pathlib import Path

from ops.embedded.binaries import Binaries
from ops.embedded.privileges import Runner
from ops.embedded.refusal import EmbeddedRefused, explained

# None of the caller's PG… variables; the one that a Python of its own may need to find its library.
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"} | {
    name: os.environ[name] for name in ("LD_LIBRARY_PATH",) if name in os.environ
}
_DISK_BYTES_MIN = 256 * 1024 * 1024
_INITDB_SECONDS_MAX = 120


def ensure(folder: Path, binaries: Binaries, run_as: Runner, lock: int) -> Path:
    """Return the cluster below `folder`, made if it is not there; `lock` stays held while it is being made."""
    cluster = folder / "cluster"
    if cluster.exists():
        refuse_other_version(cluster, binaries.major)
        return cluster
    free = shutil.disk_usage(folder).free
    if free < _DISK_BYTES_MIN:
        raise EmbeddedRefused(f"{folder}: {free >> 20} MiB free, {_DISK_BYTES_MIN >> 20} MiB needed: make room")
    draft = folder / "cluster.draft"
    shutil.rmtree(draft, ignore_errors=True)  # of a run that was killed meanwhile
    _initdb(draft, binaries, run_as, lock)
    draft.rename(cluster)
    _sync(folder)
    return cluster


def refuse_other_version(cluster: Path, major: int) -> None:
    """Raise EmbeddedRefused unless PostgreSQL `major` made the cluster."""
    try:
        found = (cluster / "PG_VERSION").read_text(encoding="ascii").strip()
    except FileNotFoundError:
        raise EmbeddedRefused(
            f"{cluster} is no PostgreSQL cluster: move it away, or restore it from a backup"
        ) from None
    except PermissionError:
        raise EmbeddedRefused(
            f"{cluster} belongs to another user: run as that one, or choose another folder"
        ) from None
    if found != str(major):
        move = "dump it with the version that made it and restore it into an empty folder"
        raise EmbeddedRefused(f"{cluster} was made by PostgreSQL {found}, this program runs {major}: {move}")


def forget_dead_server(cluster: Path, sockets: Path) -> None:
    """Remove what a killed server leaves: PostgreSQL believes its process number, which may be another's by now."""
    pid_file = cluster / "postmaster.pid"
    pid = _first_number(pid_file)
    if pid and _works_in(pid, cluster):
        raise EmbeddedRefused(f"{cluster}: somebody else's server (process {pid}) runs on it: stop that one first")
    for file in (pid_file, *sockets.glob(".s.PGSQL.*")):
        file.unlink(missing_ok=True)


def _first_number(file: Path) -> int | None:
    try:
        return int(file.read_text(encoding="utf-8").split("\n", 1)[0])
    except (FileNotFoundError, ValueError):
        return None


def _sync(folder: Path) -> None:
    """Make the name of what was put into the folder as durable as its content."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _works_in(pid: int, cluster: Path) -> bool:
    try:
        return Path(f"/proc/{pid}/cwd").samefile(cluster)
    except OSError:
        return False


def _initdb(draft: Path, binaries: Binaries, run_as: Runner, lock: int) -> None:
    options = (
        "--username=postgres",
        "--encoding=UTF8",
        "--data-checksums",
        "--auth-local=trust",
        "--auth-host=reject",
    )
    done = subprocess.run(  # noqa: S603 - the command is our own
        [*run_as.prefix, binaries.program("initdb"), f"--pgdata={draft}", *options, *binaries.locale],
        env=ENVIRONMENT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        pass_fds=(lock,),
        start_new_session=True,
        check=False,
        timeout=_INITDB_SECONDS_MAX,
    )
    if done.returncode:
        raise EmbeddedRefused(f"{draft.parent}: the database could not be made: {explained(done.stderr)}")
