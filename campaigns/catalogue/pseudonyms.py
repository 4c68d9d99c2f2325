"""Pseudonyms of people: a keyed hash (BLAKE2b, RFC 7693) of the user id, with a key per campaign.

The raw id goes no further than this function. Pseudonyms of two campaigns or two platforms cannot
be linked. The likes of an erased person are known by tombstones, under a second key per campaign.
"""

from collections.abc import Callable
from hashlib import blake2b

PSEUDONYM_BYTES = 16
TOMBSTONE_BYTES = 16


def campaign_key(pseudonym_key: bytes, slug: str) -> bytes:
    """Return a campaign's key (32 bytes), derived from the service's. Pure."""
    return blake2b(slug.encode(), key=pseudonym_key, person=b"campaign", digest_size=32).digest()


def pseudonymiser(key: bytes, platform: str) -> Callable[[str], bytes]:
    """Return the function from a platform's user id to a campaign's pseudonym (16 bytes). Pure."""
    name = platform.encode()
    start = blake2b(len(name).to_bytes(2, "big") + name, key=key, person=b"person", digest_size=PSEUDONYM_BYTES)

    def pseudonym(person: str) -> bytes:
        keyed = start.copy()
        keyed.update(person.encode())
        return keyed.digest()

    return pseudonym


def tombstone_key(pseudonym_key: bytes, slug: str) -> bytes:
    """Return a campaign's key of tombstones (32 bytes): nobody derives it from `campaign_key`. Pure."""
    return blake2b(slug.encode(), key=pseudonym_key, person=b"tombstones", digest_size=32).digest()


def like_tombstone(key: bytes, content: str, person: bytes) -> bytes:
    """Return the tombstone (16 bytes) of a like; `person` is its pseudonym before the erasure. Pure."""
    return blake2b(person + content.encode(), key=key, person=b"like", digest_size=TOMBSTONE_BYTES).digest()


def bucket_of(person: bytes, buckets: int = 1) -> int:
    """Return the bucket of a pseudonym, the same for all likes of a person (design, section 9).

    Pure.
    """
    return person[0] % buckets
