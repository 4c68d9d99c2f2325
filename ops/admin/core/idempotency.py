"""Idempotency keys: the same key and request get the stored response, and nothing is done twice.

The IETF draft "The Idempotency-Key HTTP Header Field" (httpapi) describes the header.
"""

import hmac
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
    """A person's key with the SHA-256 of the request that it stands for."""

    person: str
    key: str
    digest: bytes


def idempotency_key(person: str, key: str, *parts: bytes, secret: bytes = b"") -> IdempotencyKey:
    """Return the key with the digest of all parts of the request.

    With a secret nobody can test a guess of the request against the stored digest. Pure.
    """
    digest = hmac.new(secret, digestmod=sha256) if secret else sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big") + part)
    return IdempotencyKey(person, key, digest.digest())


async def claim_key(conn: Connection, request_key: IdempotencyKey, now: datetime) -> bytes | None:
    """Return the stored response of a key; None if this transaction claimed it and must store one.

    Raises IdempotencyKeyReused if the key stands for another request.
    Joins the caller's transaction.
    """
    if await conn.fetchval(_CLAIM_IDEMPOTENCY_KEY, *request_key, now) is not None:
        return None
    row = await conn.fetchrow(_FIND_IDEMPOTENCY_KEY, request_key.person, request_key.key)
    if row is None or row["digest"] != request_key.digest:
        raise IdempotencyKeyReused
    return bytes(row["response"])


async def find_response(conn: Connection, person: str, key: str) -> bytes | None:
    """Return the stored response of a person's key; None if there is no response."""
    row = await conn.fetchrow(_FIND_IDEMPOTENCY_KEY, person, key)
    return None if row is None or row["response"] is None else bytes(row["response"])


async def store_response(conn: Connection, request_key: IdempotencyKey, response: bytes) -> None:
    """Store the response of a key. Joins the caller's transaction."""
    await conn.execute(_STORE_RESPONSE, request_key.person, request_key.key, response)
