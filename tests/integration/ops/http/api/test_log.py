"""`/log/…` as tlog-tiles requires: paths, types, caching, partial tiles; and as static files."""

import gzip
from pathlib import Path

import pytest

from ledger.log.checkpoint import open_checkpoint
from ledger.log.encoding import to_base64
from ledger.log.merkle import leaf_hash, root
from ledger.log.note import format_verifier_key
from ledger.log.tiles import Bundle, Tile, entries_in, new_bundles, new_tiles
from ledger.publication import sequencer
from ops import log_export
from ops.clock import utc_now
from running_service import LOG, RunningService, like, running_service


async def grow_log(to: RunningService, deliveries: int = 3) -> int:
    """Send deliveries, each with its leaf; return the log's size."""
    for number in range(deliveries):
        await to.send([like(f"{number}/{n}") for n in range(7)])
        await to.tick()
    head = await sequencer.sequence_leaves(to.service.pool, LOG, utc_now())
    assert head is not None
    return head.size


async def test_a_reader_recomputes_the_root_from_what_is_served(dsn: str):
    async with running_service(dsn) as to:
        size = await grow_log(to)
        response = await to.get("/log/checkpoint")
        checkpoint = open_checkpoint(response.body, LOG.verifier_key)
        entries = await to.get(f"/log/{Bundle(0, size).path}")
        hashes = [leaf_hash(entry) for entry in entries_in(Bundle(0, size), entries.body)]
        tile = await to.get(f"/log/{Tile(0, 0, size).path}")
        assert (checkpoint.size, checkpoint.root) == (size, root(hashes))
        assert tile.body == b"".join(hashes)


async def test_types_and_caching_are_those_of_tlog_tiles(dsn: str):
    async with running_service(dsn) as to:
        size = await grow_log(to)
        checkpoint, key = await to.get("/log/checkpoint"), await to.get("/log/key")
        tile, entries = await to.get(f"/log/tile/0/000.p/{size}"), await to.get(f"/log/tile/entries/000.p/{size}")
    assert checkpoint.headers["Content-Type"] == key.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert "max-age=1," in checkpoint.headers["Cache-Control"]
    assert "immutable" not in checkpoint.headers["Cache-Control"]
    assert key.body.decode() == format_verifier_key(LOG.verifier_key) + "\n"
    for file in (tile, entries):
        assert file.headers["Content-Type"] == "application/octet-stream"
        assert file.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert file.headers["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize(
    ("accepted", "is_compressed"), [("gzip, br", True), ("br", False), ("gzip;q=0", False), ("gzip;q=0.5", True)]
)
async def test_entries_are_compressed_for_clients_that_accept_gzip(dsn: str, accepted: str, is_compressed: bool):
    async with running_service(dsn) as to:
        size = await grow_log(to)
        url = f"{to.url}/log/tile/entries/000.p/{size}"
        async with to.http.get(url, headers={"Accept-Encoding": accepted}, auto_decompress=False) as response:
            body = await response.read()
            assert (response.headers.get("Content-Encoding") == "gzip") is is_compressed
            assert response.headers["Vary"] == "Accept-Encoding"
        whole = await to.get(f"/log/tile/entries/000.p/{size}", **{"Accept-Encoding": "identity"})
        assert (gzip.decompress(body) if is_compressed else body) == whole.body
        tile = await to.get(f"/log/tile/0/000.p/{size}", **{"Accept-Encoding": "gzip"})
        assert "Content-Encoding" not in tile.headers


async def test_a_tile_outside_the_log_is_not_found(dsn: str):
    async with running_service(dsn) as to:
        size = await grow_log(to)
        for path in (
            f"tile/0/000.p/{size + 1}",
            f"tile/entries/000.p/{size + 1}",
            "tile/0/000",
            "tile/entries/000",
            "tile/0/001.p/1",
            "tile/1/000.p/1",
            "tile/0/0",
            "tile/64/000",
            "tile/0/000.p/256",
            "tile/0/000.p/0",
            "tile/0/x001/000",
            "tile/0/x999/x999/x999/x999/x999/x999/999",
            "tile/entries/x999/x999/x999/x999/x999/x999/999",
            "tile/entries/999999999999999999999",
            "nothing",
        ):
            assert (await to.get(f"/log/{path}")).status == 404, path


async def test_a_narrower_tile_stays_what_it_was(dsn: str):
    async with running_service(dsn) as to:
        first = await grow_log(to)
        path = f"/log/tile/0/000.p/{first}"
        before = (await to.get(path)).body
        assert await grow_log(to, 5) > first
        assert (await to.get(path)).body == before


async def test_the_totals_name_the_checkpoint_that_covers_them(dsn: str):
    async with running_service(dsn) as to:
        size = await grow_log(to)
        checkpoint = open_checkpoint((await to.get("/log/checkpoint")).body, LOG.verifier_key)
        totals = (await to.get("/v1/campaigns/rural-education/totals")).json
        assert totals["checkpoint"] == {"size": size, "root": to_base64(checkpoint.root)}


async def test_figures_that_are_not_logged_yet_have_no_checkpoint(dsn: str):
    async with running_service(dsn) as to:
        await grow_log(to)
        await to.send([like("another")])
        await to.tick()
        assert (await to.get("/v1/campaigns/rural-education/totals")).json["checkpoint"] is None


async def test_the_export_equals_the_responses_and_resumes(dsn: str, tmp_path: Path):
    async with running_service(dsn) as to:
        size = await grow_log(to)
        async with to.service.pool.acquire() as conn:
            written, exported = await log_export.export_log(conn, tmp_path)
            assert (written, exported) == (2, size)
            assert await log_export.export_log(conn, tmp_path) == (0, size)
            size = await grow_log(to)
            (tmp_path / "tile" / "0" / ".000.draft").write_bytes(b"half")  # left by a killed process
            assert await log_export.export_log(conn, tmp_path) == (2, size)
        for tile in (*new_tiles(0, size), *new_bundles(0, size)):
            assert (tmp_path / tile.path).read_bytes() == (await to.get(f"/log/{tile.path}")).body
        for name in ("checkpoint", "key"):
            assert (tmp_path / name).read_bytes() == (await to.get(f"/log/{name}")).body
