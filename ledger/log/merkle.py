"""RFC 6962 tree hash (a first form; to be replaced)."""

from collections.abc import Sequence
from hashlib import sha256


def root(leaf_hashes: Sequence[bytes]) -> bytes:
    """Return the Merkle tree hash over leaf hashes."""
    level = list(leaf_hashes)
    if not level:
        return sha256().digest()
    while len(level) > 1:
        odd = level[-1:] if len(level) % 2 else []
        level = [
            sha256(b"\x01" + left + right).digest() for left, right in zip(level[::2], level[1::2], strict=False)
        ]
        level += odd
    return level[0]
