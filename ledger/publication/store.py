"""What the public log has published: its checkpoint, tiles and entries, as its tables hold them."""

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
    """A signed head: how many leaves, their root, the note as it is published, and when the log grew to it."""

    size: int
    root: bytes
    log_note: bytes  # signed by the log alone
    cosignature_lines: bytes  # the lines of witnesses
    sequenced_at: datetime

    @property
    def note(self) -> bytes:
        """The checkpoint as everyone sees it: the log's own signature, then those of witnesses."""
        return self.log_note + self.cosignature_lines

    @property
    def origin(self) -> str:
        """The log's name: the note's first line (https://c2sp.org/tlog-checkpoint)."""
        return self.log_note.decode().split("\n", 1)[0]


class CoveringHead(NamedTuple):
    """A signed head beside which nothing waits to be logged."""

    size: int
    root: bytes


async def newest_head(conn: Connection) -> SignedHead | None:
    """Return the newest signed head; None before the log was made."""
    row = await conn.fetchrow(_FIND_NEWEST_CHECKPOINT)
    if row is None:
        return None
    return SignedHead(row["size"], row["root"], row["checkpoint"], row["cosignatures"] or b"", row["sequenced_at"])


async def covering_head(conn: Connection) -> CoveringHead | None:
    """Return the signed head that covers all that the caller's transaction sees; None while something waits."""
    row = await conn.fetchrow(_FIND_COVERING_CHECKPOINT)
    return None if row is None else CoveringHead(*row)


async def read_tiles(conn: Connection, tiles: Sequence[Tile]) -> dict[Tile, bytes]:
    """Return those of the tiles that are there as wide as they are asked for."""
    columns = [t.level for t in tiles], [t.index for t in tiles], [t.width for t in tiles]
    rows = await conn.fetch(_LIST_TILE_HASHES, *columns)
    found = {(row["level"], row["tile_index"], len(row["hashes"]) // 32): row["hashes"] for row in rows}
    return {tile: found[at] for tile in tiles if (at := (tile.level, tile.index, tile.width)) in found}


async def read_tile(conn: Connection, tile: Tile) -> bytes | None:
    """Return one tile's bytes; None where the log has not come so far."""
    return (await read_tiles(conn, [tile])).get(tile)


async def read_bundle(conn: Connection, bundle: Bundle) -> bytes | None:
    """Return the bytes of a bundle of entries; None where the log has not come so far."""
    first = bundle.index * TILE_WIDTH
    entries = [row["body"] for row in await conn.fetch(_LIST_ENTRIES, first, first + bundle.width)]
    return bundle_bytes(entries) if len(entries) == bundle.width else None


async def read_entry(conn: Connection, index: int) -> bytes:
    """Return a leaf's bytes; LookupError where there is none at that place."""
    rows = await conn.fetch(_LIST_ENTRIES, index, index + 1)
    if not rows:
        raise LookupError(f"no leaf {index}")
    return bytes(rows[0]["body"])


async def load_hash_reader(conn: Connection, nodes: Iterable[Node], size: int) -> HashReader:
    """Return a reader that has what `merkle.prove_…` and `read_root` will ask for about a tree of that size."""
    return tiles_reader(await read_tiles(conn, tiles_for(nodes, size)), size)
