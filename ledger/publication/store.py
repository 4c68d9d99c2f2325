"""The published log in its tables: checkpoints, tiles and entries."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from ledger.log.merkle import HashReader, Node
from ledger.log.tiles import TILE_WIDTH, Bundle, Tile, bundle_bytes, tiles_for, tiles_reader
from sql import Connection, query

_FIND_NEWEST_CHECKPOINT = query("find_newest_checkpoint")
_FIND_COVERING_CHECKPOINT = query("find_covering_checkpoint")
_LIST_TILE_HASHES = query("list_tile_hashes")
_LIST_ENTRIES = query("list_entries")


class SignedHead(NamedTuple):
    """A signed head: its size and root, the published note, and when the log grew to it."""

    size: int
    root: bytes
    log_note: bytes  # with the log's signature alone
    cosignature_lines: bytes  # witnesses' signature lines
    sequenced_at: datetime

    @property
    def note(self) -> bytes:
        """The published checkpoint: the log's signature, then cosignatures."""
        return self.log_note + self.cosignature_lines

    @property
    def origin(self) -> str:
        """The log's name: the note's first line (https://c2sp.org/tlog-checkpoint)."""
        return self.log_note.decode().split("\n", 1)[0]


class CoveringHead(NamedTuple):
    """A signed head at a moment when no leaf was waiting."""

    size: int
    root: bytes


async def newest_head(conn: Connection) -> SignedHead | None:
    """Return the newest signed head; None before the log was created."""
    row = await conn.fetchrow(_FIND_NEWEST_CHECKPOINT)
    if row is None:
        return None
    return SignedHead(row["size"], row["root"], row["checkpoint"], row["cosignatures"] or b"", row["sequenced_at"])


async def covering_head(conn: Connection) -> CoveringHead | None:
    """Return the signed head that covers everything the caller's transaction sees.

    Returns None while a leaf waits to be logged.
    """
    row = await conn.fetchrow(_FIND_COVERING_CHECKPOINT)
    return None if row is None else CoveringHead(*row)


async def read_tiles(conn: Connection, tiles: Sequence[Tile]) -> dict[Tile, bytes]:
    """Return the bytes of those tiles that exist with the requested width."""
    columns = [t.level for t in tiles], [t.index for t in tiles], [t.width for t in tiles]
    rows = await conn.fetch(_LIST_TILE_HASHES, *columns)
    hashes_by_tile = {(row["level"], row["tile_index"], len(row["hashes"]) // 32): row["hashes"] for row in rows}
    return {
        tile: hashes_by_tile[tile_key]
        for tile in tiles
        if (tile_key := (tile.level, tile.index, tile.width)) in hashes_by_tile
    }


async def read_tile(conn: Connection, tile: Tile) -> bytes | None:
    """Return a tile's bytes; None if the log does not have it yet."""
    return (await read_tiles(conn, [tile])).get(tile)


async def read_bundle(conn: Connection, bundle: Bundle) -> bytes | None:
    """Return the bytes of a bundle of entries; None if the log does not have it yet."""
    first = bundle.index * TILE_WIDTH
    entries = [row["body"] for row in await conn.fetch(_LIST_ENTRIES, first, first + bundle.width)]
    return bundle_bytes(entries) if len(entries) == bundle.width else None


async def read_entry(conn: Connection, index: int) -> bytes:
    """Return a leaf's bytes.

    Raises LookupError if the log has no leaf of that index.
    """
    rows = await conn.fetch(_LIST_ENTRIES, index, index + 1)
    if not rows:
        raise LookupError(f"no leaf {index}")
    return bytes(rows[0]["body"])


async def load_hash_reader(conn: Connection, nodes: Iterable[Node], size: int) -> HashReader:
    """Return a reader with the nodes that `merkle.prove_…` or `read_root` will request."""
    return tiles_reader(await read_tiles(conn, tiles_for(nodes, size)), size)
