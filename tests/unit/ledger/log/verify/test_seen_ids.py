"""The replay's table and bitmap remember the same as a dictionary and a set."""

from random import Random
from uuid import NAMESPACE_URL, uuid5

import pytest

from ledger.log.merkle import root
from ledger.log.tiles import Tile, grow_tiles
from ledger.log.verify.seen_ids import BatchBitmap, TransferTable
from ledger.log.verify.tree_stream import TileMismatch, TreeStream

IDS = [uuid5(NAMESPACE_URL, str(n)).bytes for n in range(20_000)]


def test_transfers_are_found_however_many_there_are():
    table = TransferTable()
    for number, transfer in enumerate(IDS, 1):
        assert table.find(transfer) is None
        assert table.add(transfer, number, number % 7)
    for number, transfer in enumerate(IDS, 1):
        entry = table.find(transfer)
        assert entry is not None
        assert entry[1:] == (number, number % 7, False)
        assert not table.add(transfer, number, 0)


def test_a_transfer_takes_128_bytes_at_most():
    table = TransferTable()
    for number, transfer in enumerate(IDS, 1):
        table.add(transfer, 1, 0)
        assert len(table._table) <= max(128 * (number + 1), 128 * 1024), number


def test_a_transfer_is_corrected_once_and_stays_so_when_the_table_grows():
    table = TransferTable()
    for transfer in IDS[:100]:
        table.add(transfer, 2**53 - 1, 2**32 - 1)
    first = table.find(IDS[5])
    assert first is not None
    table.mark_corrected(first)
    for transfer in IDS[100:]:
        table.add(transfer, 1, 0)
    entry = table.find(IDS[5])
    assert entry is not None
    assert entry[1:] == (2**53 - 1, 2**32 - 1, True)
    assert not any(other.is_corrected for id_ in IDS[6:99] if (other := table.find(id_)))


def test_ids_spread_over_the_table():
    """UUIDs have constant bits; a hash that uses them would make probes long."""
    table = TransferTable()
    for transfer in IDS:
        table.add(transfer, 1, 0)
    farthest = 0
    for transfer in IDS:
        entry = table.find(transfer)
        assert entry is not None
        farthest = max(farthest, (entry.slot - int.from_bytes(transfer[8:], "big")) % table._slots)
    assert farthest < 100


@pytest.mark.parametrize("highest", [10, 100_000, 2**48])
def test_batches_are_remembered(highest: int):
    generator, bitmap, seen = Random(7), BatchBitmap(), set[int]()
    for _ in range(500):
        batch = generator.randint(1, highest)
        assert bitmap.add(batch) is (batch not in seen)
        seen.add(batch)


def test_a_tree_of_any_size_holds_one_open_tile_a_level():
    tree = TreeStream(lambda tile: b"".join(hashes_of(tree, tile)))
    for _ in range(300):
        tree.add_leaves([bytes(32)] * 256)
    assert [len(level) for level in tree._open_hashes] == [0, 44, 1]
    assert tree.size == 76_800


def hashes_of(tree: TreeStream, tile: Tile) -> list[bytes]:
    return tree._open_hashes[tile.level]


HASHES = [number.to_bytes(32, "big") for number in range(65_536 + 300)]
TILES = grow_tiles(0, {}, HASHES)


@pytest.mark.parametrize(
    ("tile", "position", "leaf"),
    [
        (Tile(1, 0), 0, 0),
        (Tile(1, 0), 255, 255 * 256),
        (Tile(1, 1, 1), 0, 65_536),  # not full: compared at the end
        (Tile(2, 0, 1), 0, 0),
    ],
)
def test_a_flipped_bit_above_the_leaves_is_reported_with_the_first_leaf_below(tile: Tile, position: int, leaf: int):
    wrong = bytearray(TILES[tile])
    wrong[position * 32 + 7] ^= 1
    tree = TreeStream((TILES | {tile: bytes(wrong)}).__getitem__)
    with pytest.raises(TileMismatch, match=tile.path) as mismatch:
        replay(tree)
    assert (mismatch.value.tile, mismatch.value.index) == (tile, leaf)


def replay(tree: TreeStream) -> None:
    for first in range(0, len(HASHES), 256):
        tree.add_leaves(HASHES[first : first + 256])
    tree.close()


def test_correct_tiles_give_the_root():
    tree = TreeStream(TILES.__getitem__)
    replay(tree)
    assert tree.root() == root(HASHES)
