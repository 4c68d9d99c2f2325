"""A receipt's fate and proof: from the like to its batch, to the `count` leaf, to a signed checkpoint.

A receipt can be made only by who knows the batch's nonces. What the like was is told as long as it is known and is
what the leaf commits to; the proof itself needs no like, and outlives it.
"""

import base64
import hmac
from datetime import datetime
from functools import lru_cache
from typing import Any, Literal, NamedTuple

import asyncpg
from typing_extensions import TypedDict

from campaigns.intake.batch_tree import NONCE_BYTES, TAG_BYTES, derive_nonces
from campaigns.reporting.snapshot import Instant, format_instant
from ledger.log.encoding import to_base64
from ledger.log.merkle import HASH_BYTES, inclusion_nodes, inclusion_path, leaf_hash, prove_inclusion, tree_levels
from ledger.log.receipt import like_entry
from ledger.publication import store
from sql import Connection, query

Fate = Literal["counted", "withdrawn", "quarantined", "void", "over_limit", "gone", "forgotten"]
_PREFIX = "rcp_"
_TREES_MAX = 16  # of half a megabyte at most
_PACKED_BYTES = 8 + 4 + TAG_BYTES
_FIND_RECEIPT_BATCH = query("find_receipt_batch")
_FIND_RECEIPT_LIKE = query("find_receipt_like")


class ReceiptLike(TypedDict):
    """What the batch's leaf commits to: bytes in hex, microseconds since 1970."""

    nonce: str
    person: str
    event_us: int
    content: str


class ReceiptBatch(TypedDict):
    """The leaf's way to its batch's root (RFC 6962), hashes in hex."""

    id: int
    size: int
    index: int
    leaf: str
    path: list[str]
    root: str


class ReceiptCount(TypedDict):
    """The log's leaf that tells of the batch, as text, and its way to the checkpoint, hashes in base64."""

    index: int
    entry: str
    path: list[str]


class Receipt(TypedDict):
    """A like's fate, and its proof.

    `gone`: the like was erased, or counts by another receipt now. `forgotten`: nothing links it to anybody any more.
    `like` is null where it is not known any more; `count` and `checkpoint` until the log has the batch.
    """

    receipt: str
    campaign: str
    as_of: Instant
    fate: Fate
    like: ReceiptLike | None
    batch: ReceiptBatch
    count: ReceiptCount | None
    checkpoint: str | None


class _ReceiptId(NamedTuple):
    batch_id: int
    position: int
    tag: bytes


def decode_receipt(receipt: str) -> _ReceiptId | None:
    """Return what a receipt names; None if it is none. Only in the one form in which it was given out."""
    text = receipt.removeprefix(_PREFIX)
    try:
        packed = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        return None
    if len(packed) != _PACKED_BYTES or _PREFIX + base64.urlsafe_b64encode(packed).decode().rstrip("=") != receipt:
        return None
    named = _ReceiptId(int.from_bytes(packed[:8], "big"), int.from_bytes(packed[8:12], "big"), packed[12:])
    return named if named.batch_id < 2**63 else None


async def find_receipt(conn: Connection, receipt: str, now: datetime) -> Receipt | None:
    """Return a like's fate and proof; None if nobody was ever given this receipt."""
    named = decode_receipt(receipt)
    batch = None if named is None else await conn.fetchrow(_FIND_RECEIPT_BATCH, named.batch_id)
    if named is None or batch is None or named.position not in batch["positions"]:
        return None
    nonce = nonce_at(batch["nonce_key"], batch["nonces"], named.position)
    if nonce is not None and not hmac.compare_digest(nonce[:TAG_BYTES], named.tag):
        return None
    proof = _batch_proof(batch, named)
    where = batch["campaign_id"], batch["bucket"], named.batch_id, named.position
    row = await conn.fetchrow(_FIND_RECEIPT_LIKE, *where) if nonce is not None else None
    fate: Fate = "forgotten" if nonce is None else "gone" if row is None else row["state"]
    count, note = await _log_proof(conn, batch["leaf_index"])
    return {
        "receipt": receipt,
        "campaign": batch["slug"],
        "as_of": format_instant(now),
        "fate": fate,
        "like": _committed_like(nonce, row, proof["leaf"]),
        "batch": proof,
        "count": count,
        "checkpoint": note,
    }


def nonce_at(nonce_key: bytes | None, stored_nonces: bytes | None, position: int) -> bytes | None:
    """Return the nonce of a place in a batch; None once it is forgotten."""
    stream = derive_nonces(nonce_key, position + 1) if nonce_key is not None else stored_nonces or b""
    nonce = stream[position * NONCE_BYTES : (position + 1) * NONCE_BYTES]
    return nonce if any(nonce) else None


def _batch_proof(batch: asyncpg.Record, receipt_id: _ReceiptId) -> ReceiptBatch:
    tree, index = _batch_tree(batch["leaves"]), batch["positions"].index(receipt_id.position)
    return {
        "id": receipt_id.batch_id,
        "size": len(tree[0]),
        "index": index,
        "leaf": tree[0][index].hex(),
        "path": [node.hex() for node in inclusion_path(tree, index)],
        "root": batch["root"].hex(),
    }


@lru_cache(maxsize=_TREES_MAX)
def _batch_tree(leaves: bytes) -> list[list[bytes]]:
    """Return a batch's tree: whoever asks for the receipts of a delivery asks for those of one batch."""
    return tree_levels([leaves[at : at + HASH_BYTES] for at in range(0, len(leaves), HASH_BYTES)])


def _committed_like(nonce: bytes | None, row: Any, leaf: str) -> ReceiptLike | None:
    """Return what the leaf commits to; None where the like has changed since or is not known."""
    if nonce is None or row is None:
        return None
    entry = like_entry(nonce, row["person"], row["event_us"], row["content"])
    if leaf_hash(entry).hex() != leaf:
        return None
    person, event_us, content = row["person"].hex(), row["event_us"], row["content"]
    return {"nonce": nonce.hex(), "person": person, "event_us": event_us, "content": content}


async def _log_proof(conn: Connection, index: int | None) -> tuple[ReceiptCount | None, str | None]:
    signed = await store.newest_head(conn)
    if index is None or signed is None or index >= signed.size:
        return None, None
    reader = await store.load_hash_reader(conn, inclusion_nodes(index, signed.size), signed.size)
    path = [to_base64(node) for node in prove_inclusion(reader, index, signed.size)]
    entry = (await store.read_entry(conn, index)).decode()
    return {"index": index, "entry": entry, "path": path}, signed.note.decode()
