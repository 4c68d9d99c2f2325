"""Standard Webhooks signatures: bytes in, a delivery or None out.

There is no I/O, and every fault gives the same None. `v1` is HMAC-SHA256, `v1a` is Ed25519, both
over the bytes of `id.timestamp.body` (standard-webhooks/spec, spec/standard-webhooks.md). Senders of
Svix name the headers `svix-…`; the rule is the same. A malformed header returns None and never
raises: the reference library raises for several of them, which an outsider could use to cause
endless retries.
"""

import base64
import binascii
import hmac
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

TOLERANCE = timedelta(minutes=5)
_SIGNATURES_MAX = 10
_ID = re.compile(r"[!-~]{1,200}")
_TIMESTAMP = re.compile(r"[0-9]{1,12}")


@dataclass(frozen=True, slots=True)
class Delivery:
    """A webhook with a valid signature."""

    webhook_id: str
    body: bytes
    key_indexes: tuple[int, ...] = field(default=(), compare=False)  # indexes of the keys that verified it


@dataclass(frozen=True, slots=True)
class VerificationKey:
    """A live key of a platform: `v1` with a shared secret, `v1a` with an Ed25519 public key."""

    scheme: str
    material: bytes


def verify_delivery(
    headers: Mapping[str, str], body: bytes, keys: Iterable[VerificationKey], now: datetime
) -> Delivery | None:
    """Return the delivery if a key made a signature of it and its timestamp is fresh, or None."""
    webhook_id, timestamp, signature_header = (
        _read_header(headers, name) for name in ("id", "timestamp", "signature")
    )
    signatures = _parse_signatures(signature_header)
    if not (_ID.fullmatch(webhook_id) and _TIMESTAMP.fullmatch(timestamp) and signatures):
        return None
    if abs(now.timestamp() - int(timestamp)) > TOLERANCE.total_seconds():
        return None
    signed = f"{webhook_id}.{timestamp}.".encode() + body
    matches = [_matches_key(key, signed, signatures) for key in keys]  # all keys, as in `_any_constant_time`
    key_indexes = tuple(index for index, is_match in enumerate(matches) if is_match)
    return Delivery(webhook_id, body, key_indexes) if key_indexes else None


def _read_header(headers: Mapping[str, str], name: str) -> str:
    """Return a header under its standard name or that of Svix; empty if both are there and differ."""
    values = {headers[full] for full in (f"webhook-{name}", f"svix-{name}") if full in headers}
    return values.pop() if len(values) == 1 else ""


def sign_delivery(secret: bytes, webhook_id: str, timestamp: int, body: bytes) -> str:
    """Return the `v1` signature header of a delivery."""
    signed = f"{webhook_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(secret, signed, "sha256")).decode()


def _parse_signatures(header: str) -> list[tuple[str, bytes]]:
    """Return scheme and bytes of each well-formed signature; skip malformed ones."""
    signatures = []
    for part in header.split(" ")[:_SIGNATURES_MAX]:
        scheme, comma, text = part.partition(",")
        try:
            signature = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            continue
        if comma and scheme in ("v1", "v1a"):
            signatures.append((scheme, signature))
    return signatures


def _matches_key(key: VerificationKey, message: bytes, signatures: Sequence[tuple[str, bytes]]) -> bool:
    candidates = [signature for scheme, signature in signatures if scheme == key.scheme]
    if not candidates:
        return False
    if key.scheme == "v1a":
        return _any_constant_time(_verify_ed25519(key.material, signature, message) for signature in candidates)
    expected = hmac.digest(key.material, message, "sha256")
    return _any_constant_time(hmac.compare_digest(expected, signature) for signature in candidates)


def _any_constant_time(matches: Iterable[bool]) -> bool:
    """Return `any` of the matches, but evaluate all.

    The time must not reveal which key or signature matched.
    """
    return sum(matches) > 0


def _verify_ed25519(public_key: bytes, signature: bytes, message: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, message)
    except InvalidSignature:
        return False
    return True
