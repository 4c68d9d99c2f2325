"""Webhook secrets of platforms, derived from one key: no table stores a secret."""

import base64
from hashlib import blake2b

SECRET_PREFIX = "whsec_"  # noqa: S105 - a prefix, not a secret


def derive_secret(webhook_key: bytes, platform: str, salt: bytes) -> bytes:
    """Return a platform's v1 secret (32 bytes). Pure."""
    message = len(salt).to_bytes(1, "big") + salt + platform.encode()
    return blake2b(message, key=webhook_key, person=b"webhook", digest_size=32).digest()


def format_secret(secret: bytes) -> str:
    """Return the secret in the form that its platform configures: `whsec_` and base64. Pure."""
    return SECRET_PREFIX + base64.b64encode(secret).decode()
