"""Sessions: signed in by a browser. The cookie is 256 random bits; only its SHA-256 is kept."""

import secrets
from datetime import datetime, timedelta

from ops.admin.auth.tokens import Identity, hash_token
from sql import Connection, query

SESSION_DURATION = timedelta(hours=8)

_ADD_SESSION = query("add_session")
_FIND_SESSION = query("find_session")
_END_SESSION = query("end_session")


def make_cookie() -> str:
    """Return what a new session's cookie holds."""
    return secrets.token_urlsafe(32)


async def begin_session(
    conn: Connection, identity: Identity, now: datetime, token: str | None = None, cookie: str | None = None
) -> str:
    """Begin a session and return what its cookie holds; one that a token began ends with the token."""
    holds = cookie or make_cookie()
    began_by = hash_token(token) if token else None
    await conn.execute(
        _ADD_SESSION, hash_token(holds), identity.name, identity.role, began_by, now, now + SESSION_DURATION
    )
    return holds


async def find_identity(conn: Connection, cookie: str, now: datetime) -> Identity | None:
    """Return whose session it is; None: it has ended, or there was none."""
    row = await conn.fetchrow(_FIND_SESSION, hash_token(cookie), now)
    return None if row is None else Identity(row["name"], row["role"])


async def end_session(conn: Connection, cookie: str, now: datetime) -> None:
    """End a session; again: changes nothing."""
    await conn.execute(_END_SESSION, hash_token(cookie), now)
