"""Parts that the signatures of several kinds share: forms, digests, constant-time comparison."""

import hmac
import re
from collections.abc import Callable, Sequence
from hashlib import sha256

from campaigns.intake.kinds.model import Request, Secret, Verified

_HEX_SHA256 = re.compile(r"sha256=([0-9a-f]{64})", re.IGNORECASE)
_DELIVERY_ID = re.compile(r"[!-~]{1,100}")


def match_secrets(
    request: Request, secrets: Sequence[Secret], stated: bytes, compute: Callable[[Secret], bytes]
) -> Verified | None:
    """Return the verified request if a secret gives the stated signature; every secret is tried. Pure."""
    matches = [hmac.compare_digest(compute(secret), stated) for secret in secrets]
    indexes = tuple(index for index, is_match in enumerate(matches) if is_match)
    return Verified(request, indexes) if indexes else None


def verify_hex_hmac(request: Request, secrets: Sequence[Secret], header: str) -> Verified | None:
    """Verify a header `sha256=…` with the HMAC-SHA256 of the body in hexadecimal. Pure."""
    stated = _HEX_SHA256.fullmatch(request.headers.get(header, ""))
    if stated is None:
        return None
    signature = bytes.fromhex(stated[1])
    return match_secrets(
        request, secrets, signature, lambda secret: hmac.digest(secret.to_bytes(), request.body, "sha256")
    )


def delivery_id(body: bytes, stated_id: str = "") -> str:
    """Return what identifies a delivery: the platform's id, where it has one, and the body's SHA-256.

    Platforms repeat an id for other bytes, so the id alone does not identify it. Pure.
    """
    digest = sha256(body).hexdigest()
    return f"{stated_id}:{digest}" if _DELIVERY_ID.fullmatch(stated_id) else digest
