"""What a verifier remembers between runs: whose log it is, and the newest checkpoint that it saw."""

import json
import os
from pathlib import Path
from typing import NamedTuple

from ledger.log.checkpoint import Checkpoint, open_checkpoint
from ledger.log.note import VerifierKey, format_verifier_key, parse_verifier_key


class VerifierState(NamedTuple):
    """A log's key, and a checkpoint that it has signed: proof, should it ever sign another past."""

    key: VerifierKey
    note: bytes

    @property
    def checkpoint(self) -> Checkpoint:
        """What was signed. NoteError or MalformedCheckpoint if the file was changed since."""
        return open_checkpoint(self.note, self.key)


class BrokenState(ValueError):
    """The file holds no state of a verifier."""


def load_state(file: Path) -> VerifierState | None:
    """Return what was remembered; None on the first run. BrokenState if the file is something else."""
    try:
        held = json.loads(file.read_text(encoding="utf-8"))
        seen = VerifierState(parse_verifier_key(held["key"]), held["checkpoint"].encode())
        seen.checkpoint  # noqa: B018 - refuses what was changed since
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as fault:
        raise BrokenState(f"{file} holds no state of a verifier: {fault}") from None
    return seen


def save_state(file: Path, state: VerifierState) -> None:
    """Remember, whole or not at all."""
    text = json.dumps({"key": format_verifier_key(state.key), "checkpoint": state.note.decode()}, indent=2)
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    draft.write_text(text + "\n", encoding="utf-8")
    draft.replace(file)
