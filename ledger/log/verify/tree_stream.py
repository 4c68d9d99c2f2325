"""Build the tree from a stream of leaf hashes and compare every tile above level 0 (RFC 6962, 2.1).

It stores one open tile a level: some kilobytes for a log of any size.
"""

from collections.abc import Callable, Sequence

from ledger.log.merkle import read_root, root
from ledger.log.tiles import TILE_HEIGHT, TILE_WIDTH, Tile, edge_tiles, hashes_in, tiles_reader

TileReader = Callable[[Tile], bytes]


class TileMismatch(Exception):
    """A tile differs from its entries; `index` is the first leaf concerned."""

    def __init__(self, tile: Tile, index: int, reason: str) -> None:
        super().__init__(f"{tile.path}: {reason}")
        self.tile = tile
        self.index = index


class TreeStream:
    """The tree so far; the caller has already compared leaf hashes with the level 0 tiles."""

    def __init__(self, read_tile: TileReader) -> None:
        self.size = 0
        self._read_tile = read_tile
        self._open_hashes: list[list[bytes]] = [[]]  # hashes of the open tile, by level

    def add_leaves(self, leaf_hashes: Sequence[bytes]) -> None:
        """Append leaf hashes, at most as many as fill the open tile.

        Raises TileMismatch if a tile that becomes full differs.
        """
        self._open_hashes[0] += leaf_hashes
        self.size += len(leaf_hashes)
        level = 0
        while len(self._open_hashes[level]) == TILE_WIDTH:
            self._compare_level(level)
            if len(self._open_hashes) == level + 1:
                self._open_hashes.append([])
            self._open_hashes[level + 1].append(root(self._open_hashes[level]))
            self._open_hashes[level] = []
            level += 1

    def close(self) -> None:
        """Compare the partial tiles at the end.

        Raises TileMismatch if a tile differs.
        """
        for level, hashes in enumerate(self._open_hashes):
            if hashes:
                self._compare_level(level)

    def root(self) -> bytes:
        """Return the root over all leaves so far."""
        edge = {tile: b"".join(self._open_hashes[tile.level]) for tile in edge_tiles(self.size)}
        return read_root(tiles_reader(edge, self.size), self.size)

    def _open_tile(self, level: int) -> Tile:
        """Return the open tile of a level at its current width."""
        hashes = self.size >> TILE_HEIGHT * level
        width = len(self._open_hashes[level])
        return Tile(level, (hashes - width) // TILE_WIDTH, width)

    def _compare_level(self, level: int) -> None:
        tile = self._open_tile(level)
        if level:
            compare_tile(tile, self._open_hashes[level], self._read_tile(tile))


def compare_tile(tile: Tile, hashes: Sequence[bytes], content: bytes) -> None:
    """Compare a tile's bytes with the expected hashes.

    Raises TileMismatch at the first hash that differs.
    """
    for position, (expected, actual) in enumerate(zip(hashes, hashes_in(tile, content), strict=True)):
        if expected != actual:
            index = (tile.index * TILE_WIDTH + position) << TILE_HEIGHT * tile.level
            raise TileMismatch(
                tile, index, f"hash {position} is {actual.hex()}, but the entries give {expected.hex()}"
            )
