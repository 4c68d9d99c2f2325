"""Files that a run writes: complete or not at all, in the order of the input."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO


@contextmanager
def open_output(file: Path | None) -> Iterator[TextIO]:
    """Yield a stream whose text takes the file's place at the end; None: standard output.

    The file stays as it was if the run ends with an error.
    """
    if file is None:
        yield sys.stdout
        return
    part = file.with_name(f".{file.name}.part")
    try:
        with part.open("w", encoding="utf-8", newline="") as stream:
            yield stream
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)


class OrderedOutput:
    """Writes the texts of batches by their sequence, whatever the order of the answers."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._next_sequence = 0
        self._early: dict[int, str] = {}  # answered before an earlier batch

    def add(self, sequence: int, text: str) -> None:
        """Write the text once all earlier ones are written."""
        self._early[sequence] = text
        while self._next_sequence in self._early:
            self._stream.write(self._early.pop(self._next_sequence))
            self._next_sequence += 1

    def write_rest(self) -> None:
        """Write the texts that wait for one that will not come."""
        for sequence in sorted(self._early):
            self._stream.write(self._early.pop(sequence))
