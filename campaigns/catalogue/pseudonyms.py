"""A person is a pseudonym: a keyed hash of the platform's user id under the campaign's own key (BLAKE2b, RFC 7693).

The raw id goes no further than this function, and the pseudonyms of two campaigns or platforms cannot be linked.
"""

from collections.abc import Callable
from hashlib import blake2b

PSEUDONYM_BYTES = 16


def campaign_key(pseudonym_key: bytes, slug: str) -> bytes:
    """Derive a campaign's own key from the service's."""
    return blake2b(slug.encode(), key=pseudonym_key, person=b"campaign", digest_size=32).digest()


def pseudonymiser(key: bytes, platform: str) -> Callable[[str], bytes]:
    """Return the function from a platform's user id to the pseudonym (16 bytes) under a campaign's key."""
    name = platform.encode()
    start = blake2b(len(name).to_bytes(2, "big") + name, key=key, person=b"person", digest_size=PSEUDONYM_BYTES)

    def pseudonym(person: str) -> bytes:
        keyed = start.copy()
        keyed.update(person.encode())
        return keyed.digest()

    return pseudonym


def bucket_of(person: bytes, buckets: int = 1) -> int:
    """Return the shard of a pseudonym: all of a person's likes stand in one bucket (design, section 9)."""
    return person[0] % buckets
