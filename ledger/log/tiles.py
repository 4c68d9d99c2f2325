"""The log's files: tiles of hashes and bundles of entries, 256 wide (https://c2sp.org/tlog-tiles).

Computes which files a growth creates, their contents and paths, and reads tree hashes from them.
The caller stores and loads files; this module takes them as a mapping of tiles to bytes.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ledger.log.merkle import HASH_BYTES, HashReader, Node, root, root_nodes

TILE_HEIGHT = 8
TILE_WIDTH = 1 << TILE_HEIGHT
LEVEL_MAX = 63  # tlog-tiles, "Merkle Tree"
ENTRY_BYTES_MAX = 0xFFFF  # tlog-tiles, "Log entries": lengths are big-endian uint16

_LENGTH_BYTES = 2
_GROUP = 1000  # a path element has three digits, which bounds the size of a folder
_PATH = re.compile(
    r"tile/(?P<level>entries|[0-9]|[1-5][0-9]|6[0-3])"
    r"/(?P<index>(?:x[0-9]{3}/){0,6}[0-9]{3})(?:\.p/(?P<width>[1-9][0-9]{0,2}))?"
)


class MalformedTile(ValueError):
    """The path names no file of the log, or the bytes do not match the path."""


@dataclass(frozen=True, slots=True)
class Tile:
    """Hashes from `index` × 256 on at a level, each over a subtree of 256**level leaves."""

    level: int
    index: int
    width: int = TILE_WIDTH

    @property
    def path(self) -> str:
        """The path below the log's address."""
        return f"tile/{self.level}/{_path_end(self.index, self.width)}"


@dataclass(frozen=True, slots=True)
class Bundle:
    """Entries from `index` × 256 on; their hashes are the level 0 tile of the same index."""

    index: int
    width: int = TILE_WIDTH

    @property
    def path(self) -> str:
        """The path below the log's address."""
        return f"tile/entries/{_path_end(self.index, self.width)}"


def _path_end(index: int, width: int) -> str:
    """Return `<N>[.p/<W>]`: elements of three digits, all but the last prefixed with x."""
    groups = [f"{index % _GROUP:03d}"]
    while index >= _GROUP:
        index //= _GROUP
        groups.insert(0, f"x{index % _GROUP:03d}")
    return "/".join(groups) + ("" if width == TILE_WIDTH else f".p/{width}")


def parse_path(path: str) -> Tile | Bundle:
    """Return the tile or bundle that a path names.

    Raises MalformedTile unless the path is exactly as `path` writes it.
    """
    parts = _PATH.fullmatch(path)
    if parts is None:
        raise MalformedTile(f"{path!r} is not the path of a tile")
    index = int(re.sub("[x/]", "", parts["index"]))
    width = int(parts["width"] or TILE_WIDTH)
    if parts["width"] and width >= TILE_WIDTH:
        raise MalformedTile(f"{path!r} is too wide for a partial tile")
    resource = Bundle(index, width) if parts["level"] == "entries" else Tile(int(parts["level"]), index, width)
    if resource.path != path:  # a leading x000
        raise MalformedTile(f"{path!r} is not a tile's path in canonical form")
    return resource


# --- names of files ---


def new_tiles(old_size: int, size: int) -> list[Tile]:
    """Return the tiles that a growth creates or widens, level by level."""
    tiles: list[Tile] = []
    for level in range(LEVEL_MAX + 1):
        old_hashes, hashes = (n >> TILE_HEIGHT * level for n in (old_size, size))
        if not hashes:
            break
        tiles += [Tile(level, index, width) for index, width in _touched_rows(old_hashes, hashes)]
    return tiles


def new_bundles(old_size: int, size: int) -> list[Bundle]:
    """Return the bundles that a growth creates or widens."""
    return [Bundle(index, width) for index, width in _touched_rows(old_size, size)]


def edge_tiles(size: int) -> list[Tile]:
    """Return the partial tiles at `size`, the lowest first: enough to grow the tree."""
    widths = [(level, size >> TILE_HEIGHT * level) for level in range(LEVEL_MAX + 1)]
    return [Tile(level, n // TILE_WIDTH, n % TILE_WIDTH) for level, n in widths if n % TILE_WIDTH]


def tiles_for(nodes: Iterable[Node], size: int) -> list[Tile]:
    """Return the tiles that contain the nodes, without duplicates, with their widths at `size`."""
    return list(dict.fromkeys(_locate_node(node, size)[0] for node in nodes))


def _touched_rows(old: int, new: int) -> list[tuple[int, int]]:
    """Return index and width of each row of 256 that changes when a level grows."""
    rows = range(old // TILE_WIDTH, -(-new // TILE_WIDTH)) if new > old else ()
    return [(row, min(TILE_WIDTH, new - row * TILE_WIDTH)) for row in rows]


# --- contents of files ---


def grow_tiles(old_size: int, edge: Mapping[Tile, bytes], leaf_hashes: Sequence[bytes]) -> dict[Tile, bytes]:
    """Return the bytes of all tiles that change. `edge` must contain `edge_tiles(old_size)`."""
    grown: dict[Tile, bytes] = {}
    hashes = list(leaf_hashes)
    for level in range(LEVEL_MAX + 1):
        if not hashes:
            break
        start, width = divmod(old_size >> TILE_HEIGHT * level, TILE_WIDTH)
        if width:
            old = Tile(level, start, width)
            hashes = hashes_in(old, edge[old]) + hashes
        rows = [hashes[first : first + TILE_WIDTH] for first in range(0, len(hashes), TILE_WIDTH)]
        grown |= {Tile(level, start + offset, len(row)): b"".join(row) for offset, row in enumerate(rows)}
        hashes = [root(row) for row in rows if len(row) == TILE_WIDTH]  # a partial tile is never hashed upwards
    return grown


def hashes_in(tile: Tile, content: bytes) -> list[bytes]:
    """Return a tile's hashes.

    Raises MalformedTile if their number differs from the tile's width.
    """
    if len(content) != tile.width * HASH_BYTES:
        raise MalformedTile(f"{tile.path} has {len(content)} bytes instead of {tile.width * HASH_BYTES}")
    return [content[first : first + HASH_BYTES] for first in range(0, len(content), HASH_BYTES)]


def bundle_bytes(entries: Sequence[bytes]) -> bytes:
    """Return the entries, each after its length.

    Raises MalformedTile if an entry is longer than 65,535 bytes.
    """
    if any(len(entry) > ENTRY_BYTES_MAX for entry in entries):
        raise MalformedTile(f"an entry has more than {ENTRY_BYTES_MAX} bytes")
    return b"".join(len(entry).to_bytes(_LENGTH_BYTES, "big") + entry for entry in entries)


def entries_in(bundle: Bundle, content: bytes) -> list[bytes]:
    """Return a bundle's entries.

    Raises MalformedTile if it is truncated or their number differs from the bundle's width.
    """
    entries = []
    at = 0
    while at < len(content):
        start = at + _LENGTH_BYTES
        at = start + int.from_bytes(content[at:start], "big")
        entries.append(content[start:at])
    if at != len(content) or len(entries) != bundle.width:
        raise MalformedTile(f"{bundle.path} does not contain exactly {bundle.width} entries")
    return entries


# --- hashes of the tree ---


def tiles_reader(tiles: Mapping[Tile, bytes], size: int) -> HashReader:
    """Return a reader for `merkle.prove_…` and `merkle.read_root` on the tree of `size` leaves.

    `tiles` must contain the result of `tiles_for`. The reader raises KeyError for a missing tile
    and MalformedTile for a wrong length. Tiles are not verified: `merkle.check_…` rejects false
    proofs.
    """

    def read(nodes: Sequence[Node]) -> list[bytes]:
        return [_read_node_hash(node, tiles, size) for node in nodes]

    return read


def root_tiles(size: int) -> list[Tile]:
    """Return the tiles that `merkle.read_root` reads: part of the edge, at most one a level."""
    return tiles_for(root_nodes(size), size)


def _read_node_hash(node: Node, tiles: Mapping[Tile, bytes], size: int) -> bytes:
    tile, start, end = _locate_node(node, size)
    return root(hashes_in(tile, tiles[tile])[start:end])


def _locate_node(node: Node, size: int) -> tuple[Tile, int, int]:
    """Return the tile that contains a node, and the range of its hashes that the node spans.

    Raises IndexError if the node is not complete at `size`.
    """
    level, height = divmod(node.level, TILE_HEIGHT)
    first, last = node.index << height, (node.index + 1) << height  # in units of the tile's hashes
    hashes = size >> TILE_HEIGHT * level
    if not 0 <= first < last <= hashes:
        raise IndexError(f"{node} is not complete in a tree of {size}")
    index, start = divmod(first, TILE_WIDTH)
    tile = Tile(level, index, min(TILE_WIDTH, hashes - index * TILE_WIDTH))
    return tile, start, start + last - first
