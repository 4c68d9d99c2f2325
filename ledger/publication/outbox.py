"""Leaves on their way to the public log: queued in the transaction of what they tell, so none can be missing."""

from typing import Any, Literal

from ledger.log.canonical import canonical_bytes
from sql import Connection, query

LeafKind = Literal["terms", "count", "transfer", "settlement", "payout", "note"]

_ENQUEUE_LEAF = query("enqueue_leaf")


def leaf_body(kind: LeafKind, body: dict[str, Any]) -> bytes:
    """Return the bytes that will be hashed: RFC 8785 JSON, its kind and version of schema within."""
    return canonical_bytes({"kind": kind, "v": 1, **body})


async def enqueue_leaf(conn: Connection, kind: LeafKind, subject: str, body: dict[str, Any]) -> None:
    """Queue one leaf; joins the caller's transaction. `subject` names what it tells of, once for ever."""
    await conn.execute(_ENQUEUE_LEAF, kind, subject, leaf_body(kind, body))
