"""Cosignatures: a witness says when it saw a checkpoint, and that it extends all it saw before, with Ed25519.

https://c2sp.org/tlog-cosignature. Only the first version's type is known; another's line is a stranger's.
"""

import struct
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from ledger.log.note import Note, NoteError, Signature, Signer, derive_key_id, format_key, parse_key

COSIGNATURE_V1 = 0x04  # signed-note, "Signature types"
COSIGNATURE_BYTES = 72  # a timestamp of 8 bytes, a signature of 64
TIMESTAMP_MAX = 2**63 - 1

_TIMESTAMP = struct.Struct(">Q")


class InvalidCosignature(NoteError):
    """A line that says it is a witness's, and that witness never signed it."""


class WitnessKey(NamedTuple):
    """Who cosigns: a name, and the 32 bytes of an Ed25519 public key that signs nothing else."""

    name: str
    public_key: bytes

    @property
    def key_id(self) -> bytes:
        """The 4 bytes in front of each of its cosignatures; another type's key of the same name has others."""
        return derive_key_id(self.name, COSIGNATURE_V1, self.public_key)


class Cosignature(NamedTuple):
    """A cosignature that was checked: whose, when (seconds since the Epoch), and its line as it came."""

    witness: WitnessKey
    timestamp: int
    signature: Signature


class Quorum(NamedTuple):
    """Witnesses, and how many of them must have cosigned."""

    witnesses: tuple[WitnessKey, ...]
    cosignatures_min: int


def format_witness_key(key: WitnessKey) -> str:
    """Return `name+id+base64`, as witnesses publish it."""
    return format_key(key.name, COSIGNATURE_V1, key.public_key)


def parse_witness_key(text: str) -> WitnessKey:
    """Return the key that `format_witness_key` wrote. MalformedKey otherwise: a log's own key is none."""
    return WitnessKey(*parse_key(text, COSIGNATURE_V1))


def cosign(text: str, signer: Signer, timestamp: int) -> Signature:
    """Return what a witness would say of a checkpoint's text at that time."""
    key = WitnessKey(signer.name, signer.verifier_key.public_key)
    signed = signer.private_key.sign(_signed_message(text, timestamp))
    return Signature(key.name, key.key_id, _TIMESTAMP.pack(timestamp) + signed)


def verify_cosignatures(note: Note, keys: Sequence[WitnessKey]) -> list[Cosignature]:
    """Return the cosignatures of these witnesses, one each, and no other line. FalseCosignature if one is false."""
    known = {(key.name, key.key_id): key for key in keys}
    found: dict[WitnessKey, Cosignature] = {}
    for signature in note.signatures:
        key = known.get((signature.name, signature.key_id))
        if key is not None:
            found.setdefault(key, _verify_cosignature(note.text, signature, key))
    return list(found.values())


def missing_witnesses(quorum: Quorum, cosignatures: Iterable[Cosignature]) -> list[WitnessKey]:
    """Return the witnesses that are missing; none where enough have cosigned."""
    found = {own.witness for own in cosignatures}
    return [] if len(found) >= quorum.cosignatures_min else [key for key in quorum.witnesses if key not in found]


def _verify_cosignature(text: str, signature: Signature, key: WitnessKey) -> Cosignature:
    if len(signature.signature) != COSIGNATURE_BYTES:
        raise InvalidCosignature(f"the cosignature of {key.name!r} is not {COSIGNATURE_BYTES} bytes")
    [timestamp] = _TIMESTAMP.unpack_from(signature.signature)
    if timestamp > TIMESTAMP_MAX:
        raise InvalidCosignature(f"the cosignature of {key.name!r} is of a time that is none")
    try:
        public_key = Ed25519PublicKey.from_public_bytes(key.public_key)
        public_key.verify(signature.signature[_TIMESTAMP.size :], _signed_message(text, timestamp))
    except (InvalidSignature, ValueError):
        raise InvalidCosignature(f"the cosignature of {key.name!r} is false") from None
    return Cosignature(key, timestamp, signature)


def _signed_message(text: str, timestamp: int) -> bytes:
    """Return what is signed: the header, which no note can open with, the time, and the checkpoint's text."""
    return f"cosignature/v1\ntime {timestamp}\n{text}".encode()
