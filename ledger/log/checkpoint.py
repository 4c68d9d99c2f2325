"""Checkpoints, the log's signed heads: origin, size and root (https://c2sp.org/tlog-checkpoint)."""

import re
from typing import NamedTuple

from ledger.log.encoding import from_base64, to_base64
from ledger.log.merkle import EMPTY_ROOT, HASH_BYTES
from ledger.log.note import Note, Signer, VerifierKey, format_note, open_note, sign_note

SIZE_MAX = 2**63 - 1

_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")  # ASCII decimal without leading zeros
_FIXED_LINES = 3  # origin, size, root; extension lines follow


class MalformedCheckpoint(ValueError):
    """The text is not a checkpoint, or belongs to another log."""


class Checkpoint(NamedTuple):
    """The log's commitment: its first `size` leaves have this root."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()


def format_checkpoint(checkpoint: Checkpoint) -> str:
    """Return the text to be signed.

    Raises MalformedCheckpoint if the text could not be parsed again.
    """
    lines = [checkpoint.origin, str(checkpoint.size), to_base64(checkpoint.root), *checkpoint.extensions]
    text = "".join(line + "\n" for line in lines)
    if parse_checkpoint(text) != checkpoint:
        raise MalformedCheckpoint("a line of the checkpoint contains a newline")
    return text


def parse_checkpoint(text: str) -> Checkpoint:
    """Return the checkpoint in a note's text. Nothing is verified: open the note first.

    Raises MalformedCheckpoint if the text is not a checkpoint.
    """
    if not text.endswith("\n"):
        raise MalformedCheckpoint("no newline at the end")
    lines = text[:-1].split("\n")
    if len(lines) < _FIXED_LINES or not all(lines):
        raise MalformedCheckpoint("fewer than three lines, or an empty line")
    origin, size, root, *extensions = lines
    return Checkpoint(origin, *_parse_head(size, root), tuple(extensions))


def _parse_head(size_line: str, root_line: str) -> tuple[int, bytes]:
    if not _SIZE.fullmatch(size_line) or int(size_line) > SIZE_MAX:
        raise MalformedCheckpoint("the second line is not a tree size")
    try:
        root = from_base64(root_line)
    except ValueError as error:
        raise MalformedCheckpoint(f"the root is {error}") from None
    if len(root) != HASH_BYTES:
        raise MalformedCheckpoint(f"the root is not {HASH_BYTES} bytes")
    if size_line == "0" and root != EMPTY_ROOT:
        raise MalformedCheckpoint("a checkpoint of size 0 needs the root of the empty tree")
    return int(size_line), root


def sign_checkpoint(checkpoint: Checkpoint, signer: Signer) -> bytes:
    """Return the signed note to be published.

    The caller ensures that the checkpoint is consistent with every checkpoint signed before.
    """
    return format_note(sign_note(Note(format_checkpoint(checkpoint)), signer))


def open_checkpoint(raw: bytes, log_key: VerifierKey) -> Checkpoint:
    """Return the checkpoint signed by the log with this key.

    The origin must be the key's name: the reader chooses the log, not the server.
    Raises NoteError if the signature is missing or invalid, MalformedCheckpoint if the text is.
    """
    checkpoint = parse_checkpoint(open_note(raw, [log_key]).text)
    if checkpoint.origin != log_key.name:
        raise MalformedCheckpoint(f"the checkpoint belongs to {checkpoint.origin!r}, not to {log_key.name!r}")
    return checkpoint
