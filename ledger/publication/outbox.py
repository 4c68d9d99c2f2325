"""The outbox of the public log: a leaf is queued in the same transaction as the fact it records."""

from typing import Any, Literal

from ledger.log.canonical import canonical_bytes
from sql import Connection, query

LeafKind = Literal["terms", "count", "transfer", "settlement", "payout", "note", "succession", "ruleset", "verdicts"]

# The newest version of each kind of leaf; the others are at version 1.
_VERSIONS: dict[LeafKind, int] = {"terms": 2, "count": 2, "payout": 2}

_ENQUEUE_LEAF = query("enqueue_leaf")


def leaf_body(kind: LeafKind, body: dict[str, Any]) -> bytes:
    """Return the bytes to be hashed: canonical JSON (RFC 8785) with the leaf's kind and version."""
    return canonical_bytes({"kind": kind, "v": _VERSIONS.get(kind, 1), **body})


async def enqueue_leaf(conn: Connection, kind: LeafKind, subject: str, body: dict[str, Any]) -> None:
    """Queue one leaf. Joins the caller's transaction.

    `subject` is the unique name of the recorded fact; a second leaf with it violates a constraint.
    """
    await conn.execute(_ENQUEUE_LEAF, kind, subject, leaf_body(kind, body))
