"""The Merkle tree over the likes that a batch made count, and the receipt that names one of them (RFC 6962, 2.1).

A leaf commits to (nonce, pseudonym, content, event_at). The nonces are derived from the batch's own key: once that
is erased, the leaf still stands in every proof but links to nobody.
"""

import base64
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from hashlib import blake2b, sha256
from typing import NamedTuple

from ledger.log.merkle import root

NONCE_BYTES = 16
_LEAF = b"\x00\x01"  # RFC 6962's prefix of a leaf, then the version of what follows
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_TAG_BYTES = 8


class BatchLike(NamedTuple):
    """What a leaf commits to, beside its nonce."""

    place: int  # in the batch: what the nonce is derived from
    person: bytes
    content: str
    event_at: datetime


class Tree(NamedTuple):
    """A batch's root (32 bytes), its leaf hashes, 32 bytes each, joined, and each leaf's place in the batch."""

    root: bytes
    leaves: bytes
    positions: list[int]


def nonce(nonce_key: bytes, place: int) -> bytes:
    """Return the nonce of the like at a place of the batch."""
    return blake2b(place.to_bytes(4, "big"), key=nonce_key, digest_size=NONCE_BYTES).digest()


def leaf_hash(leaf_nonce: bytes, like: BatchLike) -> bytes:
    """Return sha256(0x00 ‖ 0x01 ‖ nonce ‖ person ‖ event_at in microseconds, 8 bytes ‖ content)."""
    micros = (like.event_at - _EPOCH) // _MICROSECOND
    return sha256(_LEAF + leaf_nonce + like.person + micros.to_bytes(8, "big") + like.content.encode()).digest()


def build(nonce_key: bytes, likes: Sequence[BatchLike]) -> Tree:
    """Return the tree over `likes`, in their order."""
    keyed = blake2b(key=nonce_key, digest_size=NONCE_BYTES)
    hashes = []
    for like in likes:
        own = keyed.copy()
        own.update(like.place.to_bytes(4, "big"))
        hashes.append(leaf_hash(own.digest(), like))
    return Tree(root(hashes), b"".join(hashes), [like.place for like in likes])


def receipt(batch_id: int, place: int, nonce_key: bytes) -> str:
    """Return what names one like of a batch; without the batch's key nobody can make up another's."""
    tag = nonce(nonce_key, place)[:_TAG_BYTES]
    packed = batch_id.to_bytes(8, "big") + place.to_bytes(4, "big") + tag
    return "rcp_" + base64.urlsafe_b64encode(packed).decode().rstrip("=")
