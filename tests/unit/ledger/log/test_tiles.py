"""The names, widths and contents of the log's files."""

import pytest

from ledger.log import merkle, tiles
from ledger.log.tiles import Bundle, MalformedTile, Tile

HASHES = [merkle.leaf_hash(n.to_bytes(3, "big")) for n in range(70_000)]


@pytest.mark.parametrize(
    ("resource", "path"),
    [
        (Tile(0, 0), "tile/0/000"),
        (Tile(0, 0, 1), "tile/0/000.p/1"),
        (Tile(0, 999), "tile/0/999"),
        (Tile(0, 1000), "tile/0/x001/000"),
        (Tile(4, 1234067), "tile/4/x001/x234/067"),
        (Tile(63, 1234067, 255), "tile/63/x001/x234/067.p/255"),
        (Bundle(1234067), "tile/entries/x001/x234/067"),
        (Bundle(273, 112), "tile/entries/273.p/112"),
    ],
)
def test_a_path_is_written_and_read_as_the_standard_says(resource, path):
    assert resource.path == path
    assert tiles.parse_path(path) == resource


@pytest.mark.parametrize(
    "path",
    [
        "",
        "tile/0",
        "tile/0/0",
        "tile/0/00",
        "tile/0/0000",
        "tile/00/000",
        "tile/64/000",
        "tile/-1/000",
        "tile/data/000",
        "tile/8/0/000",
        "tile/0/x000/001",
        "tile/0/x001",
        "tile/0/001/000",
        "tile/0/x001/x000",
        "tile/0/000.p/0",
        "tile/0/000.p/01",
        "tile/0/000.p/256",
        "tile/0/000.p/999",
        "tile/0/000.p/",
        "tile/0/000.p",
        "/tile/0/000",
        "tile/0/000/",
        "tile/0/000\n",
        "tile/0/٠٠٠",
        "tile/0/../000",
        "tile/0/" + "x001/" * 7 + "000",
    ],
)
def test_a_path_in_another_form_is_refused(path):
    with pytest.raises(MalformedTile):
        tiles.parse_path(path)


def test_a_log_of_70000_has_the_tiles_that_the_standard_counts():
    created = tiles.new_tiles(0, 70_000)
    assert [tile for tile in created if tile.level == 0] == [*(Tile(0, n) for n in range(273)), Tile(0, 273, 112)]
    assert [tile for tile in created if tile.level > 0] == [Tile(1, 0), Tile(1, 1, 17), Tile(2, 0, 1)]
    assert tiles.edge_tiles(70_000) == [Tile(0, 273, 112), Tile(1, 1, 17), Tile(2, 0, 1)]


@pytest.mark.parametrize(
    ("old_size", "size", "created"),
    [
        (0, 0, []),
        (5, 5, []),
        (0, 1, [Tile(0, 0, 1)]),
        (1, 3, [Tile(0, 0, 3)]),
        (0, 256, [Tile(0, 0), Tile(1, 0, 1)]),
        (255, 256, [Tile(0, 0), Tile(1, 0, 1)]),
        (256, 257, [Tile(0, 1, 1)]),
        (200, 600, [Tile(0, 0), Tile(0, 1), Tile(0, 2, 88), Tile(1, 0, 2)]),
        (65_535, 65_536, [Tile(0, 255), Tile(1, 0), Tile(2, 0, 1)]),
    ],
)
def test_a_growth_creates_or_widens_these_tiles(old_size, size, created):
    assert tiles.new_tiles(old_size, size) == created
    assert tiles.new_bundles(old_size, size) == [Bundle(t.index, t.width) for t in created if t.level == 0]


@pytest.mark.parametrize(("old_size", "size"), [(0, 0), (0, 1), (0, 256), (200, 600), (255, 256), (65_530, 66_100)])
def test_growing_writes_those_tiles_with_the_hashes_that_the_standard_defines(old_size, size):
    edge = {tile: standard_tile(tile) for tile in tiles.edge_tiles(old_size)}
    grown = tiles.grow_tiles(old_size, edge, HASHES[old_size:size])
    assert sorted(map(str, grown)) == sorted(map(str, tiles.new_tiles(old_size, size)))
    assert all(content == standard_tile(tile) for tile, content in grown.items())


def standard_tile(tile: Tile) -> bytes:
    """Return the tile as tlog-tiles defines it: the tree hashes of 256**level leaves each."""
    leaves = 256**tile.level
    first = tile.index * 256
    return b"".join(merkle.root(HASHES[n * leaves : (n + 1) * leaves]) for n in range(first, first + tile.width))


@pytest.mark.parametrize("size", [1, 255, 256, 257, 65_536, 70_000])
def test_the_root_is_read_from_the_edge_alone(size):
    edge = {tile: standard_tile(tile) for tile in tiles.edge_tiles(size)}
    assert set(tiles.root_tiles(size)) <= set(edge)
    assert merkle.read_root(tiles.tiles_reader(edge, size), size) == merkle.root(HASHES[:size])


@pytest.mark.parametrize(("index", "size"), [(0, 1), (0, 70_000), (65_535, 70_000), (69_999, 70_000), (300, 513)])
def test_tiles_for_returns_all_tiles_that_a_proof_needs(index, size):
    needed = tiles.tiles_for(merkle.inclusion_nodes(index, size), size)
    reader = tiles.tiles_reader({tile: standard_tile(tile) for tile in needed}, size)
    proof = merkle.prove_inclusion(reader, index, size)
    assert merkle.check_inclusion(proof, index, size, HASHES[index], merkle.root(HASHES[:size]))
    assert len(needed) <= 6


@pytest.mark.parametrize(("old_size", "size"), [(1, 2), (256, 257), (65_000, 70_000), (65_536, 70_000), (0, 70_000)])
def test_tiles_for_returns_all_tiles_of_a_consistency_proof(old_size, size):
    needed = tiles.tiles_for(merkle.consistency_nodes(old_size, size), size)
    reader = tiles.tiles_reader({tile: standard_tile(tile) for tile in needed}, size)
    proof = merkle.prove_consistency(reader, old_size, size)
    roots = merkle.root(HASHES[:old_size]), merkle.root(HASHES[:size])
    assert merkle.check_consistency(proof, old_size, size, *roots)


def test_a_false_tile_gives_a_false_proof():
    needed = tiles.tiles_for(merkle.inclusion_nodes(300, 513), 513)
    false = {tile: bytes([standard_tile(tile)[0] ^ 1]) + standard_tile(tile)[1:] for tile in needed}
    proof = merkle.prove_inclusion(tiles.tiles_reader(false, 513), 300, 513)
    assert not merkle.check_inclusion(proof, 300, 513, HASHES[300], merkle.root(HASHES[:513]))


def test_a_node_beyond_the_size_is_in_no_tile():
    with pytest.raises(IndexError):
        tiles.tiles_for([merkle.Node(8, 1)], 511)


@pytest.mark.parametrize("content", [b"", bytes(63), bytes(65), bytes(96)])
def test_a_tile_of_another_length_is_refused(content):
    with pytest.raises(MalformedTile):
        tiles.hashes_in(Tile(0, 0, 2), content)


def test_entries_follow_their_lengths():
    entries = [b"", b"a", b"x" * 65_535]
    content = tiles.bundle_bytes(entries)
    assert content[:5] == b"\x00\x00\x00\x01a"
    assert tiles.entries_in(Bundle(0, 3), content) == entries


def test_an_entry_longer_than_a_uint16_is_refused():
    with pytest.raises(MalformedTile):
        tiles.bundle_bytes([bytes(65_536)])


@pytest.mark.parametrize("content", [b"", b"\x00", b"\x00\x01", b"\x00\x00", b"\x00\x00" * 3, b"\x00\x01a\x00\x02b"])
def test_a_truncated_bundle_or_another_count_is_refused(content):
    with pytest.raises(MalformedTile):
        tiles.entries_in(Bundle(0, 2), content)
