"""The server's user: PostgreSQL refuses root, so root starts it as another (setpriv(1)).

If that user cannot reach a path, as below /root, it gets one of capabilities(7): to pass through folders.
So no folder changes its mode, and nothing is copied.
"""

import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from ops.embedded_postgres.errors import EmbeddedRefused

_NOBODY = 65534
_READ_CAPABILITIES = (("dac_read_search", 2), ("dac_override", 1))  # name and bit; the weaker first
_SEARCHABLE_BY_OTHERS = 0o001
_SEARCHABLE_BY_OWNER = 0o100


@dataclass(frozen=True, slots=True)
class ServerUser:
    """The user that runs the server, and the words that start a command as that user.

    The command gets SIGINT when the thread that starts it ends (prctl(2)).
    """

    uid: int
    gid: int
    prefix: tuple[str, ...]

    def take(self, path: Path) -> None:
        """Make this user the owner of `path`, if root runs the program."""
        if os.geteuid() == 0:
            os.chown(path, self.uid, self.gid)


def server_user(folder: Path, program: str) -> ServerUser:
    """Return the current user; for root the owner of `folder`, or `nobody` if root owns it.

    Raises EmbeddedRefused if root cannot start `program` as that user.
    """
    setpriv = shutil.which("setpriv")
    prefix: tuple[str, ...] = (setpriv, "--pdeathsig=INT", "--no-new-privs") if setpriv else ()
    if os.geteuid() != 0:
        return ServerUser(os.geteuid(), os.getegid(), prefix)
    if not prefix:
        raise EmbeddedRefused("PostgreSQL refuses root, and setpriv is missing: use another user, or get util-linux")
    owner = folder.stat()
    uid, gid = (owner.st_uid, owner.st_gid) if owner.st_uid else (_NOBODY, _NOBODY)
    prefix += (f"--reuid={uid}", f"--regid={gid}", "--clear-groups")
    if is_reachable(folder, uid) and is_reachable(Path(program), uid):
        return ServerUser(uid, gid, (*prefix, "--inh-caps=-all"))
    name = _read_capability(Path("/proc/self/status").read_text(encoding="ascii"))
    return ServerUser(uid, gid, (*prefix, f"--inh-caps=-all,+{name}", f"--ambient-caps=-all,+{name}"))


def is_reachable(path: Path, uid: int) -> bool:
    """Return whether `uid` may pass every folder above `path`, by owner and mode alone."""
    parents = [parent.stat() for parent in (*path.absolute().parents, *path.resolve().parents)]
    return all(p.st_mode & (_SEARCHABLE_BY_OWNER if p.st_uid == uid else _SEARCHABLE_BY_OTHERS) for p in parents)


def _read_capability(status: str) -> str:
    line = re.search(r"^CapPrm:\s*(\w+)", status, re.MULTILINE)
    permitted = int(line[1], 16) if line else 0
    for name, bit in _READ_CAPABILITIES:
        if permitted >> bit & 1:
            return name
    raise EmbeddedRefused("PostgreSQL refuses root, and others cannot enter the data folder: choose another folder")
