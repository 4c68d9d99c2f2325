"""Checkpoints, the log's signed heads: origin, size and root, a line each (https://c2sp.org/tlog-checkpoint)."""

import re
from typing import NamedTuple

from ledger.log.encoding import from_base64, to_base64
from ledger.log.merkle import EMPTY_ROOT, HASH_BYTES
from ledger.log.note import Note, Signer, VerifierKey, format_note, open_note, sign_note

SIZE_MAX = 2**63 - 1

_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")  # decimal ASCII without leading zeroes
_FIXED_LINES = 3  # origin, size, root; what follows are extensions


class MalformedCheckpoint(ValueError):
    """The text is no checkpoint, or that of another log."""


class Checkpoint(NamedTuple):
    """What the log commits to: the first `size` leaves have this root."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()


def format_checkpoint(checkpoint: Checkpoint) -> str:
    """Return the text that is signed. MalformedCheckpoint if it could not be read again."""
    lines = [checkpoint.origin, str(checkpoint.size), to_base64(checkpoint.root), *checkpoint.extensions]
    text = "".join(line + "\n" for line in lines)
    if parse_checkpoint(text) != checkpoint:
        raise MalformedCheckpoint("a line of the checkpoint holds a newline")
    return text


def parse_checkpoint(text: str) -> Checkpoint:
    """Return what a note's text says; believe it only if the note was opened. MalformedCheckpoint otherwise."""
    if not text.endswith("\n"):
        raise MalformedCheckpoint("no newline at the end")
    lines = text[:-1].split("\n")
    if len(lines) < _FIXED_LINES or not all(lines):
        raise MalformedCheckpoint("fewer than three lines, or an empty one")
    origin, size, root, *extensions = lines
    return Checkpoint(origin, *_parse_head(size, root), tuple(extensions))


def _parse_head(size_line: str, root_line: str) -> tuple[int, bytes]:
    if not _SIZE.fullmatch(size_line) or int(size_line) > SIZE_MAX:
        raise MalformedCheckpoint("the second line is no tree size")
    try:
        root = from_base64(root_line)
    except ValueError as fault:
        raise MalformedCheckpoint(f"the root is {fault}") from None
    if len(root) != HASH_BYTES:
        raise MalformedCheckpoint(f"the root is not {HASH_BYTES} bytes")
    if size_line == "0" and root != EMPTY_ROOT:
        raise MalformedCheckpoint("size 0 with another root than the empty tree's")
    return int(size_line), root


def sign_checkpoint(checkpoint: Checkpoint, signer: Signer) -> bytes:
    """Return the signed note that is published. That it contradicts none signed before is the caller's to see to."""
    return format_note(sign_note(Note(format_checkpoint(checkpoint)), signer))


def open_checkpoint(raw: bytes, log_key: VerifierKey) -> Checkpoint:
    """Return the checkpoint that the log of this key has signed.

    The origin must be the key's name: the reader says which log is meant, never the server. NoteError or
    MalformedCheckpoint otherwise.
    """
    checkpoint = parse_checkpoint(open_note(raw, [log_key]).text)
    if checkpoint.origin != log_key.name:
        raise MalformedCheckpoint(f"a checkpoint of {checkpoint.origin!r}, not of {log_key.name!r}")
    return checkpoint
