"""Check a receipt's proof offline with the log's public key: like, batch, `count` leaf, checkpoint.

The file is the response of `GET /v1/receipts/{receipt}`. The check ends at the first step that does
not hold. The like itself is in the file only while the service stores it; the proof outlives it.
"""

from collections.abc import Iterator
from typing import Literal, NamedTuple

from ledger.log.checkpoint import Checkpoint, MalformedCheckpoint, open_checkpoint
from ledger.log.leaf_schemas import InvalidLeaf, read_leaf
from ledger.log.merkle import check_inclusion, leaf_hash
from ledger.log.note import NoteError, VerifierKey
from ledger.log.receipt_file import MalformedReceipt, NotLoggedYet, ReceiptProof, read_proof

__all__ = ["MalformedReceipt", "NotLoggedYet", "ProofStep", "check_receipt", "like_entry"]

LIKE_VERSION = b"\x01"
MICROSECONDS_BYTES = 8

ProofStepName = Literal["like", "batch", "count", "signature", "log"]


class ProofStep(NamedTuple):
    """One step of the proof: its name, its description and whether it holds."""

    name: ProofStepName
    description: str
    holds: bool


def like_entry(nonce: bytes, person: bytes, event_us: int, content: str) -> bytes:
    """Return the bytes of a batch's leaf; `event_us` is in microseconds since 1970."""
    return b"".join([LIKE_VERSION, nonce, person, event_us.to_bytes(MICROSECONDS_BYTES, "big"), content.encode()])


def check_receipt(raw: bytes, key: VerifierKey) -> list[ProofStep]:
    """Return the steps of a receipt's proof, up to the first that does not hold.

    Raises MalformedReceipt if the file has no proof.
    """
    proof, steps = read_proof(raw), []
    for step in _check_steps(proof, key):
        steps.append(step)
        if not step.holds:
            break
    return steps


def _check_steps(proof: ReceiptProof, key: VerifierKey) -> Iterator[ProofStep]:
    batch, count = proof.batch, proof.count
    if proof.like is not None:
        is_leaf = leaf_hash(like_entry(*proof.like)) == batch.leaf
        yield ProofStep("like", "the like's nonce, pseudonym, time and content hash to the leaf", is_leaf)
    in_batch = check_inclusion(batch.path, batch.index, batch.size, batch.leaf, batch.root)
    yield ProofStep(
        "batch", f"the leaf is number {batch.index} of batch {batch.id}, which has {batch.size}", in_batch
    )
    yield ProofStep("count", "the count leaf names that batch, its size and its root", _names_batch(proof))
    checkpoint = _open_or_none(proof.checkpoint, key)
    yield ProofStep("signature", f"the checkpoint is signed by {key.name}", checkpoint is not None)
    if checkpoint is not None:
        is_logged = check_inclusion(count.path, count.index, checkpoint.size, leaf_hash(count.entry), checkpoint.root)
        yield ProofStep(
            "log", f"the count leaf is number {count.index} of the log's first {checkpoint.size} leaves", is_logged
        )


def _names_batch(proof: ReceiptProof) -> bool:
    try:
        leaf = read_leaf(proof.count.entry)
    except InvalidLeaf:
        return False
    batch_members = [proof.batch.id, proof.batch.size, proof.batch.root.hex()]
    return leaf["kind"] == "count" and leaf["campaign"] == proof.campaign and batch_members in leaf["batches"]


def _open_or_none(note: bytes, key: VerifierKey) -> Checkpoint | None:
    try:
        return open_checkpoint(note, key)
    except (NoteError, MalformedCheckpoint):
        return None
