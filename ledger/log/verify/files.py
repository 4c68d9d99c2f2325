"""Read tiles and bundles from a source; where a partial file is gone, the full one has its content.

A log may delete partial files once the full one exists (https://c2sp.org/tlog-tiles, "Partial
tiles"), while older checkpoints and slower readers still name them.
"""

from dataclasses import replace
from typing import TypeVar

from ledger.log.tiles import TILE_WIDTH, Bundle, Tile, entries_in, hashes_in
from ledger.log.verify.source import Source, SourceError

Resource = TypeVar("Resource", Tile, Bundle)


def read_tile(source: Source, tile: Tile) -> bytes:
    """Return a tile's bytes.

    Raises SourceError if neither the tile nor the full one can be read, MalformedTile if the full
    one has another width.
    """
    content, actual = _read(source, tile)
    return content if actual == tile else b"".join(hashes_in(actual, content)[: tile.width])


def read_entries(source: Source, bundle: Bundle) -> list[bytes]:
    """Return a bundle's entries.

    Raises SourceError if neither the bundle nor the full one can be read, MalformedTile if the
    number of entries differs from the width.
    """
    content, actual = _read(source, bundle)
    return entries_in(actual, content)[: bundle.width]


def _read(source: Source, resource: Resource) -> tuple[bytes, Resource]:
    """Return the content of a file or of the full one, and which of them it is."""
    try:
        return source.read_log_file(resource.path), resource
    except SourceError:
        if resource.width == TILE_WIDTH:
            raise
        full = replace(resource, width=TILE_WIDTH)
        try:
            return source.read_log_file(full.path), full
        except SourceError:
            pass  # the partial file is the one that should exist
        raise
