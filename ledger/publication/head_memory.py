"""The signer's memory: a file outside the database with the newest signed head.

A database that was restored from a backup has forgotten heads that readers have seen. The file has
not. It has the format of the verifier's state, so `like-ledger verify --state` reads it too.
"""

import asyncio
import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ledger.log.verify.state import BrokenState, VerifierState, load_state, save_state
from ledger.publication.refusals import SigningRefused


class HeadMemory:
    """The file, shared by all processes that sign the same log."""

    def __init__(self, file: Path) -> None:
        self.file = file

    @contextmanager
    def lock(self) -> Iterator[bool]:
        """Hold the right to sign; yield False if another process holds it. Never waits.

        Raises SigningRefused if the folder cannot be written.
        """
        lock_file = self.file.with_name(f".{self.file.name}.lock")  # the file itself is replaced
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            stream = lock_file.open("ab")
        except OSError as error:
            raise _unwritable(self.file, error) from error
        with stream:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                is_held = False
            else:
                is_held = True
            yield is_held

    def read(self) -> VerifierState | None:
        """Return the newest signed head, None if the file does not exist.

        Raises SigningRefused if the file cannot be read.
        """
        try:
            return load_state(self.file)
        except BrokenState as error:
            raise SigningRefused("log_state_unreadable", file=str(self.file), detail=str(error)) from error

    async def write(self, state: VerifierState) -> None:
        """Store a head durably. The caller holds the lock and has compared it with the file.

        Raises SigningRefused if the file cannot be written.
        """
        try:
            await asyncio.to_thread(save_state, self.file, state)  # a busy disk must not stop the event loop
        except OSError as error:
            raise _unwritable(self.file, error) from error


def _unwritable(file: Path, error: OSError) -> SigningRefused:
    return SigningRefused("log_state_unwritable", file=str(file), detail=error.strerror or str(error))
