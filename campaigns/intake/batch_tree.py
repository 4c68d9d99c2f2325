"""The Merkle tree over the likes that a batch made count, and the receipt that names one of them (RFC 6962, 2.1).

A leaf commits to (nonce, pseudonym, content, event_at). The nonces are derived from the batch's own key: once that
is erased, the leaf still stands in every proof but links to nobody.
"""

import base64
from collections.abc import Sequence
from hashlib import sha256, shake_256
from typing import NamedTuple

from ledger.log.merkle import root

NONCE_BYTES = 16
_LEAF = b"\x00\x01"  # RFC 6962's prefix of a leaf, then the version of what follows
TAG_BYTES = 8


class BatchLike(NamedTuple):
    """What a leaf commits to, beside its nonce."""

    position: int  # in the batch: which nonce is its own
    person: bytes
    content: str
    event_us: int  # microseconds since 1970


class Tree(NamedTuple):
    """A batch's root (32 bytes), its leaf hashes, 32 bytes each, joined, and each leaf's place in the batch."""

    root: bytes
    leaves: bytes
    positions: list[int]


def derive_nonces(nonce_key: bytes, count: int) -> bytes:
    """Return the nonces of the first `places` likes of a batch, 16 bytes each: SHAKE256 (FIPS 202) of its key."""
    return shake_256(nonce_key).digest(NONCE_BYTES * count)


def leaf_hash(leaf_nonce: bytes, like: BatchLike) -> bytes:
    """Return sha256(0x00 ‖ 0x01 ‖ nonce ‖ person ‖ event_us, 8 bytes big-endian ‖ content)."""
    moment = like.event_us.to_bytes(8, "big")
    return sha256(b"%b%b%b%b%b" % (_LEAF, leaf_nonce, like.person, moment, like.content.encode())).digest()


def build_tree(nonce_key: bytes, likes: Sequence[BatchLike]) -> Tree:
    """Return the tree over `likes`, which are in order of their places."""
    stream = derive_nonces(nonce_key, likes[-1].position + 1) if likes else b""
    hashes = [
        leaf_hash(stream[like.position * NONCE_BYTES : (like.position + 1) * NONCE_BYTES], like) for like in likes
    ]
    return Tree(root(hashes), b"".join(hashes), [like.position for like in likes])


def encode_receipt(batch_id: int, position: int, nonce_key: bytes) -> str:
    """Return what names one like of a batch; without the batch's key nobody can make up another's."""
    tag = derive_nonces(nonce_key, position + 1)[-NONCE_BYTES:][:TAG_BYTES]
    packed = batch_id.to_bytes(8, "big") + position.to_bytes(4, "big") + tag
    return "rcp_" + base64.urlsafe_b64encode(packed).decode().rstrip("=")
