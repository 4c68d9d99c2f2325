"""The server's data: initialised once, completely or not at all, with checksums (initdb(1))."""

import os
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path

from ops.embedded_postgres.binaries import Binaries
from ops.embedded_postgres.errors import EmbeddedRefused, explain_log
from ops.embedded_postgres.privileges import ServerUser

# The caller's PG… variables must not reach the server.
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}
_INITDB_OPTIONS = (
    *("--username=postgres", "--encoding=UTF8", "--data-checksums"),
    *("--auth-local=trust", "--auth-host=reject"),  # who may open the socket may do all
)
_INITDB_SECONDS_MAX = 120


def require_cluster(data_dir: Path) -> None:
    """Raise EmbeddedRefused, with what to do, if the data folder has no database. Creates nothing."""
    if not (data_dir / "postgres" / "cluster").exists():
        raise EmbeddedRefused(
            f"There is no ledger in {data_dir.absolute()}. `like-ledger serve` or `like-ledger demo` starts one."
            " To use another one, set LIKE_LEDGER_DATA_DIR to its folder or LIKE_LEDGER_DATABASE_URL to its database"
        )


def ensure_cluster(folder: Path, binaries: Binaries, user: ServerUser, lock: int) -> Path:
    """Return the cluster in `folder`, made if missing. Raises EmbeddedRefused if initdb fails."""
    cluster, draft = folder / "cluster", folder / "cluster.draft"
    if cluster.exists():
        return cluster
    shutil.rmtree(draft, ignore_errors=True)  # a killed initdb leaves one
    command = [str(binaries.folder / "initdb"), f"--pgdata={draft}", *_INITDB_OPTIONS, *binaries.locale_options]
    result = subprocess.run(  # noqa: S603 - no part of the command is input
        [*user.prefix, *command],
        env=ENVIRONMENT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        pass_fds=(lock,),  # a killed service leaves the folder locked until initdb ends
        start_new_session=True,
        check=False,
        timeout=_INITDB_SECONDS_MAX,
    )
    if result.returncode:
        raise EmbeddedRefused(f"{folder}: initdb failed: {explain_log(result.stderr)}")
    draft.rename(cluster)
    descriptor = os.open(folder, os.O_RDONLY)
    os.fsync(descriptor)  # the new name becomes as durable as the files
    os.close(descriptor)
    return cluster


def remove_stale_files(cluster: Path, sockets: Path) -> None:
    """Remove a killed server's pid and socket files: another process may have that pid today.

    Raises EmbeddedRefused if a server started by hand runs on the cluster.
    """
    pid_file = cluster / "postmaster.pid"
    with suppress(OSError, ValueError):
        pid = int(pid_file.read_text(encoding="utf-8").split("\n", 1)[0])
        if Path(f"/proc/{pid}/cwd").samefile(cluster):
            raise EmbeddedRefused(f"{cluster}: another PostgreSQL (process {pid}) uses it: stop it first")
    for file in (pid_file, *sockets.glob(".s.PGSQL.*")):
        file.unlink(missing_ok=True)
