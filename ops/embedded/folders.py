"""The server's folders: its data's, and its socket's, whose path the system keeps short (unix(7))."""

import os
import tempfile
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path

from ops.embedded.privileges import Runner
from ops.embedded.refusal import EmbeddedRefused

_MODE = 0o700
_OTHERS = 0o077
_SOCKET_PATH_BYTES_MAX = 107  # sun_path less its final zero
_SOCKET_FILE = ".s.PGSQL.5432"


def made(folder: Path) -> Path:
    """Return the folder, absolute, made if it is not there; EmbeddedRefused if it cannot be written."""
    try:
        folder.mkdir(mode=_MODE, parents=True, exist_ok=True)
        if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
            raise PermissionError(13, "not ours to write in")
    except OSError as error:
        raise EmbeddedRefused(
            f"{folder}: {error.strerror}: set LIKE_LEDGER_DATA_DIR to a folder that you may write in"
        ) from None
    return folder.resolve()


def for_socket(folder: Path, run_as: Runner) -> Path:
    """Return where the socket goes: beside the data, or in a short folder of its own where that path is too long."""
    if len(os.fsencode(folder / _SOCKET_FILE)) <= _SOCKET_PATH_BYTES_MAX:
        return folder
    name = blake2b(os.fsencode(folder), digest_size=8).hexdigest()
    short = Path(tempfile.gettempdir()) / f"like-ledger-{name}"
    with suppress(FileExistsError):
        short.mkdir(mode=_MODE)
        run_as.owns(short)
    found = short.lstat()
    if short.is_symlink() or found.st_uid != run_as.uid or found.st_mode & _OTHERS:
        raise EmbeddedRefused(f"{short} is somebody else's: remove it, or choose a shorter LIKE_LEDGER_DATA_DIR")
    return short
