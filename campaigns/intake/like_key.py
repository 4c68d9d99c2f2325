"""The key of a like within its campaign, as bytes that sort the way locks are taken.

A key is the content, U+001F, and the person's pseudonym (16 bytes). No content has a control
character, so the parts can be told apart.
"""

from typing import TypeAlias

from campaigns.catalogue.pseudonyms import PSEUDONYM_BYTES

SEPARATOR = "\x1f"
_PERSON = -PSEUDONYM_BYTES
_CONTENT = _PERSON - 1

LikeKey: TypeAlias = bytes


def like_key(content: str, person: bytes) -> LikeKey:
    """Return the key of a person's like of a content."""
    return content.encode() + b"\x1f" + person


def content_of(key: LikeKey) -> str:
    """Return the content of a key."""
    return key[:_CONTENT].decode()


def person_of(key: LikeKey) -> bytes:
    """Return the pseudonym of a key."""
    return key[_PERSON:]


def join_contents(keys: list[LikeKey]) -> str:
    """Return the contents of the keys as one text, joined by the separator."""
    return b"\x1f".join([key[:_CONTENT] for key in keys]).decode()


def join_persons(keys: list[LikeKey]) -> bytes:
    """Return the pseudonyms of the keys as one value, 16 bytes each."""
    return b"".join([key[_PERSON:] for key in keys])
