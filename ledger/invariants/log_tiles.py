"""The invariant that SQL cannot express: log tiles hash to the newest head (RFC 6962, 2.1)."""

from collections.abc import AsyncIterator
from typing import Any

from ledger.log.merkle import HASH_BYTES, read_root, root, root_nodes
from ledger.log.tiles import LEVEL_MAX, TILE_HEIGHT, TILE_WIDTH
from ledger.publication.store import load_hash_reader
from sql import Connection, query

NAME = "log_tiles_rehash_to_the_head"
SENTENCE = "Every tile of the log hashes to the tile above it, and the right edge to the newest head."

_FIND_NEWEST_HEAD = query("find_newest_head")
_LIST_TILES_OF_LEVEL = query("list_tiles_of_level")


async def find_broken_tiles(conn: Connection) -> AsyncIterator[dict[str, Any]]:
    """Yield a row for every broken tile. Joins the caller's transaction, which its cursor needs."""
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
        tiles_root = read_root(await load_hash_reader(conn, root_nodes(head["size"]), head["size"]), head["size"])
    except KeyError as missing:
        yield {"size": head["size"], "fault": f"missing: {missing}"}
        return
    if tiles_root != head["root"]:
        yield {"size": head["size"], "root": head["root"].hex(), "tiles_root": tiles_root.hex()}


async def _check_level(conn: Connection, level: int, hashes: int) -> AsyncIterator[dict[str, Any]]:
    expected = 0
    async for row in conn.cursor(_LIST_TILES_OF_LEVEL, level):
        width = min(TILE_WIDTH, hashes - expected * TILE_WIDTH)
        tile = {"level": level, "index": row["tile_index"]}
        if row["tile_index"] != expected or len(row["hashes"]) != width * HASH_BYTES:
            yield tile | {"fault": f"is not tile {expected} with {width} hashes"}
            return
        hashes_bytes = row["hashes"]
        tile_hash = root([hashes_bytes[n : n + HASH_BYTES] for n in range(0, len(hashes_bytes), HASH_BYTES)])
        if width == TILE_WIDTH and tile_hash != row["parent_hash"]:
            yield tile | {"fault": "differs from the hash in the tile above"}
        expected += 1
    if expected * TILE_WIDTH < hashes:
        yield {"level": level, "index": expected, "fault": "missing"}
