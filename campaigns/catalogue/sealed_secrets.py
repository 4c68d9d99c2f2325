"""Secrets that a platform issues: sealed with AES-256-GCM (NIST SP 800-38D) before they are stored.

The key is derived from the webhook key. A sealed secret is bound to its platform and key id: copied
to another row it does not open.
"""

import secrets
from collections.abc import Mapping
from hashlib import blake2b

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

NONCE_BYTES = 12


class SecretSealedOtherwise(Exception):
    """A stored secret does not open: the webhook key is another one, or the row was changed."""


def seal(webhook_key: bytes, platform: str, key_id: int, values: Mapping[str, str]) -> bytes:
    """Return the values of a secret, sealed: nonce and ciphertext with its tag. Random nonce."""
    nonce = secrets.token_bytes(NONCE_BYTES)
    plain = orjson.dumps(dict(values), option=orjson.OPT_SORT_KEYS)
    return nonce + AESGCM(_sealing_key(webhook_key)).encrypt(nonce, plain, _binding(platform, key_id))


def open_sealed(webhook_key: bytes, platform: str, key_id: int, sealed: bytes) -> dict[str, str]:
    """Return the values of a sealed secret. Raises SecretSealedOtherwise. Pure."""
    nonce, ciphertext = sealed[:NONCE_BYTES], sealed[NONCE_BYTES:]
    try:
        plain = AESGCM(_sealing_key(webhook_key)).decrypt(nonce, ciphertext, _binding(platform, key_id))
    except (InvalidTag, ValueError) as error:
        raise SecretSealedOtherwise from error
    values: dict[str, str] = orjson.loads(plain)
    return values


def _sealing_key(webhook_key: bytes) -> bytes:
    return blake2b(b"", key=webhook_key, person=b"sealing", digest_size=32).digest()


def _binding(platform: str, key_id: int) -> bytes:
    return f"{platform}/{key_id}".encode()
