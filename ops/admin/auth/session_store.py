"""Browser sessions: the cookie is 256 random bits; the database stores its SHA-256."""

import secrets
from datetime import datetime, timedelta

from ops.admin.auth.tokens import Identity, hash_token
from sql import Connection, query

SESSION_DURATION = timedelta(hours=8)

_ADD_SESSION = query("add_session")
_FIND_SESSION = query("find_session")
_END_SESSION = query("end_session")


def make_cookie() -> str:
    """Return the cookie of a new session."""
    return secrets.token_urlsafe(32)


async def begin_session(
    conn: Connection, identity: Identity, now: datetime, token: str | None = None, cookie: str | None = None
) -> str:
    """Begin a session and return its cookie; a session that a token began ends with the token."""
    session_cookie = cookie or make_cookie()
    token_hash = hash_token(token) if token else None
    await conn.execute(
        _ADD_SESSION,
        hash_token(session_cookie),
        identity.name,
        identity.role,
        token_hash,
        now,
        now + SESSION_DURATION,
    )
    return session_cookie


async def find_identity(conn: Connection, cookie: str, now: datetime) -> Identity | None:
    """Return the person of a live session; None if it has ended or never was."""
    row = await conn.fetchrow(_FIND_SESSION, hash_token(cookie), now)
    return None if row is None else Identity(row["name"], row["role"])


async def end_session(conn: Connection, cookie: str, now: datetime) -> None:
    """End a session; repeating it changes nothing."""
    await conn.execute(_END_SESSION, hash_token(cookie), now)
