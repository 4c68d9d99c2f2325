"""The verifier on a log of several tiles: each file is read, and a false one is reported."""

from pathlib import Path

import pytest

from ledger.log.checkpoint import Checkpoint, sign_checkpoint
from ledger.log.merkle import leaf_hash, root
from ledger.log.note import format_verifier_key, make_signer
from ledger.log.tiles import Bundle, bundle_bytes, grow_tiles
from ledger.log.verify.source import FolderSource
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
