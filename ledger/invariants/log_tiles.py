"""The invariant that SQL cannot say: every tile of the public log re-hashes to the newest head (RFC 6962, 2.1)."""

from collections.abc import AsyncIterator
from typing import Any

from ledger.log.merkle import HASH_BYTES, read_root, root, root_nodes
from ledger.log.tiles import LEVEL_MAX, TILE_HEIGHT, TILE_WIDTH
from ledger.publication.store import load_hash_reader
from sql import Connection, query

NAME = "log_tiles_rehash_to_the_head"
SENTENCE = "Every tile of the log re-hashes to the tile above it, and the edge of them to the newest head."

_FIND_NEWEST_HEAD = query("find_newest_head")
_LIST_TILES_OF_LEVEL = query("list_tiles_of_level")


async def find_broken_tiles(conn: Connection) -> AsyncIterator[dict[str, Any]]:
    """Yield what does not fit, tile by tile; needs a transaction, for it reads them through a cursor."""
    head = await conn.fetchrow(_FIND_NEWEST_HEAD)
    if head is None:
        return
    for level in range(LEVEL_MAX + 1):
        hashes = head["size"] >> TILE_HEIGHT * level
        if not hashes:
            break
        async for fault in _check_level(conn, level, hashes):
            yield fault
    try:
        found = read_root(await load_hash_reader(conn, root_nodes(head["size"]), head["size"]), head["size"])
    except KeyError as missing:
        yield {"size": head["size"], "fault": f"missing: {missing}"}
        return
    if found != head["root"]:
        yield {"size": head["size"], "root": head["root"].hex(), "tiles_make": found.hex()}


async def _check_level(conn: Connection, level: int, hashes: int) -> AsyncIterator[dict[str, Any]]:
    expected = 0
    async for row in conn.cursor(_LIST_TILES_OF_LEVEL, level):
        width = min(TILE_WIDTH, hashes - expected * TILE_WIDTH)
        at = {"level": level, "index": row["tile_index"]}
        if row["tile_index"] != expected or len(row["hashes"]) != width * HASH_BYTES:
            yield at | {"fault": f"not the tile {expected} with {width} hashes"}
            return
        held = row["hashes"]
        own = root([held[n : n + HASH_BYTES] for n in range(0, len(held), HASH_BYTES)])
        if width == TILE_WIDTH and own != row["parent_hash"]:
            yield at | {"fault": "does not hash to what the tile above says"}
        expected += 1
    if expected * TILE_WIDTH < hashes:
        yield {"level": level, "index": expected, "fault": "missing"}
