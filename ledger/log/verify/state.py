"""The verifier's state file: the log's key and the newest checkpoint seen."""

import json
import os
from pathlib import Path
from typing import NamedTuple

from ledger.log.checkpoint import Checkpoint, open_checkpoint
from ledger.log.note import VerifierKey, format_verifier_key, parse_verifier_key


class VerifierState(NamedTuple):
    """A log's key and a checkpoint signed by it, which proves any later fork."""

    key: VerifierKey
    note: bytes

    @property
    def checkpoint(self) -> Checkpoint:
        """The verified checkpoint. Raises NoteError or MalformedCheckpoint if it was changed."""
        return open_checkpoint(self.note, self.key)


class BrokenState(ValueError):
    """The file is not a verifier's state."""


def load_state(file: Path) -> VerifierState | None:
    """Return the state in a file; None if the file does not exist.

    Raises BrokenState if the file is not a verifier's state.
    """
    try:
        fields = json.loads(file.read_text(encoding="utf-8"))
        state = VerifierState(parse_verifier_key(fields["key"]), fields["checkpoint"].encode())
        state.checkpoint  # noqa: B018 - raises if the file was changed
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BrokenState(f"{file} is not a verifier's state file: {error}") from None
    return state


def save_state(file: Path, state: VerifierState) -> None:
    """Write the state atomically and durably: it survives a power loss."""
    text = json.dumps({"key": format_verifier_key(state.key), "checkpoint": state.note.decode()}, indent=2)
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    with draft.open("w", encoding="utf-8") as stream:
        stream.write(text + "\n")
        stream.flush()
        os.fsync(stream.fileno())
    draft.replace(file)
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
