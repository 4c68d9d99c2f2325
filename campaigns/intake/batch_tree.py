"""The Merkle tree over the likes that a batch brought, and the receipt of a like (RFC 6962, 2.1).

A leaf commits to (nonce, pseudonym, content, event_at). The batch's key derives the nonces. Once
that key is erased, the leaf stays in every proof but links to nobody.
"""

import base64
from collections.abc import Sequence
from hashlib import sha256, shake_256
from typing import NamedTuple

from campaigns.catalogue.pseudonyms import PSEUDONYM_BYTES
from campaigns.intake.like_key import LikeKey
from ledger.log.merkle import root

NONCE_BYTES = 16
_LEAF = b"\x00\x01"  # RFC 6962's prefix of a leaf, then the version of the rest
TAG_BYTES = 8
DIGEST_BYTES = 16


class Tree(NamedTuple):
    """A batch's root (32 bytes), leaf hashes (32 bytes each, joined), and the leaves' positions."""

    root: bytes
    leaves: bytes
    positions: list[int]


def derive_nonces(nonce_key: bytes, count: int) -> bytes:
    """Return the nonces of the first `count` positions, 16 bytes each: SHAKE256 (FIPS 202)."""
    return shake_256(nonce_key).digest(NONCE_BYTES * count)


def hash_leaves(
    nonce_key: bytes, positions: Sequence[int], keys: Sequence[LikeKey], times_us: Sequence[int]
) -> list[bytes]:
    """Return the leaf hashes of likes, given by columns and sorted by position in the batch.

    A leaf is sha256(0x00 ‖ 0x01 ‖ nonce ‖ person ‖ event_us, 8 bytes big-endian ‖ content). The
    position selects the nonce; times are in microseconds since 1970.
    """
    nonces = derive_nonces(nonce_key, positions[-1] + 1) if positions else b""
    join = b"".join
    return [
        sha256(
            join(
                (
                    _LEAF,
                    nonces[position * NONCE_BYTES : (position + 1) * NONCE_BYTES],
                    key[-PSEUDONYM_BYTES:],
                    event_us.to_bytes(8, "big"),
                    key[: -PSEUDONYM_BYTES - 1],
                )
            )
        ).digest()
        for position, key, event_us in zip(positions, keys, times_us, strict=True)
    ]


def build_tree(positions: Sequence[int], leaves: Sequence[bytes]) -> Tree:
    """Return the tree over the leaf hashes of these positions, ascending."""
    return Tree(root(leaves), b"".join(leaves), list(positions))


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
    return format_receipt(batch_id, position, derive_nonces(nonce_key, position + 1)[-NONCE_BYTES:])


def format_receipt(batch_id: int, position: int, nonce: bytes) -> str:
    """Return the receipt of the like with this nonce."""
    packed = batch_id.to_bytes(8, "big") + position.to_bytes(4, "big") + nonce[:TAG_BYTES]
    return "rcp_" + base64.urlsafe_b64encode(packed).decode().rstrip("=")
