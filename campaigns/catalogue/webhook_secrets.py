"""Webhook secrets: derived from one key, so that no table holds one."""

import base64
from hashlib import blake2b

SECRET_PREFIX = "whsec_"  # noqa: S105 - the prefix of secrets, not one


def derive_secret(webhook_key: bytes, platform: str, salt: bytes) -> bytes:
    """Return a platform's v1 secret (32 bytes): derived, so that no table holds one."""
    message = len(salt).to_bytes(1, "big") + salt + platform.encode()
    return blake2b(message, key=webhook_key, person=b"webhook", digest_size=32).digest()


def format_secret(secret: bytes) -> str:
    """Return the secret as its platform is given it: `whsec_` and base64."""
    return SECRET_PREFIX + base64.b64encode(secret).decode()
