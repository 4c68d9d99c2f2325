"""Locks on files: held while anyone has the file open, free once the last is gone, by whatever end (flock(2))."""

import asyncio
import fcntl
import os
from pathlib import Path

from ops.embedded.refusal import EmbeddedRefused

POLL_SECONDS = 0.05


def opened(path: Path) -> int:
    """Return the lock file opened, as a descriptor; made if it is not there, for the folder's owner."""
    try:
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise EmbeddedRefused(
            f"{path}: {error.strerror}: run as the folder's owner, or choose another folder"
        ) from None
    if os.geteuid() == 0:  # what root makes in somebody's folder must not shut that one out
        owner = path.parent.stat()
        os.fchown(lock, owner.st_uid, owner.st_gid)
    return lock


def taken(lock: int) -> bool:
    """Take the lock if it is free; return whether it is ours now."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


async def take(lock: int, seconds_max: float, refusal: str) -> None:
    """Take the lock, waiting for it; EmbeddedRefused with these words when it stays another's."""
    try:
        async with asyncio.timeout(seconds_max):
            while not taken(lock):  # noqa: ASYNC110 - a lock on a file calls nobody
                await asyncio.sleep(POLL_SECONDS)
    except TimeoutError:
        raise EmbeddedRefused(refusal) from None
