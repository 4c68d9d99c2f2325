"""Answers that are given once: the same Idempotency-Key and body get the same answer, and nothing is done again.

The IETF draft "The Idempotency-Key HTTP Header Field" (httpapi) describes the header.
"""

from datetime import datetime, timedelta
from hashlib import sha256
from typing import NamedTuple

from ops.admin.core.errors import KeyTaken
from sql import Connection, query

KEPT = timedelta(days=30)

_CLAIM_IDEMPOTENCY_KEY = query("claim_idempotency_key")
_FIND_IDEMPOTENCY_KEY = query("find_idempotency_key")
_STORE_RESPONSE = query("store_response")


class Once(NamedTuple):
    """Whose key it is, and the digest of what it was used for."""

    name: str
    key: str
    digest: bytes


def once(name: str, key: str, *asked: bytes) -> Once:
    """Return the key with the digest of all that was asked under it."""
    digest = sha256()
    for part in asked:
        digest.update(len(part).to_bytes(8, "big") + part)
    return Once(name, key, digest.digest())


async def claim(conn: Connection, own: Once, now: datetime) -> bytes | None:
    """Return what was answered to the key before; None: the caller's transaction is the first, and is to `keep` one.

    KeyTaken: it was used for something else.
    """
    if await conn.fetchval(_CLAIM_IDEMPOTENCY_KEY, *own, now) is not None:
        return None
    known = await conn.fetchrow(_FIND_IDEMPOTENCY_KEY, own.name, own.key)
    if known is None or known["digest"] != own.digest:
        raise KeyTaken("this Idempotency-Key was used before, for something else: use another for another request")
    return bytes(known["response"])


async def known(conn: Connection, name: str, key: str) -> bytes | None:
    """Return what was answered to somebody's key; None: nothing was."""
    row = await conn.fetchrow(_FIND_IDEMPOTENCY_KEY, name, key)
    return None if row is None or row["response"] is None else bytes(row["response"])


async def keep(conn: Connection, own: Once, answer: bytes) -> None:
    """Keep the answer, in the transaction that claimed the key."""
    await conn.execute(_STORE_RESPONSE, own.name, own.key, answer)
