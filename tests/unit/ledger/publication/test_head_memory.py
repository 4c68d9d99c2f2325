"""The signer's memory: the hashes of the newest leaves, whatever was written before."""

from pathlib import Path

import pytest

from ledger.publication import head_memory
from ledger.publication.head_memory import HeadMemory

HASHES = [bytes([number]) * 32 for number in range(40)]


@pytest.mark.parametrize(
    ("steps", "first", "end"),
    [
        ([(0, 3), (3, 5)], 0, 5),
        ([(7, 9), (9, 12)], 7, 12),  # created when the log had leaves
        ([(0, 8), (3, 5)], 0, 5),  # the head of eight leaves was never remembered
        ([(0, 3), (5, 9)], 5, 9),  # another instance signed meanwhile
        ([(5, 9), (2, 4)], 2, 4),
        ([(0, 3), (3, 3)], 0, 3),
        ([(0, 0), (0, 2)], 0, 2),
        ([(0, 9), (9, 20), (20, 30)], 20, 30),  # only so many are kept
        ([(0, 30)], 20, 30),
    ],
)
async def test_the_newest_hashes_are_remembered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, steps: list[tuple[int, int]], first: int, end: int
):
    monkeypatch.setattr(head_memory, "_HASHES_MIN", 10)
    monkeypatch.setattr(head_memory, "_HASHES_BYTES_MAX", 20 * 32)
    for start, stop in steps:
        await HeadMemory(tmp_path / "state.json").append_hashes(start, HASHES[start:stop])
    assert HeadMemory(tmp_path / "state.json").read_hashes() == (first, HASHES[first:end])


async def test_a_torn_write_is_written_again(tmp_path: Path):
    memory = HeadMemory(tmp_path / "state.json")
    await memory.append_hashes(0, HASHES[:3])
    with (tmp_path / "state.json.hashes").open("ab") as file:
        file.write(b"half a hash")
    assert memory.read_hashes() == (0, HASHES[:3])
    await memory.append_hashes(3, HASHES[3:6])
    assert memory.read_hashes() == (0, HASHES[:6])


def test_without_a_file_nothing_is_remembered(tmp_path: Path):
    assert HeadMemory(tmp_path / "state.json").read_hashes() == (0, [])
