"""Delete expired responses to administrators' requests, and ended sessions."""

from datetime import datetime

from ops.admin.core import idempotency
from sql import Pool, query

_DELETE_OLD_IDEMPOTENCY_KEYS = query("delete_old_idempotency_keys")
_DELETE_OLD_SESSIONS = query("delete_old_sessions")


async def delete_expired(pool: Pool, now: datetime) -> None:
    """Delete the idempotency keys older than their retention, and the sessions that have ended."""
    async with pool.acquire() as conn:
        await conn.execute(_DELETE_OLD_IDEMPOTENCY_KEYS, now - idempotency.RETENTION)
        await conn.execute(_DELETE_OLD_SESSIONS, now)
