"""Succession: a log's first leaves name the log that it succeeds, and what became of its leaves.

A `succession` leaf has the old log's key, its last signed checkpoint, how many of its leaves the
successor repeats (`kept`), and the hashes of old leaves that the successor shows changed or lacks.
So the old tree can be computed from the successor alone. The old key signs a statement that names
the new key, unless it was lost.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from ledger.log.checkpoint import Checkpoint, MalformedCheckpoint, open_checkpoint
from ledger.log.encoding import to_base64
from ledger.log.leaf_schemas import InvalidLeaf
from ledger.log.note import (
    MalformedKey,
    Note,
    NoteError,
    Signer,
    VerifierKey,
    format_note,
    format_verifier_key,
    open_note,
    parse_verifier_key,
    sign_note,
)

HASHES_MAX = 700  # of one leaf: an entry has at most 65,535 bytes
_TITLE = "like-ledger succession"


class Succession(NamedTuple):
    """A succeeded log, read from all leaves that name it."""

    key: VerifierKey
    checkpoint: Checkpoint
    kept: int
    hashes: Mapping[int, bytes]  # of old leaves that the successor changed or lacks, by index
    statement: bytes | None
    part_count: int = 1


def build_leaves(succession: Succession, note: bytes) -> list[dict[str, Any]]:
    """Return the members of the leaves that name a succeeded log; `note` is its checkpoint."""
    hashes = [[index, value.hex()] for index, value in sorted(succession.hashes.items())]
    parts = [hashes[first : first + HASHES_MAX] for first in range(0, len(hashes), HASHES_MAX)] or [[]]
    names = {"log": format_verifier_key(succession.key), "checkpoint": note.decode(), "kept": succession.kept}
    if succession.statement is not None:
        names["statement"] = succession.statement.decode()
    return [{**names, "hashes": part} for part in parts]


def add_leaf(succession: Succession | None, leaf: Mapping[str, Any]) -> Succession:
    """Return the succession with another of its leaves.

    Raises InvalidLeaf if the leaf is malformed, or contradicts the leaf before it.
    """
    try:
        key = parse_verifier_key(leaf["log"])
        checkpoint = open_checkpoint(leaf["checkpoint"].encode(), key)
    except (MalformedKey, NoteError, MalformedCheckpoint) as error:
        raise InvalidLeaf(f"the checkpoint of the succeeded log: {error}") from None
    statement = leaf["statement"].encode() if "statement" in leaf else None
    hashes = {index: bytes.fromhex(value) for index, value in leaf["hashes"]}
    part = Succession(key, checkpoint, leaf["kept"], hashes, statement)
    if succession is None:
        return part
    if part._replace(hashes={}) != succession._replace(hashes={}, part_count=1):
        raise InvalidLeaf("two leaves contradict each other about the succeeded log")
    return succession._replace(hashes={**succession.hashes, **hashes}, part_count=succession.part_count + 1)


def sign_statement(old_signer: Signer, checkpoint: Checkpoint, successor: VerifierKey) -> bytes:
    """Return the statement of the old log's key that `successor` goes on from the checkpoint."""
    return format_note(sign_note(Note(_statement_text(checkpoint, successor)), old_signer))


def is_stated(succession: Succession, successor: VerifierKey) -> bool:
    """Return whether the old log's key names the successor.

    Raises InvalidLeaf if the statement is about something else.
    """
    if succession.statement is None:
        return False
    try:
        text = open_note(succession.statement, [succession.key]).text
    except NoteError as error:
        raise InvalidLeaf(f"the statement of the succeeded log: {error}") from None
    if text != _statement_text(succession.checkpoint, successor):
        raise InvalidLeaf("the statement of the succeeded log names another successor or another head")
    return True


def _statement_text(checkpoint: Checkpoint, successor: VerifierKey) -> str:
    lines = [
        _TITLE,
        checkpoint.origin,
        str(checkpoint.size),
        to_base64(checkpoint.root),
        format_verifier_key(successor),
    ]
    return "".join(f"{line}\n" for line in lines)
