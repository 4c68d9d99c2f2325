"""The signer's memory: a file outside the database with the newest signed head.

A database that was restored from a backup has forgotten heads that readers have seen. The file has
not. It has the format of the verifier's state, so `like-ledger verify --state` reads it too. A
second file has the hashes of the newest leaves: if they are lost, a successor proves with them that
the old log's end extends what readers saw.
"""

import asyncio
import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from ledger.log.merkle import HASH_BYTES
from ledger.log.verify.state import BrokenState, VerifierState, load_state, save_state
from ledger.publication.refusals import SigningRefused

_INDEX_BYTES = 8
_HASHES_MIN = 1 << 20  # about a day at twelve leaves a second
_HASHES_BYTES_MAX = 2 * _HASHES_MIN * HASH_BYTES  # 64 MiB


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

    def read_hashes(self) -> tuple[int, list[bytes]]:
        """Return the index of the first remembered leaf, and the hashes from there on."""
        try:
            content = self._hashes_file.read_bytes()
        except OSError:
            return 0, []
        first = int.from_bytes(content[:_INDEX_BYTES], "big")
        body = content[_INDEX_BYTES:]
        return first, [body[at : at + HASH_BYTES] for at in range(0, len(body) - HASH_BYTES + 1, HASH_BYTES)]

    async def append_hashes(self, first: int, hashes: Sequence[bytes]) -> None:
        """Store the hashes of leaves from `first` on, durably; of older ones keep the newest.

        The caller holds the lock. Raises SigningRefused if the file cannot be written.
        """
        try:
            await asyncio.to_thread(self._append_hashes, first, hashes)
        except OSError as error:
            raise _unwritable(self._hashes_file, error) from error

    def forget_hashes(self) -> None:
        """Delete the hashes: those of another log follow."""
        self._hashes_file.unlink(missing_ok=True)

    @property
    def _hashes_file(self) -> Path:
        return self.file.with_name(f"{self.file.name}.hashes")

    def _append_hashes(self, first: int, hashes: Sequence[bytes]) -> None:
        """Append in place where the file ends at `first`; otherwise write it again."""
        with self._hashes_file.open("ab") as stream:
            is_adjacent = stream.tell() == _INDEX_BYTES + (first - self._first_index()) * HASH_BYTES
            if is_adjacent and stream.tell() < _HASHES_BYTES_MAX:
                _write_and_sync(stream, b"".join(hashes))
                return
        start, known = self.read_hashes()
        kept = known[: max(0, first - start)] if start <= first <= start + len(known) else []
        newest = [*kept, *hashes][-_HASHES_MIN:]
        draft = self._hashes_file.with_name(f".{self._hashes_file.name}.{os.getpid()}")
        with draft.open("wb") as stream:
            index = first + len(hashes) - len(newest)
            _write_and_sync(stream, index.to_bytes(_INDEX_BYTES, "big") + b"".join(newest))
        draft.replace(self._hashes_file)

    def _first_index(self) -> int:
        with self._hashes_file.open("rb") as stream:
            return int.from_bytes(stream.read(_INDEX_BYTES), "big")

    async def write(self, state: VerifierState) -> None:
        """Store a head durably. The caller holds the lock and has compared it with the file.

        Raises SigningRefused if the file cannot be written.
        """
        try:
            await asyncio.to_thread(save_state, self.file, state)  # a busy disk must not stop the event loop
        except OSError as error:
            raise _unwritable(self.file, error) from error


def _write_and_sync(stream: BinaryIO, content: bytes) -> None:
    stream.write(content)
    stream.flush()
    os.fsync(stream.fileno())


def _unwritable(file: Path, error: OSError) -> SigningRefused:
    return SigningRefused("log_state_unwritable", file=str(file), detail=error.strerror or str(error))
