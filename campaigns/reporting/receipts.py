"""The fate and proof of a receipt.

The proof leads from the like to its batch, to the `count` leaf, to a signed checkpoint. Only the
holder of the batch's nonces can produce a receipt. The response includes the like while it is
stored and matches the leaf. The proof itself needs no like, and outlives it.
"""

import base64
import hmac
from datetime import datetime
from functools import lru_cache
from typing import Any, Literal, NamedTuple

import asyncpg
from typing_extensions import TypedDict

from campaigns.intake.batch_tree import NONCE_BYTES, TAG_BYTES, derive_nonces, digest_tag, slice_at
from campaigns.reporting.snapshot import Instant, format_instant
from campaigns.review.receipt_verdict import ReceiptVerdict, receipt_verdict
from ledger.log.encoding import to_base64
from ledger.log.merkle import HASH_BYTES, inclusion_nodes, inclusion_path, leaf_hash, prove_inclusion, tree_levels
from ledger.log.receipt import like_entry
from ledger.publication import store
from sql import Connection, query

Fate = Literal["counted", "withdrawn", "quarantined", "void", "over_limit", "low_quality", "gone", "forgotten"]
_PREFIX = "rcp_"
_TREES_MAX = 16  # at most half a megabyte each
_PACKED_BYTES = 8 + 4 + TAG_BYTES
_FIND_RECEIPT_BATCH = query("find_receipt_batch")
_FIND_RECEIPT_LIKE = query("find_receipt_like")


class ReceiptLike(TypedDict):
    """The values that the batch's leaf commits to: bytes in hex, microseconds since 1970."""

    nonce: str
    person: str
    event_us: int
    content: str


class ReceiptBatch(TypedDict):
    """The inclusion proof from the leaf to its batch's root (RFC 6962), hashes in hex."""

    id: int
    size: int
    index: int
    leaf: str
    path: list[str]
    root: str


class ReceiptCount(TypedDict):
    """The log's leaf with the batch, as text, and its inclusion proof, hashes in base64."""

    index: int
    entry: str
    path: list[str]


class Receipt(TypedDict):
    """The fate of a like, and its proof.

    The fate is the state of the like now. `gone`: it is no longer stored, or an older release gave
    it another receipt. `forgotten`: nothing links it to a person any more. `verdict` is null if
    neither rules nor people decided anything. `like` is null if it is no longer stored; `count` and
    `checkpoint` are null until the log has the batch.
    """

    receipt: str
    campaign: str
    as_of: Instant
    fate: Fate
    verdict: ReceiptVerdict | None
    like: ReceiptLike | None
    batch: ReceiptBatch
    count: ReceiptCount | None
    checkpoint: str | None


class _ReceiptId(NamedTuple):
    batch_id: int
    position: int
    tag: bytes


def decode_receipt(receipt: str) -> _ReceiptId | None:
    """Return the parts of a receipt; None if it is malformed.

    Accepts only the exact form that was issued.
    """
    text = receipt.removeprefix(_PREFIX)
    try:
        packed = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        return None
    if len(packed) != _PACKED_BYTES or _PREFIX + base64.urlsafe_b64encode(packed).decode().rstrip("=") != receipt:
        return None
    batch_id, position = int.from_bytes(packed[:8], "big"), int.from_bytes(packed[8:12], "big")
    return _ReceiptId(batch_id, position, packed[12:]) if batch_id < 2**63 else None


async def find_receipt(conn: Connection, receipt: str, now: datetime) -> Receipt | None:
    """Return the fate and proof of a like; None if this receipt was never issued."""
    receipt_id = decode_receipt(receipt)
    batch = None if receipt_id is None else await conn.fetchrow(_FIND_RECEIPT_BATCH, receipt_id.batch_id)
    if receipt_id is None or batch is None or receipt_id.position not in batch["positions"]:
        return None
    nonce = nonce_at(batch["nonce_key"], batch["nonces"], receipt_id.position)
    if not _is_issued(batch, receipt_id, nonce):
        return None
    proof = _batch_proof(batch, receipt_id)
    like_position = batch["campaign_id"], batch["bucket"], receipt_id.batch_id, receipt_id.position
    row = await conn.fetchrow(_FIND_RECEIPT_LIKE, *like_position) if nonce is not None else None
    fate: Fate = "forgotten" if nonce is None else "gone" if row is None else row["state"]
    count, note = await _log_proof(conn, batch["leaf_index"])
    return {
        "receipt": receipt,
        "campaign": batch["slug"],
        "as_of": format_instant(now),
        "fate": fate,
        "verdict": None if row is None else receipt_verdict(row),
        "like": _committed_like(nonce, row, proof["leaf"]),
        "batch": proof,
        "count": count,
        "checkpoint": note,
    }


def _is_issued(batch: asyncpg.Record, receipt_id: _ReceiptId, nonce: bytes | None) -> bool:
    """Return whether the receipt's tag is the one that was issued. Pure.

    An erased position takes the same steps as any other, so that neither the answer nor its time
    tells a stranger which positions are erased. One that was erased by a release without digests
    has none, and matches no tag.
    """
    index = batch["positions"].index(receipt_id.position)
    leaf = batch["leaves"][index * HASH_BYTES : (index + 1) * HASH_BYTES]
    stored = slice_at(batch["receipt_digests"] or b"", receipt_id.position)
    derived = digest_tag(leaf, (nonce or bytes(NONCE_BYTES))[:TAG_BYTES])
    expected = stored if nonce is None else derived
    return hmac.compare_digest(expected, digest_tag(leaf, receipt_id.tag))


def nonce_at(nonce_key: bytes | None, stored_nonces: bytes | None, position: int) -> bytes | None:
    """Return the nonce (16 bytes) of a position in a batch; None once it is erased."""
    derived = derive_nonces(nonce_key or b"", position + 1)  # also without a key: both cases take the same time
    nonce = slice_at(derived if nonce_key is not None else stored_nonces or b"", position)
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
    """Return a batch's tree. Cached: the receipts of one delivery share one batch."""
    return tree_levels([leaves[start : start + HASH_BYTES] for start in range(0, len(leaves), HASH_BYTES)])


def _committed_like(nonce: bytes | None, row: Any, leaf: str) -> ReceiptLike | None:
    """Return the like if the leaf commits to it; None if it is not stored.

    A like that an older release moved has another time than its leaf: it is None too.
    """
    if nonce is None or row is None:
        return None
    entry = like_entry(nonce, row["person"], row["event_us"], row["content"])
    if leaf_hash(entry).hex() != leaf:
        return None
    person, event_us, content = row["person"].hex(), row["event_us"], row["content"]
    return {"nonce": nonce.hex(), "person": person, "event_us": event_us, "content": content}


async def _log_proof(conn: Connection, index: int | None) -> tuple[ReceiptCount | None, str | None]:
    head = await store.newest_head(conn)
    if index is None or head is None or index >= head.size:
        return None, None
    reader = await store.load_hash_reader(conn, inclusion_nodes(index, head.size), head.size)
    path = [to_base64(node) for node in prove_inclusion(reader, index, head.size)]
    entry = (await store.read_entry(conn, index)).decode()
    return {"index": index, "entry": entry, "path": path}, head.note.decode()
