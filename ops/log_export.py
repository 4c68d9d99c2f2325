"""Export the public log as static files, byte for byte as `/log/…` serves them."""

import os
from pathlib import Path

from rich.console import Console
from rich.progress import track

from ledger.log.tiles import Bundle, Tile, new_bundles, new_tiles
from ledger.publication import store
from ledger.publication.refusals import LogRefused
from sql import Connection, query

_FIND_LOG_IDENTITY = query("find_log_identity")


async def export_log(conn: Connection, folder: Path) -> tuple[int, int]:
    """Write missing files; return the number of files written and of the log's leaves.

    The checkpoint is written last, so its files exist even if the export is interrupted.
    Raises LogRefused if there is no log or a file of it is missing.
    """
    head = await store.newest_head(conn)
    if head is None:
        raise LogRefused("log_not_created")
    files: list[Tile | Bundle] = [*new_bundles(0, head.size), *new_tiles(0, head.size)]
    missing = [resource for resource in files if not (folder / resource.path).exists()]
    for resource in track(missing, "writing", console=Console(stderr=True), disable=not missing):
        await _write_resource(conn, folder, resource)
    _write_atomically(folder / "key", (await conn.fetchval(_FIND_LOG_IDENTITY) + "\n").encode())
    _write_atomically(folder / "checkpoint", head.note)
    return len(missing), head.size


async def _write_resource(conn: Connection, folder: Path, resource: Tile | Bundle) -> None:
    if isinstance(resource, Bundle):
        body = await store.read_bundle(conn, resource)
    else:
        body = await store.read_tile(conn, resource)
    if body is None:
        raise LogRefused("log_file_missing", path=resource.path)
    _write_atomically(folder / resource.path, body)


def _write_atomically(file: Path, body: bytes) -> None:
    """Write a file completely or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    with draft.open("wb") as stream:
        stream.write(body)
        stream.flush()
        os.fsync(stream.fileno())
    draft.replace(file)
