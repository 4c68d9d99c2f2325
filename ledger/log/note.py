"""Signed notes and verifier keys: text with one signature a line, Ed25519 (https://c2sp.org/signed-note, RFC 8032).

A note's text is worth nothing before `open_note`. Signatures of keys that we do not know, cosignatures of witnesses
among them, are kept as they came and believed in nothing.
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
SIGNATURE_LINES_MAX = 100  # signed-note: a limit there must be, and of 16 at least
NOTE_BYTES_MAX = 1 << 20

_DASH = "— "  # U+2014 and a space open a signature line
_CONTROL_CHARS = re.compile(
    r"[\x00-\x09\x0b-\x1f\ud800-\udfff]"
)  # below U+0020 but the newline; no UTF-8 holds a surrogate


class NoteError(ValueError):
    """A note or a key that is refused.

    NoteError
    ├── MalformedNote  bytes that are no note
    ├── MalformedKey   text that is no verifier key, or a name that no key can have
    └── UnsignedNote   a note that no known key has signed, or one has signed wrongly
    """


class MalformedNote(NoteError):
    """The bytes are no signed note."""


class MalformedKey(NoteError):
    """The text is no verifier key of a kind that we know."""


class UnsignedNote(NoteError):
    """No known key has signed this text, or a signature that claims so is false."""


class Signature(NamedTuple):
    """A signature line: whose it says it is, and its bytes after the key's id."""

    name: str
    key_id: bytes
    signature: bytes


class Note(NamedTuple):
    """A text, ending in a newline, and the signatures under it: none of them checked."""

    text: str
    signatures: tuple[Signature, ...] = ()


class OpenedNote(NamedTuple):
    """A text that a known key has signed, with the signatures that were checked and those of unknown keys."""

    text: str
    verified_signatures: tuple[Signature, ...]
    unknown_signatures: tuple[Signature, ...]


class VerifierKey(NamedTuple):
    """Who may sign: a name, by custom a URL without its scheme, and the 32 bytes of an Ed25519 public key."""

    name: str
    public_key: bytes

    @property
    def key_id(self) -> bytes:
        """The 4 bytes that tell keys of one name apart: SHA-256(name ‖ 0x0A ‖ type ‖ public key)[:4]."""
        return derive_key_id(self.name, ED25519, self.public_key)


def derive_key_id(name: str, algorithm: int, public_key: bytes) -> bytes:
    """Return the id of a key of any of the signature types."""
    return sha256(name.encode() + b"\n" + bytes([algorithm]) + public_key).digest()[:KEY_ID_BYTES]


class Signer(NamedTuple):
    """A name and its private key."""

    name: str
    private_key: Ed25519PrivateKey

    @property
    def verifier_key(self) -> VerifierKey:
        """What others need to check this signer."""
        return VerifierKey(self.name, self.private_key.public_key().public_bytes_raw())


def make_signer(name: str, seed: bytes) -> Signer:
    """Return the signer of an Ed25519 seed (32 bytes). MalformedKey if no key can have that name."""
    _refuse_name(name)
    return Signer(name, Ed25519PrivateKey.from_private_bytes(seed))


def format_verifier_key(key: VerifierKey) -> str:
    """Return `name+id+base64` (signed-note, "Verifier keys")."""
    return format_key(key.name, ED25519, key.public_key)


def parse_verifier_key(text: str) -> VerifierKey:
    """Return the key that `format_verifier_key` wrote. MalformedKey otherwise, and if its id is another key's."""
    return VerifierKey(*parse_key(text, ED25519))


def format_key(name: str, algorithm: int, public_key: bytes) -> str:
    """Return `name+id+base64` of a key of any signature type that is made of 32 bytes."""
    _refuse_name(name)
    return f"{name}+{derive_key_id(name, algorithm, public_key).hex()}+{to_base64(bytes([algorithm]) + public_key)}"


def parse_key(text: str, algorithm: int) -> tuple[str, bytes]:
    """Return name and public key that `format_key` wrote for this type. MalformedKey otherwise."""
    name, key_id, encoded = (*text.split("+", 2), "", "")[:3]  # base64 may hold a plus, a name may not
    _refuse_name(name)
    try:
        typed = from_base64(encoded)
    except ValueError as fault:
        raise MalformedKey(f"the key is {fault}") from None
    if len(typed) != 1 + PUBLIC_KEY_BYTES or typed[0] != algorithm:
        raise MalformedKey(f"not a key of the type 0x{algorithm:02x} with 32 bytes (Ed25519)")
    if key_id != (own := derive_key_id(name, algorithm, typed[1:]).hex()):
        raise MalformedKey(f"the key's id is {own}, not {key_id!r}")
    return name, typed[1:]


def sign_note(note: Note, signer: Signer) -> Note:
    """Return the note with the signer's signature added; those that it bears already stay, in their order."""
    key = signer.verifier_key
    signature = Signature(key.name, key.key_id, signer.private_key.sign(note.text.encode()))
    others = tuple(s for s in note.signatures if (s.name, s.key_id) != (key.name, key.key_id))
    return Note(note.text, (*others, signature))


def open_note(raw: bytes, keys: Sequence[VerifierKey]) -> OpenedNote:
    """Return a note that at least one of the keys has signed.

    MalformedNote if it is none; UnsignedNote if nobody known has signed it, or a known key's signature is false.
    """
    known = {(key.name, key.key_id): key for key in keys}
    note = parse_note(raw)
    verified: dict[tuple[str, bytes], Signature] = {}  # a key that signs twice is one signer
    for signature in note.signatures:
        signed_by = (signature.name, signature.key_id)
        if signed_by in known:
            _verify_signature(note.text, signature, known[signed_by])
            verified[signed_by] = signature
    if not verified:
        raise UnsignedNote("no known key has signed this note")
    unknown = tuple(s for s in note.signatures if (s.name, s.key_id) not in known)
    return OpenedNote(note.text, tuple(verified.values()), unknown)


def _verify_signature(text: str, signature: Signature, key: VerifierKey) -> None:
    try:
        Ed25519PublicKey.from_public_bytes(key.public_key).verify(signature.signature, text.encode())
    except (InvalidSignature, ValueError):
        raise UnsignedNote(f"the signature of {key.name!r} is false") from None


def format_note(note: Note) -> bytes:
    """Return the note's bytes (signed-note, "Format"). MalformedNote if they could not be read again."""
    raw = (note.text + "\n" + "".join(map(format_signature, note.signatures))).encode()
    if parse_note(raw) != note:
        raise MalformedNote("not a text that a note can hold")
    return raw


def format_signature(signature: Signature) -> str:
    """Return a signature's line, its newline included."""
    return f"{_DASH}{signature.name} {to_base64(signature.key_id + signature.signature)}\n"


def parse_note(raw: bytes) -> Note:
    """Return a note's text and signatures, none of them checked. MalformedNote if the bytes are none."""
    if len(raw) > NOTE_BYTES_MAX:
        raise MalformedNote(f"more than {NOTE_BYTES_MAX} bytes")
    try:
        whole = raw.decode()
    except UnicodeDecodeError:
        raise MalformedNote("not UTF-8") from None
    if _CONTROL_CHARS.search(whole):
        raise MalformedNote("a control character")
    text, blank, below = whole.rpartition("\n\n")  # the last empty line parts them: a text may have its own
    if not blank or not below.endswith("\n"):
        raise MalformedNote("no signature under an empty line, or no newline at the end")
    lines = below[:-1].split("\n")
    if len(lines) > SIGNATURE_LINES_MAX:
        raise MalformedNote(f"more than {SIGNATURE_LINES_MAX} signatures")
    return Note(text + "\n", tuple(map(_parse_signature, lines)))


def _parse_signature(line: str) -> Signature:
    name, _, encoded = line.removeprefix(_DASH).partition(" ")
    if not line.startswith(_DASH) or not _is_name(name):
        raise MalformedNote("a line below the text is no signature")
    try:
        raw = from_base64(encoded)
    except ValueError as fault:
        raise MalformedNote(f"a signature is {fault}") from None
    if len(raw) <= KEY_ID_BYTES:
        raise MalformedNote("a signature is too short")
    return Signature(name, raw[:KEY_ID_BYTES], raw[KEY_ID_BYTES:])


def _is_name(name: str) -> bool:
    """signed-note: not empty, no Unicode space, no plus."""
    return bool(name) and "+" not in name and not any(map(str.isspace, name))


def _refuse_name(name: str) -> None:
    if not _is_name(name) or _CONTROL_CHARS.search(name):
        raise MalformedKey(
            f"{name!r} is no name of a key: it is empty, or has a space, a plus or a control character"
        )
