"""Answers that are given once: the same Idempotency-Key and body get the same answer, and nothing is done again.

The IETF draft "The Idempotency-Key HTTP Header Field" (httpapi) describes the header.
"""

from datetime import datetime, timedelta
from hashlib import sha256
from typing import NamedTuple

from ops.admin.core.errors import IdempotencyKeyReused
from sql import Connection, query

RETENTION = timedelta(days=30)

_CLAIM_IDEMPOTENCY_KEY = query("claim_idempotency_key")
_FIND_IDEMPOTENCY_KEY = query("find_idempotency_key")
_STORE_RESPONSE = query("store_response")


class IdempotencyKey(NamedTuple):
    """Whose key it is, and the digest of what it was used for."""

    person: str
    key: str
    digest: bytes


def idempotency_key(person: str, key: str, *parts: bytes) -> IdempotencyKey:
    """Return the key with the digest of all that was asked under it."""
    digest = sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big") + part)
    return IdempotencyKey(person, key, digest.digest())


async def claim_key(conn: Connection, request_key: IdempotencyKey, now: datetime) -> bytes | None:
    """Return what was answered to the key before; None: the caller's transaction is the first, and is to `keep` one.

    KeyTaken: it was used for something else.
    """
    if await conn.fetchval(_CLAIM_IDEMPOTENCY_KEY, *request_key, now) is not None:
        return None
    known = await conn.fetchrow(_FIND_IDEMPOTENCY_KEY, request_key.person, request_key.key)
    if known is None or known["digest"] != request_key.digest:
        raise IdempotencyKeyReused(
            "this Idempotency-Key was used before, for something else: use another for another request"
        )
    return bytes(known["response"])


async def find_response(conn: Connection, person: str, key: str) -> bytes | None:
    """Return what was answered to somebody's key; None: nothing was."""
    row = await conn.fetchrow(_FIND_IDEMPOTENCY_KEY, person, key)
    return None if row is None or row["response"] is None else bytes(row["response"])


async def store_response(conn: Connection, request_key: IdempotencyKey, response: bytes) -> None:
    """Keep the answer, in the transaction that claimed the key."""
    await conn.execute(_STORE_RESPONSE, request_key.person, request_key.key, response)
