"""Idempotency keys are deleted after their retention, sessions after their end, and not earlier."""

from datetime import datetime, timedelta

import pytest

from ops.admin.core.idempotency import RETENTION
from ops.admin.expiry import delete_expired
from promises import NOW
from sql import Connection, Pool

SESSION_LENGTH = timedelta(hours=8)
SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("now", "keys", "sessions"),
    [
        (NOW + SESSION_LENGTH, 1, 1),
        (NOW + SESSION_LENGTH + SECOND, 1, 0),
        (NOW + RETENTION, 1, 0),
        (NOW + RETENTION + SECOND, 0, 0),
    ],
)
async def test_expired_rows_are_deleted(pool: Pool, owner: Connection, now: datetime, keys: int, sessions: int):
    await owner.execute(
        "INSERT INTO idempotency_keys (name, key, digest, made_at) VALUES ('ann', 'k', $1, $2)", bytes(32), NOW
    )
    await owner.execute(
        "INSERT INTO sessions (digest, name, role, made_at, ends_at) VALUES ($1, 'ann', 'finance', $2, $3)",
        bytes(32),
        NOW,
        NOW + SESSION_LENGTH,
    )
    await delete_expired(pool, now)
    assert await owner.fetchval("SELECT count(*) FROM idempotency_keys") == keys
    assert await owner.fetchval("SELECT count(*) FROM sessions") == sessions
