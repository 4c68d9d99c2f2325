"""A receipt's proof, checked offline with the log's public key alone: like → batch → `count` leaf → checkpoint.

The file is what `GET /v1/receipts/{receipt}` answers. Each step is a sentence that holds or does not; the first that
does not ends the check. What the like itself was is shown only while the service still knows it: a proof outlives it.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from ledger.log.checkpoint import Checkpoint, MalformedCheckpoint, open_checkpoint
from ledger.log.encoding import from_base64
from ledger.log.merkle import check_inclusion, leaf_hash
from ledger.log.note import NoteError, VerifierKey
from ledger.log.shapes import Wrong, read_leaf

LIKE_VERSION = b"\x01"
MICROSECONDS_BYTES = 8


class Step(NamedTuple):
    """One step of the proof, in words, and whether it holds."""

    says: str
    holds: bool


class MalformedReceipt(ValueError):
    """The file is no receipt with a proof."""


def like_entry(nonce: bytes, person: bytes, event_us: int, content: str) -> bytes:
    """Return the bytes that a batch's leaf commits to; `event_us` is in microseconds since 1970."""
    return b"".join([LIKE_VERSION, nonce, person, event_us.to_bytes(MICROSECONDS_BYTES, "big"), content.encode()])


def check(raw: bytes, key: VerifierKey) -> list[Step]:
    """Return the steps of a receipt's proof, until one does not hold. MalformedReceipt if there is no proof."""
    try:
        proof = _with_checkpoint(json.loads(raw))
        steps = []
        for step in _steps(proof, key):
            steps.append(step)
            if not step.holds:
                break
    except MalformedReceipt:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as fault:
        raise MalformedReceipt(f"no receipt with a proof: {fault!r}") from None
    return steps


def _with_checkpoint(proof: Mapping[str, Any]) -> Mapping[str, Any]:
    if proof["checkpoint"] is None:
        raise MalformedReceipt("the receipt is not in a checkpoint yet: ask for it again in a second")
    return proof


def _steps(proof: Mapping[str, Any], key: VerifierKey) -> Iterator[Step]:
    batch, count = proof["batch"], proof["count"]
    leaf, root = bytes.fromhex(batch["leaf"]), bytes.fromhex(batch["root"])
    if proof["like"] is not None:
        yield Step("the like's nonce, pseudonym, time and content hash to the leaf", _is_leaf(proof["like"], leaf))
    path = [bytes.fromhex(node) for node in batch["path"]]
    in_batch = check_inclusion(path, batch["index"], batch["size"], leaf, root)
    yield Step(f"the leaf is number {batch['index']} of batch {batch['id']}, which has {batch['size']}", in_batch)
    entry = count["entry"].encode()
    yield Step("the count leaf names that batch, its size and its root", _names(entry, proof["campaign"], batch))
    checkpoint = _opened(proof["checkpoint"], key)
    signed = f"the checkpoint is signed by {key.name}"
    yield Step(signed, checkpoint is not None)
    if checkpoint is not None:
        nodes = [from_base64(node) for node in count["path"]]
        held = check_inclusion(nodes, count["index"], checkpoint.size, leaf_hash(entry), checkpoint.root)
        yield Step(f"the count leaf is number {count['index']} of the log's first {checkpoint.size} leaves", held)


def _is_leaf(like: Mapping[str, Any], leaf: bytes) -> bool:
    nonce, person = bytes.fromhex(like["nonce"]), bytes.fromhex(like["person"])
    return leaf_hash(like_entry(nonce, person, like["event_us"], like["content"])) == leaf


def _names(entry: bytes, campaign: str, batch: Mapping[str, Any]) -> bool:
    try:
        told = read_leaf(entry)
    except Wrong:
        return False
    wanted = [batch["id"], batch["size"], batch["root"]]
    return told["kind"] == "count" and told["campaign"] == campaign and wanted in told["batches"]


def _opened(note: str, key: VerifierKey) -> Checkpoint | None:
    try:
        return open_checkpoint(note.encode(), key)
    except (NoteError, MalformedCheckpoint):
        return None
