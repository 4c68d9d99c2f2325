"""The tree as a stream: entries go in, every tile that they make is compared, roots come out (RFC 6962, 2.1).

Only one open tile a level is held, so a log of any size takes some kilobytes.
"""

from collections.abc import Callable, Sequence

from ledger.log.merkle import read_root, root
from ledger.log.tiles import TILE_HEIGHT, TILE_WIDTH, Tile, edge_tiles, hashes_in, tiles_reader

TileReader = Callable[[Tile], bytes]


class TileMismatch(Exception):
    """A tile is not what its entries make; `index` is the first leaf that it is wrong about."""

    def __init__(self, tile: Tile, index: int, reason: str) -> None:
        super().__init__(f"{tile.path}: {reason}")
        self.tile = tile
        self.index = index


class TreeStream:
    """Grows by leaf hashes; the caller has compared those with level 0, before it believed in their entries."""

    def __init__(self, read_tile: TileReader) -> None:
        self.size = 0
        self._read_tile = read_tile
        self._open_hashes: list[list[bytes]] = [[]]  # by level, the hashes of the tile that is not full yet

    def add_leaves(self, leaf_hashes: Sequence[bytes]) -> None:
        """Take the next leaves, at most as many as fill the tile. WrongTile if a tile that gets full is another."""
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
        """Compare the tiles that are not full at the end. WrongTile if one is another."""
        for level, hashes in enumerate(self._open_hashes):
            if hashes:
                self._compare_level(level)

    def root(self) -> bytes:
        """Return the root over all leaves so far."""
        edge = {tile: b"".join(self._open_hashes[tile.level]) for tile in edge_tiles(self.size)}
        return read_root(tiles_reader(edge, self.size), self.size)

    def _open_tile(self, level: int) -> Tile:
        """Return the open tile of a level as it stands."""
        hashes = self.size >> TILE_HEIGHT * level
        width = len(self._open_hashes[level])
        return Tile(level, (hashes - width) // TILE_WIDTH, width)

    def _compare_level(self, level: int) -> None:
        tile = self._open_tile(level)
        if level:
            compare_tile(tile, self._open_hashes[level], self._read_tile(tile))


def compare_tile(tile: Tile, hashes: Sequence[bytes], content: bytes) -> None:
    """Raise WrongTile where a tile's bytes are not the hashes that they should be."""
    for place, (own, other) in enumerate(zip(hashes, hashes_in(tile, content), strict=True)):
        if own != other:
            index = (tile.index * TILE_WIDTH + place) << TILE_HEIGHT * tile.level
            raise TileMismatch(tile, index, f"hash {place} is {other.hex()}, the entries make {own.hex()}")
