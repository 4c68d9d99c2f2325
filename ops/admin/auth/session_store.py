"""Sessions: signed in by a browser. The cookie is 256 random bits; only its SHA-256 is kept."""

import secrets
from datetime import datetime, timedelta

from ops.admin.auth.tokens import Holder, digest
from sql import Connection, query

LASTS = timedelta(hours=8)

_ADD_SESSION = query("add_session")
_FIND_SESSION = query("find_session")
_END_SESSION = query("end_session")


def make() -> str:
    """Return what a new session's cookie holds."""
    return secrets.token_urlsafe(32)


async def begin(
    conn: Connection, own: Holder, now: datetime, token: str | None = None, cookie: str | None = None
) -> str:
    """Begin a session and return what its cookie holds; one that a token began ends with the token."""
    holds = cookie or make()
    began_by = digest(token) if token else None
    await conn.execute(_ADD_SESSION, digest(holds), own.name, own.role, began_by, now, now + LASTS)
    return holds


async def find(conn: Connection, cookie: str, now: datetime) -> Holder | None:
    """Return whose session it is; None: it has ended, or there was none."""
    row = await conn.fetchrow(_FIND_SESSION, digest(cookie), now)
    return None if row is None else Holder(row["name"], row["role"])


async def end(conn: Connection, cookie: str, now: datetime) -> None:
    """End a session; again: changes nothing."""
    await conn.execute(_END_SESSION, digest(cookie), now)
