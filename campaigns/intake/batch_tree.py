"""The Merkle tree over the likes that a batch counted, and the receipt of a like (RFC 6962, 2.1).

A leaf commits to (nonce, pseudonym, content, event_at). The batch's key derives the nonces. Once
that key is erased, the leaf stays in every proof but links to nobody.
"""

import base64
from collections.abc import Sequence
from hashlib import sha256, shake_256
from typing import NamedTuple

from ledger.log.merkle import root

NONCE_BYTES = 16
_LEAF = b"\x00\x01"  # RFC 6962's prefix of a leaf, then the version of the rest
TAG_BYTES = 8
DIGEST_BYTES = 16


class BatchLike(NamedTuple):
    """A like as its leaf commits to it, and its position."""

    position: int  # in the batch: selects the nonce
    person: bytes
    content: str
    event_us: int  # microseconds since 1970


class Tree(NamedTuple):
    """A batch's root (32 bytes), leaf hashes (32 bytes each, joined), and the leaves' positions."""

    root: bytes
    leaves: bytes
    positions: list[int]


def derive_nonces(nonce_key: bytes, count: int) -> bytes:
    """Return the nonces of the first `count` positions, 16 bytes each: SHAKE256 (FIPS 202)."""
    return shake_256(nonce_key).digest(NONCE_BYTES * count)


def leaf_hash(leaf_nonce: bytes, like: BatchLike) -> bytes:
    """Return sha256(0x00 ‖ 0x01 ‖ nonce ‖ person ‖ event_us, 8 bytes big-endian ‖ content)."""
    moment = like.event_us.to_bytes(8, "big")
    return sha256(b"%b%b%b%b%b" % (_LEAF, leaf_nonce, like.person, moment, like.content.encode())).digest()


def build_tree(nonce_key: bytes, likes: Sequence[BatchLike]) -> Tree:
    """Return the tree over `likes`, which are sorted by position."""
    nonces = derive_nonces(nonce_key, likes[-1].position + 1) if likes else b""
    hashes = [
        leaf_hash(nonces[like.position * NONCE_BYTES : (like.position + 1) * NONCE_BYTES], like) for like in likes
    ]
    return Tree(root(hashes), b"".join(hashes), [like.position for like in likes])


def slice_at(values: bytes | bytearray, position: int) -> bytes:
    """Return the 16 bytes of a position; shorter if `values` end before it."""
    return bytes(values[position * NONCE_BYTES : (position + 1) * NONCE_BYTES])


def digest_tag(leaf: bytes, tag: bytes) -> bytes:
    """Return the digest (16 bytes) of a receipt's tag: it recognises the tag and does not reveal it.

    `leaf` is the hash of the like's leaf, so that digests of two positions never match.
    """
    return sha256(leaf + tag).digest()[:DIGEST_BYTES]


def encode_receipt(batch_id: int, position: int, nonce_key: bytes) -> str:
    """Return the receipt of a like, `rcp_` and 20 bytes in base64url.

    Only the batch's key derives it.
    """
    tag = derive_nonces(nonce_key, position + 1)[-NONCE_BYTES:][:TAG_BYTES]
    packed = batch_id.to_bytes(8, "big") + position.to_bytes(4, "big") + tag
    return "rcp_" + base64.urlsafe_b64encode(packed).decode().rstrip("=")
