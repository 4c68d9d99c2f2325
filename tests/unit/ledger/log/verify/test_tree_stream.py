"""The tree as a stream: one open tile a level, and every tile compared."""

import pytest

from ledger.log.merkle import root
from ledger.log.tiles import Tile, grow_tiles
from ledger.log.verify.tree_stream import TileMismatch, TreeStream


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
