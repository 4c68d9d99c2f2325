"""Signed notes and verifier keys, Ed25519 (https://c2sp.org/signed-note, RFC 8032).

Do not use a note's text before `open_note` has verified it. Signatures of unknown keys, including
witnesses' cosignatures, are preserved but not verified.
"""

import re
from collections.abc import Sequence
from hashlib import sha256
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from ledger.log.encoding import from_base64, to_base64

ED25519 = 0x01  # signed-note, "Signature types"
KEY_ID_BYTES = 4
PUBLIC_KEY_BYTES = 32
SIGNATURE_LINES_MAX = 100  # signed-note requires a limit of at least 16
NOTE_BYTES_MAX = 1 << 20

_DASH = "— "  # every signature line begins with U+2014 and a space
# Below U+0020 except the newline; surrogates, which UTF-8 cannot encode.
_CONTROL_CHARS = re.compile(r"[\x00-\x09\x0b-\x1f\ud800-\udfff]")


class NoteError(ValueError):
    """A note or a key is refused.

    NoteError
    ├── MalformedNote  the bytes are not a signed note
    ├── MalformedKey   the text is not a verifier key, or the name is not allowed for keys
    └── UnsignedNote   no known key has signed the note, or a known key's signature is invalid
    """


class MalformedNote(NoteError):
    """The bytes are not a signed note."""


class MalformedKey(NoteError):
    """The text is not a verifier key of a supported type."""


class UnsignedNote(NoteError):
    """No known key has signed this text, or a known key's signature is invalid."""


class Signature(NamedTuple):
    """A signature line: the name it claims, the key's id, and the signature bytes."""

    name: str
    key_id: bytes
    signature: bytes


class Note(NamedTuple):
    """A text that ends in a newline, and its signatures; none of them is verified."""

    text: str
    signatures: tuple[Signature, ...] = ()


class OpenedNote(NamedTuple):
    """A text signed by a known key, with its verified and its unknown signatures."""

    text: str
    verified_signatures: tuple[Signature, ...]
    unknown_signatures: tuple[Signature, ...]


class VerifierKey(NamedTuple):
    """A name, usually a URL without its scheme, and a 32-byte Ed25519 public key."""

    name: str
    public_key: bytes

    @property
    def key_id(self) -> bytes:
        """The 4-byte id: SHA-256(name ‖ 0x0A ‖ type ‖ public key)[:4]."""
        return derive_key_id(self.name, ED25519, self.public_key)


def derive_key_id(name: str, algorithm: int, public_key: bytes) -> bytes:
    """Return the id of a key of any signature type."""
    return sha256(name.encode() + b"\n" + bytes([algorithm]) + public_key).digest()[:KEY_ID_BYTES]


class Signer(NamedTuple):
    """A name and its private key."""

    name: str
    private_key: Ed25519PrivateKey

    @property
    def verifier_key(self) -> VerifierKey:
        """The key that verifies this signer's notes."""
        return VerifierKey(self.name, self.private_key.public_key().public_bytes_raw())


def make_signer(name: str, seed: bytes) -> Signer:
    """Return the signer of a 32-byte Ed25519 seed.

    Raises MalformedKey if the name is not allowed for keys.
    """
    _refuse_name(name)
    return Signer(name, Ed25519PrivateKey.from_private_bytes(seed))


def format_verifier_key(key: VerifierKey) -> str:
    """Return `name+id+base64` (signed-note, "Verifier keys")."""
    return format_key(key.name, ED25519, key.public_key)


def parse_verifier_key(text: str) -> VerifierKey:
    """Return the key written by `format_verifier_key`.

    Raises MalformedKey for other text, or if the id does not match the key.
    """
    return VerifierKey(*parse_key(text, ED25519))


def format_key(name: str, algorithm: int, public_key: bytes) -> str:
    """Return `name+id+base64` of a 32-byte key of any signature type."""
    _refuse_name(name)
    return f"{name}+{derive_key_id(name, algorithm, public_key).hex()}+{to_base64(bytes([algorithm]) + public_key)}"


def parse_key(text: str, algorithm: int) -> tuple[str, bytes]:
    """Return the name and public key written by `format_key` for this signature type.

    Raises MalformedKey for other text.
    """
    name, key_id, encoded = (*text.split("+", 2), "", "")[:3]  # base64 may contain a plus, a name may not
    _refuse_name(name)
    try:
        typed = from_base64(encoded)
    except ValueError as error:
        raise MalformedKey(f"the key is {error}") from None
    if len(typed) != 1 + PUBLIC_KEY_BYTES or typed[0] != algorithm:
        raise MalformedKey(f"not a 32-byte Ed25519 key of type 0x{algorithm:02x}")
    if key_id != (expected_id := derive_key_id(name, algorithm, typed[1:]).hex()):
        raise MalformedKey(f"the key's id must be {expected_id}, not {key_id!r}")
    return name, typed[1:]


def sign_note(note: Note, signer: Signer) -> Note:
    """Return the note with the signer's signature appended; other signatures keep their order."""
    key = signer.verifier_key
    signature = Signature(key.name, key.key_id, signer.private_key.sign(note.text.encode()))
    others = tuple(s for s in note.signatures if (s.name, s.key_id) != (key.name, key.key_id))
    return Note(note.text, (*others, signature))


def open_note(raw: bytes, keys: Sequence[VerifierKey]) -> OpenedNote:
    """Return a note signed by at least one of the keys.

    Raises MalformedNote if the bytes are not a note, UnsignedNote if none of the keys has signed it
    or a signature of one of the keys is invalid.
    """
    key_by_id = {(key.name, key.key_id): key for key in keys}
    note = parse_note(raw)
    verified: dict[tuple[str, bytes], Signature] = {}  # a key that signs twice counts once
    for signature in note.signatures:
        signed_by = (signature.name, signature.key_id)
        if signed_by in key_by_id:
            _verify_signature(note.text, signature, key_by_id[signed_by])
            verified[signed_by] = signature
    if not verified:
        raise UnsignedNote("no known key has signed this note")
    unknown = tuple(s for s in note.signatures if (s.name, s.key_id) not in key_by_id)
    return OpenedNote(note.text, tuple(verified.values()), unknown)


def _verify_signature(text: str, signature: Signature, key: VerifierKey) -> None:
    try:
        Ed25519PublicKey.from_public_bytes(key.public_key).verify(signature.signature, text.encode())
    except (InvalidSignature, ValueError):
        raise UnsignedNote(f"the signature of {key.name!r} is invalid") from None


def format_note(note: Note) -> bytes:
    """Return the note's bytes (signed-note, "Format").

    Raises MalformedNote if the bytes could not be parsed again.
    """
    raw = (note.text + "\n" + "".join(map(format_signature, note.signatures))).encode()
    if parse_note(raw) != note:
        raise MalformedNote("the text cannot be written as a note")
    return raw


def format_signature(signature: Signature) -> str:
    """Return a signature's line, including its newline."""
    return f"{_DASH}{signature.name} {to_base64(signature.key_id + signature.signature)}\n"


def parse_note(raw: bytes) -> Note:
    """Return a note's text and signatures, none of them verified.

    Raises MalformedNote if the bytes are not a note.
    """
    if len(raw) > NOTE_BYTES_MAX:
        raise MalformedNote(f"more than {NOTE_BYTES_MAX} bytes")
    try:
        whole = raw.decode()
    except UnicodeDecodeError:
        raise MalformedNote("not UTF-8") from None
    if _CONTROL_CHARS.search(whole):
        raise MalformedNote("contains a control character")
    text, blank, below = whole.rpartition("\n\n")  # the last empty line separates them: the text may contain others
    if not blank or not below.endswith("\n"):
        raise MalformedNote("no signature under an empty line, or no newline at the end")
    lines = below[:-1].split("\n")
    if len(lines) > SIGNATURE_LINES_MAX:
        raise MalformedNote(f"more than {SIGNATURE_LINES_MAX} signatures")
    return Note(text + "\n", tuple(map(_parse_signature, lines)))


def _parse_signature(line: str) -> Signature:
    name, _, encoded = line.removeprefix(_DASH).partition(" ")
    if not line.startswith(_DASH) or not _is_name(name):
        raise MalformedNote("a line below the text is not a signature")
    try:
        raw = from_base64(encoded)
    except ValueError as error:
        raise MalformedNote(f"a signature is {error}") from None
    if len(raw) <= KEY_ID_BYTES:
        raise MalformedNote("a signature is too short")
    return Signature(name, raw[:KEY_ID_BYTES], raw[KEY_ID_BYTES:])


def _is_name(name: str) -> bool:
    """Return whether a name is allowed: not empty, no Unicode space, no plus (signed-note)."""
    return bool(name) and "+" not in name and not any(map(str.isspace, name))


def _refuse_name(name: str) -> None:
    if not _is_name(name) or _CONTROL_CHARS.search(name):
        raise MalformedKey(
            f"{name!r} is not a key name: it is empty, or contains a space, a plus or a control character"
        )
