"""The verifier on a log of several tiles: each file is read, and a false one is reported."""

from pathlib import Path

import pytest

from ledger.log.checkpoint import Checkpoint, sign_checkpoint
from ledger.log.merkle import leaf_hash, root
from ledger.log.note import format_verifier_key, make_signer
from ledger.log.tiles import Bundle, MalformedTile, Tile, bundle_bytes, grow_tiles
from ledger.log.verify.files import read_tile
from ledger.log.verify.source import FolderSource, SourceError
from ledger.log.verify.verifier import VerificationFailed, verify_log
from tests.unit.ledger.log.verify.test_replay import entry, terms

LOG = make_signer("ledger.example.org/log", b"l" * 32)
NOTES = [{"kind": "note", "campaign": "c", "about": "correction", "text": f"number {n}"} for n in range(599)]
ENTRIES = [entry(leaf) for leaf in (terms(), *NOTES)]
HASHES = [leaf_hash(body) for body in ENTRIES]


def write_log_files(folder: Path) -> dict[str, Path]:
    """Write the log's files; return their locations by path."""
    rows = [ENTRIES[first : first + 256] for first in range(0, len(ENTRIES), 256)]
    files = {Bundle(number, len(row)).path: bundle_bytes(row) for number, row in enumerate(rows)}
    files |= {tile.path: content for tile, content in grow_tiles(0, {}, HASHES).items()}
    files["checkpoint"] = sign_checkpoint(Checkpoint(LOG.name, len(ENTRIES), root(HASHES)), LOG)
    files["key"] = format_verifier_key(LOG.verifier_key).encode()
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    return {path: folder / path for path in files}


def test_a_log_of_several_tiles_verifies(tmp_path: Path):
    write_log_files(tmp_path)
    result = verify_log(FolderSource(tmp_path))
    assert (result.checkpoint.size, list(result.figures)) == (600, ["c"])


FILES = ["tile/0/001", "tile/0/002.p/88", "tile/1/000.p/2", "tile/entries/001", "tile/entries/002.p/88", "checkpoint"]


@pytest.mark.parametrize("path", FILES)
def test_a_flipped_bit_in_any_file_is_found(tmp_path: Path, path: str):
    file = write_log_files(tmp_path)[path]
    content = bytearray(file.read_bytes())
    content[-2] ^= 1
    file.write_bytes(content)
    with pytest.raises(VerificationFailed):
        verify_log(FolderSource(tmp_path))


OLD_SIZE = 260  # an older checkpoint: of its second tile, 4 of 256 are used


def write_older_log(folder: Path) -> dict[str, Path]:
    """Write the log's files with an older checkpoint; its partial files are gone, all at level 1 remain."""
    files = write_log_files(folder)
    note = sign_checkpoint(Checkpoint(LOG.name, OLD_SIZE, root(HASHES[:OLD_SIZE])), LOG)
    files["checkpoint"].write_bytes(note)
    (folder / "tile/1/000.p/1").write_bytes(files["tile/1/000.p/2"].read_bytes()[:32])
    return files


def test_a_full_file_stands_in_for_a_partial_one(tmp_path: Path):
    write_older_log(tmp_path)
    assert verify_log(FolderSource(tmp_path)).checkpoint.size == OLD_SIZE


@pytest.mark.parametrize("path", ["tile/0/001", "tile/entries/001"])
@pytest.mark.parametrize("at", [3, -1])  # within the part that is used, and behind it
def test_a_false_full_file_is_found_where_it_is_used(tmp_path: Path, path: str, at: int):
    file = write_older_log(tmp_path)[path]
    content = bytearray(file.read_bytes())
    content[at] ^= 1
    file.write_bytes(content)
    if at < 0:
        assert verify_log(FolderSource(tmp_path)).checkpoint.size == OLD_SIZE
        return
    with pytest.raises(VerificationFailed):
        verify_log(FolderSource(tmp_path))


@pytest.mark.parametrize("path", ["tile/0/001", "tile/entries/001"])
def test_a_missing_file_is_named_as_the_checkpoint_needs_it(tmp_path: Path, path: str):
    write_older_log(tmp_path)[path].unlink()
    with pytest.raises(SourceError, match=rf"{path}\.p/4 is missing"):
        verify_log(FolderSource(tmp_path))


@pytest.mark.parametrize("level", [1, 2, 63])
def test_the_full_tile_stands_in_at_every_level(tmp_path: Path, level: int):
    full, hashes = tmp_path / Tile(level, 1234).path, bytes(range(256)) * 32
    full.parent.mkdir(parents=True)
    full.write_bytes(hashes)
    assert read_tile(FolderSource(tmp_path), Tile(level, 1234, 9)) == hashes[: 9 * 32]
    full.write_bytes(hashes[:-1])
    with pytest.raises(MalformedTile):
        read_tile(FolderSource(tmp_path), Tile(level, 1234, 9))
