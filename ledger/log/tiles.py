"""The log's files: tiles of hashes and bundles of entries, 256 wide (https://c2sp.org/tlog-tiles).

Which files a growth makes, what is in them, what they are called, and how the tree's hashes are read out of them.
What is a file and how it is fetched is the caller's: a `Mapping` of tiles to their bytes is all that is asked here.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ledger.log.merkle import HASH_BYTES, HashReader, Node, root, root_nodes

TILE_HEIGHT = 8
TILE_WIDTH = 1 << TILE_HEIGHT
LEVEL_MAX = 63  # tlog-tiles, "Merkle Tree"
ENTRY_BYTES_MAX = 0xFFFF  # tlog-tiles, "Log entries": each one's length is a big-endian uint16

_LENGTH_BYTES = 2
_GROUP = 1000  # a path's element is three digits, so that no folder grows without end
_PATH = re.compile(
    r"tile/(?P<level>entries|[0-9]|[1-5][0-9]|6[0-3])"
    r"/(?P<index>(?:x[0-9]{3}/){0,6}[0-9]{3})(?:\.p/(?P<width>[1-9][0-9]{0,2}))?"
)


class MalformedTile(ValueError):
    """A path that names no file of the log, or bytes that are not what their path says."""


@dataclass(frozen=True, slots=True)
class Tile:
    """Hashes `index` × 256 and on of the level: each is of a complete subtree of 256**level leaves."""

    level: int
    index: int
    width: int = TILE_WIDTH

    @property
    def path(self) -> str:
        """Where it is served, below the log's address."""
        return f"tile/{self.level}/{_path_end(self.index, self.width)}"


@dataclass(frozen=True, slots=True)
class Bundle:
    """The entries `index` × 256 and on, whose hashes are the level 0 tile of the same index."""

    index: int
    width: int = TILE_WIDTH

    @property
    def path(self) -> str:
        """Where it is served, below the log's address."""
        return f"tile/entries/{_path_end(self.index, self.width)}"


def _path_end(index: int, width: int) -> str:
    """Return `<N>[.p/<W>]`: three digits an element, all but the last begin with an x."""
    groups = [f"{index % _GROUP:03d}"]
    while index >= _GROUP:
        index //= _GROUP
        groups.insert(0, f"x{index % _GROUP:03d}")
    return "/".join(groups) + ("" if width == TILE_WIDTH else f".p/{width}")


def parse_path(path: str) -> Tile | Bundle:
    """Return what the path names. MalformedTile if it is not letter by letter what `path` writes."""
    parts = _PATH.fullmatch(path)
    if parts is None:
        raise MalformedTile(f"{path!r} is no path of a tile")
    index = int(re.sub("[x/]", "", parts["index"]))
    width = int(parts["width"] or TILE_WIDTH)
    if parts["width"] and width >= TILE_WIDTH:
        raise MalformedTile(f"{path!r} is wider than a partial tile")
    named = Bundle(index, width) if parts["level"] == "entries" else Tile(int(parts["level"]), index, width)
    if named.path != path:  # x000 in front
        raise MalformedTile(f"{path!r} is not how a tile's path is written")
    return named


# --- which files there are ---


def new_tiles(old_size: int, size: int) -> list[Tile]:
    """Return the tiles that a growth creates or widens, level by level. A log of size 0 has none."""
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
    """Return the partial tiles of that size, the lowest first: all that is needed to grow it, or for its root."""
    widths = [(level, size >> TILE_HEIGHT * level) for level in range(LEVEL_MAX + 1)]
    return [Tile(level, n // TILE_WIDTH, n % TILE_WIDTH) for level, n in widths if n % TILE_WIDTH]


def tiles_for(nodes: Iterable[Node], size: int) -> list[Tile]:
    """Return the tiles, as wide as they are at that size, that hold the nodes; each once."""
    return list(dict.fromkeys(_locate_node(node, size)[0] for node in nodes))


def _touched_rows(old: int, new: int) -> list[tuple[int, int]]:
    """Return index and width of each row of 256 that is touched when a level grows from `old` to `new`."""
    rows = range(old // TILE_WIDTH, -(-new // TILE_WIDTH)) if new > old else ()
    return [(row, min(TILE_WIDTH, new - row * TILE_WIDTH)) for row in rows]


# --- what is in them ---


def grow_tiles(old_size: int, edge: Mapping[Tile, bytes], leaf_hashes: Sequence[bytes]) -> dict[Tile, bytes]:
    """Return the bytes of all tiles that change when leaves are added. `edge` holds `edge_tiles(old_size)`."""
    grown: dict[Tile, bytes] = {}
    hashes = list(leaf_hashes)
    for level in range(LEVEL_MAX + 1):
        if not hashes:
            break
        start, width = divmod(old_size >> TILE_HEIGHT * level, TILE_WIDTH)
        if width:
            old = Tile(level, start, width)
            hashes = hashes_in(old, edge[old]) + hashes
        rows = [hashes[at : at + TILE_WIDTH] for at in range(0, len(hashes), TILE_WIDTH)]
        grown |= {Tile(level, start + i, len(row)): b"".join(row) for i, row in enumerate(rows)}
        hashes = [root(row) for row in rows if len(row) == TILE_WIDTH]  # a partial tile is never hashed upwards
    return grown


def hashes_in(tile: Tile, content: bytes) -> list[bytes]:
    """Return a tile's hashes. MalformedTile if there are more or fewer than its width."""
    if len(content) != tile.width * HASH_BYTES:
        raise MalformedTile(f"{tile.path} has {len(content)} bytes instead of {tile.width * HASH_BYTES}")
    return [content[at : at + HASH_BYTES] for at in range(0, len(content), HASH_BYTES)]


def bundle_bytes(entries: Sequence[bytes]) -> bytes:
    """Return entries, each behind its length. MalformedTile if one is longer than 65,535 bytes."""
    if any(len(entry) > ENTRY_BYTES_MAX for entry in entries):
        raise MalformedTile(f"an entry has more than {ENTRY_BYTES_MAX} bytes")
    return b"".join(len(entry).to_bytes(_LENGTH_BYTES, "big") + entry for entry in entries)


def entries_in(bundle: Bundle, content: bytes) -> list[bytes]:
    """Return a bundle's entries. MalformedTile if it breaks off, or there are more or fewer than its width."""
    entries = []
    at = 0
    while at < len(content):
        start = at + _LENGTH_BYTES
        at = start + int.from_bytes(content[at:start], "big")
        entries.append(content[start:at])
    if at != len(content) or len(entries) != bundle.width:
        raise MalformedTile(f"{bundle.path} is not {bundle.width} whole entries")
    return entries


# --- reading the tree out of them ---


def tiles_reader(tiles: Mapping[Tile, bytes], size: int) -> HashReader:
    """Return a reader of the tree of that size for `merkle.prove_…` and `read_root`.

    `tiles` must hold what `tiles_for` names; KeyError for one that is missing, MalformedTile for a wrong length.
    Nothing here proves a tile: what is made of a false one fails at `merkle.check_…`.
    """

    def read(nodes: Sequence[Node]) -> list[bytes]:
        return [_read_node_hash(node, tiles, size) for node in nodes]

    return read


def root_tiles(size: int) -> list[Tile]:
    """Return the tiles from which `merkle.read_root` makes the root: some of the edge, at most one a level."""
    return tiles_for(root_nodes(size), size)


def _read_node_hash(node: Node, tiles: Mapping[Tile, bytes], size: int) -> bytes:
    tile, start, end = _locate_node(node, size)
    return root(hashes_in(tile, tiles[tile])[start:end])


def _locate_node(node: Node, size: int) -> tuple[Tile, int, int]:
    """Return the tile that holds a node, and which of its hashes the node spans. IndexError beyond that size."""
    level, height = divmod(node.level, TILE_HEIGHT)
    first, last = node.index << height, (node.index + 1) << height  # in hashes of the tile's level
    hashes = size >> TILE_HEIGHT * level
    if not 0 <= first < last <= hashes:
        raise IndexError(f"no complete {node} in a tree of {size}")
    index, start = divmod(first, TILE_WIDTH)
    tile = Tile(level, index, min(TILE_WIDTH, hashes - index * TILE_WIDTH))
    return tile, start, start + last - first
