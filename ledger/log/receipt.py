"""A receipt's proof, checked offline with the log's public key alone: like → batch → `count` leaf → checkpoint.

The file is what `GET /v1/receipts/{receipt}` answers. Each step is a sentence that holds or does not; the first that
does not ends the check. What the like itself was is shown only while the service still knows it: a proof outlives it.
"""

from collections.abc import Iterator
from typing import Literal, NamedTuple

from ledger.log.checkpoint import Checkpoint, MalformedCheckpoint, open_checkpoint
from ledger.log.leaf_schemas import Wrong, read_leaf
from ledger.log.merkle import check_inclusion, leaf_hash
from ledger.log.note import NoteError, VerifierKey
from ledger.log.receipt_file import MalformedReceipt, NotLoggedYet, Proof, read_proof

__all__ = ["MalformedReceipt", "NotLoggedYet", "Step", "check", "like_entry"]

LIKE_VERSION = b"\x01"
MICROSECONDS_BYTES = 8

StepName = Literal["like", "batch", "count", "signature", "log"]


class Step(NamedTuple):
    """One step of the proof: its name, in words, and whether it holds."""

    name: StepName
    says: str
    holds: bool


def like_entry(nonce: bytes, person: bytes, event_us: int, content: str) -> bytes:
    """Return the bytes that a batch's leaf commits to; `event_us` is in microseconds since 1970."""
    return b"".join([LIKE_VERSION, nonce, person, event_us.to_bytes(MICROSECONDS_BYTES, "big"), content.encode()])


def check(raw: bytes, key: VerifierKey) -> list[Step]:
    """Return the steps of a receipt's proof, until one does not hold. MalformedReceipt if there is no proof."""
    proof, steps = read_proof(raw), []
    for step in _steps(proof, key):
        steps.append(step)
        if not step.holds:
            break
    return steps


def _steps(proof: Proof, key: VerifierKey) -> Iterator[Step]:
    batch, count = proof.batch, proof.count
    if proof.like is not None:
        is_leaf = leaf_hash(like_entry(*proof.like)) == batch.leaf
        yield Step("like", "the like's nonce, pseudonym, time and content hash to the leaf", is_leaf)
    in_batch = check_inclusion(batch.path, batch.index, batch.size, batch.leaf, batch.root)
    yield Step("batch", f"the leaf is number {batch.index} of batch {batch.id}, which has {batch.size}", in_batch)
    yield Step("count", "the count leaf names that batch, its size and its root", _names(proof))
    checkpoint = _opened(proof.checkpoint, key)
    yield Step("signature", f"the checkpoint is signed by {key.name}", checkpoint is not None)
    if checkpoint is not None:
        held = check_inclusion(count.path, count.index, checkpoint.size, leaf_hash(count.entry), checkpoint.root)
        yield Step("log", f"the count leaf is number {count.index} of the log's first {checkpoint.size} leaves", held)


def _names(proof: Proof) -> bool:
    try:
        told = read_leaf(proof.count.entry)
    except Wrong:
        return False
    wanted = [proof.batch.id, proof.batch.size, proof.batch.root.hex()]
    return told["kind"] == "count" and told["campaign"] == proof.campaign and wanted in told["batches"]


def _opened(note: bytes, key: VerifierKey) -> Checkpoint | None:
    try:
        return open_checkpoint(note, key)
    except (NoteError, MalformedCheckpoint):
        return None
