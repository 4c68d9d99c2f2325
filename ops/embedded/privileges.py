"""Who runs the server: PostgreSQL refuses root, so root hands it to another user (setpriv(1), capabilities(7)).

Where that user cannot reach a path, as below /root, it is given the one capability to look through folders,
so nobody's folders change their mode and nothing is copied.
"""

import os
import pwd
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ops.embedded.refusal import EmbeddedRefused

_UNPRIVILEGED = "nobody"
_LOOKING_THROUGH = (("dac_read_search", 2), ("dac_override", 1))  # bits of capabilities(7), the lesser right first
_SEARCHABLE_BY_ALL = 0o001
_SEARCHABLE_BY_OWNER = 0o100


@dataclass(frozen=True, slots=True)
class Runner:
    """The user that the server runs as, and the words before its command that make it so."""

    uid: int
    gid: int
    prefix: tuple[str, ...] = ()

    def owns(self, path: Path) -> None:
        """Give `path` to this user; nothing to do where it is our own."""
        if self.prefix:
            os.chown(path, self.uid, self.gid)


def runner(folder: Path, needed: Iterable[str]) -> Runner:
    """Return who runs the server on `folder`: its owner, or `nobody` for root's; `needed` are programs it reads."""
    if os.geteuid() != 0:
        return Runner(os.geteuid(), os.getegid())
    uid, gid = _unprivileged(folder)
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise EmbeddedRefused(
            "PostgreSQL does not run as root, and setpriv is missing: run as another user, or install util-linux"
        )
    prefix = (setpriv, f"--reuid={uid}", f"--regid={gid}", "--clear-groups", "--no-new-privs")
    if all(reachable(path, uid) for path in (folder, *map(Path, needed))):
        return Runner(uid, gid, (*prefix, "--inh-caps=-all"))
    name = _capability(Path("/proc/self/status").read_text(encoding="ascii"))
    return Runner(uid, gid, (*prefix, f"--inh-caps=-all,+{name}", f"--ambient-caps=-all,+{name}"))


def reachable(path: Path, uid: int) -> bool:
    """Return whether `uid` can pass every folder on the way to `path`, by owner and mode alone."""
    folders = [*path.absolute().parents, *path.resolve().parents]
    return all(_passes(folder.stat(), uid) for folder in folders)


def _passes(found: os.stat_result, uid: int) -> bool:
    wanted = _SEARCHABLE_BY_OWNER if found.st_uid == uid else _SEARCHABLE_BY_ALL
    return bool(found.st_mode & wanted)


def _unprivileged(folder: Path) -> tuple[int, int]:
    owner = folder.stat()
    if owner.st_uid != 0:
        return owner.st_uid, owner.st_gid
    try:
        user = pwd.getpwnam(_UNPRIVILEGED)
    except KeyError:
        raise EmbeddedRefused(
            f"PostgreSQL does not run as root, and there is no user {_UNPRIVILEGED}: add one"
        ) from None
    return user.pw_uid, user.pw_gid


def _capability(status: str) -> str:
    permitted = next(int(line.split()[1], 16) for line in status.splitlines() if line.startswith("CapPrm"))
    for name, bit in _LOOKING_THROUGH:
        if permitted >> bit & 1:
            return name
    raise EmbeddedRefused(
        "an unprivileged server cannot reach the data folder: choose one that others may pass through"
    )
