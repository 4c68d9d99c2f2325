"""Cosignatures: a witness states when it saw a checkpoint consistent with all that it saw before.

https://c2sp.org/tlog-cosignature, Ed25519. Only signature type 0x04 is verified; lines of other
types count as unknown signatures.
"""

import struct
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from ledger.log.note import Note, NoteError, Signature, Signer, derive_key_id, format_key, parse_key

COSIGNATURE_V1 = 0x04  # signed-note, "Signature types"
COSIGNATURE_BYTES = 72  # 8 bytes of timestamp, 64 of signature
TIMESTAMP_MAX = 2**63 - 1

_TIMESTAMP = struct.Struct(">Q")


class InvalidCosignature(NoteError):
    """A signature line names a witness that did not sign it."""


class WitnessKey(NamedTuple):
    """A witness: its name and its 32-byte Ed25519 public key, used for cosignatures only."""

    name: str
    public_key: bytes

    @property
    def key_id(self) -> bytes:
        """The 4 bytes before each cosignature; keys of other types have other ids."""
        return derive_key_id(self.name, COSIGNATURE_V1, self.public_key)


class Cosignature(NamedTuple):
    """A verified cosignature: its witness, its time (seconds since 1970) and its signature line."""

    witness: WitnessKey
    timestamp: int
    signature: Signature


class Quorum(NamedTuple):
    """The accepted witnesses and how many of them must have cosigned."""

    witnesses: tuple[WitnessKey, ...]
    cosignatures_min: int


def format_witness_key(key: WitnessKey) -> str:
    """Return `name+id+base64`, the form in which witnesses publish their keys."""
    return format_key(key.name, COSIGNATURE_V1, key.public_key)


def parse_witness_key(text: str) -> WitnessKey:
    """Return the key written by `format_witness_key`.

    Raises MalformedKey for other text; a log's verifier key is refused too.
    """
    return WitnessKey(*parse_key(text, COSIGNATURE_V1))


def cosign(text: str, signer: Signer, timestamp: int) -> Signature:
    """Return a witness's signature on a checkpoint's text at a time (seconds since 1970)."""
    key = WitnessKey(signer.name, signer.verifier_key.public_key)
    signed = signer.private_key.sign(_signed_message(text, timestamp))
    return Signature(key.name, key.key_id, _TIMESTAMP.pack(timestamp) + signed)


def verify_cosignatures(note: Note, keys: Sequence[WitnessKey]) -> list[Cosignature]:
    """Return at most one verified cosignature for each of the witnesses.

    Raises InvalidCosignature if a line names one of the witnesses but is not signed by it.
    """
    key_by_id = {(key.name, key.key_id): key for key in keys}
    cosignatures: dict[WitnessKey, Cosignature] = {}
    for signature in note.signatures:
        key = key_by_id.get((signature.name, signature.key_id))
        if key is not None:
            cosignatures.setdefault(key, _verify_cosignature(note.text, signature, key))
    return list(cosignatures.values())


def missing_witnesses(quorum: Quorum, cosignatures: Iterable[Cosignature]) -> list[WitnessKey]:
    """Return the witnesses that have not cosigned; an empty list if the quorum is reached."""
    cosigners = {cosignature.witness for cosignature in cosignatures}
    return (
        [] if len(cosigners) >= quorum.cosignatures_min else [key for key in quorum.witnesses if key not in cosigners]
    )


def _verify_cosignature(text: str, signature: Signature, key: WitnessKey) -> Cosignature:
    if len(signature.signature) != COSIGNATURE_BYTES:
        raise InvalidCosignature(f"the cosignature of {key.name!r} is not {COSIGNATURE_BYTES} bytes")
    [timestamp] = _TIMESTAMP.unpack_from(signature.signature)
    if timestamp > TIMESTAMP_MAX:
        raise InvalidCosignature(f"the cosignature of {key.name!r} has a timestamp out of range")
    try:
        public_key = Ed25519PublicKey.from_public_bytes(key.public_key)
        public_key.verify(signature.signature[_TIMESTAMP.size :], _signed_message(text, timestamp))
    except (InvalidSignature, ValueError):
        raise InvalidCosignature(f"the cosignature of {key.name!r} is invalid") from None
    return Cosignature(key, timestamp, signature)


def _signed_message(text: str, timestamp: int) -> bytes:
    """Return the signed bytes: a header that no note begins with, the time, the checkpoint."""
    return f"cosignature/v1\ntime {timestamp}\n{text}".encode()
