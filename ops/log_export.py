"""The public log as static files: what `/log/…` serves, byte for byte, for any web server or bucket."""

import os
from pathlib import Path

from rich.console import Console
from rich.progress import track

from ledger.log.tiles import Bundle, Tile, new_bundles, new_tiles
from ledger.publication import store
from ledger.publication.sequencer import LogRefused
from sql import Connection, query

_FIND_LOG_IDENTITY = query("find_log_identity")


async def export_log(conn: Connection, folder: Path) -> tuple[int, int]:
    """Write what is missing; return how many files were written, and how many leaves the log has.

    The checkpoint comes last: whoever reads it finds every file that it stands for, even if this was stopped.
    """
    signed = await store.newest_head(conn)
    if signed is None:
        raise LogRefused("the database has no public log yet: make it with `like-ledger log init`")
    files: list[Tile | Bundle] = [*new_bundles(0, signed.size), *new_tiles(0, signed.size)]
    missing = [named for named in files if not (folder / named.path).exists()]
    for named in track(missing, "writing", console=Console(stderr=True), disable=not missing):
        await _write_resource(conn, folder, named)
    _write_atomically(folder / "key", (await conn.fetchval(_FIND_LOG_IDENTITY) + "\n").encode())
    _write_atomically(folder / "checkpoint", signed.note)
    return len(missing), signed.size


async def _write_resource(conn: Connection, folder: Path, resource: Tile | Bundle) -> None:
    if isinstance(resource, Bundle):
        body = await store.read_bundle(conn, resource)
    else:
        body = await store.read_tile(conn, resource)
    if body is None:
        raise LogRefused(f"{resource.path} is missing: run `like-ledger check`")
    _write_atomically(folder / resource.path, body)


def _write_atomically(file: Path, body: bytes) -> None:
    """Write a file whole or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    with draft.open("wb") as written:
        written.write(body)
        written.flush()
        os.fsync(written.fileno())
    draft.replace(file)
