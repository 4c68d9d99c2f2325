"""The tree against RFC 6962's recursive definitions for every small size; changed proofs fail."""

from collections.abc import Iterator, Sequence
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.log import merkle, tiles

SIZE_MAX = 70
HASHES = [merkle.leaf_hash(bytes([n])) for n in range(SIZE_MAX)]


def mth(hashes: Sequence[bytes]) -> bytes:
    """Return MTH of RFC 6962, 2.1, over leaf hashes."""
    if len(hashes) == 1:
        return hashes[0]
    k = left_part(len(hashes))
    return sha256(b"\x01" + mth(hashes[:k]) + mth(hashes[k:])).digest()


def path(m: int, hashes: Sequence[bytes]) -> list[bytes]:
    """Return PATH of RFC 6962, 2.1.1."""
    if len(hashes) == 1:
        return []
    k = left_part(len(hashes))
    if m < k:
        return [*path(m, hashes[:k]), mth(hashes[k:])]
    return [*path(m - k, hashes[k:]), mth(hashes[:k])]


def subproof(m: int, hashes: Sequence[bytes], *, complete: bool) -> list[bytes]:
    """Return SUBPROOF of RFC 6962, 2.1.2."""
    if m == len(hashes):
        return [] if complete else [mth(hashes)]
    k = left_part(len(hashes))
    if m <= k:
        return [*subproof(m, hashes[:k], complete=complete), mth(hashes[k:])]
    return [*subproof(m - k, hashes[k:], complete=False), mth(hashes[:k])]


def left_part(n: int) -> int:
    k = 1
    while k * 2 < n:
        k *= 2
    return k


ROOTS = [sha256().digest(), *(mth(HASHES[:size]) for size in range(1, SIZE_MAX + 1))]


@pytest.mark.parametrize("size", range(1, SIZE_MAX + 1))
def test_root_and_proofs_equal_the_rfcs_recursion(size):
    hashes = HASHES[:size]
    assert merkle.root(hashes) == ROOTS[size]
    tree = merkle.tree_levels(hashes)
    assert tree[-1] == [ROOTS[size]]
    for wrong in (-1, size):
        with pytest.raises(IndexError):
            merkle.inclusion_path(tree, wrong)
    for index in range(size):
        proof = merkle.inclusion_proof(hashes, index)
        assert proof == path(index, hashes) == merkle.inclusion_path(tree, index)
        assert merkle.check_inclusion(proof, index, size, hashes[index], ROOTS[size])
    for old_size in range(1, size + 1):
        proof = merkle.consistency_proof(hashes, old_size)
        assert proof == subproof(old_size, hashes, complete=True)
        assert merkle.check_consistency(proof, old_size, size, ROOTS[old_size], ROOTS[size])


def spoil_proof(proof: Sequence[bytes]) -> Iterator[list[bytes]]:
    """Yield every proof that differs by one bit, one hash more or less, or a truncated hash."""
    for at, sibling in enumerate(proof):
        flipped = bytes([sibling[0] ^ 1]) + sibling[1:]
        yield [*proof[:at], flipped, *proof[at + 1 :]]
        yield [*proof[:at], sibling[:-1], *proof[at + 1 :]]
        yield [*proof[:at], *proof[at + 1 :]]
    for at in range(len(proof) + 1):
        yield [*proof[:at], HASHES[0], *proof[at:]]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 13, 33])
def test_a_changed_inclusion_proof_is_rejected(size):
    for index in range(size):
        for false in spoil_proof(merkle.inclusion_proof(HASHES[:size], index)):
            assert not merkle.check_inclusion(false, index, size, HASHES[index], ROOTS[size])


@pytest.mark.parametrize("size", [2, 3, 7, 8, 13, 33])
def test_a_changed_consistency_proof_is_rejected(size):
    for old_size in range(1, size + 1):
        for false in spoil_proof(merkle.consistency_proof(HASHES[:size], old_size)):
            assert not merkle.check_consistency(false, old_size, size, ROOTS[old_size], ROOTS[size])


@pytest.mark.parametrize("size", [2, 5, 8, 21])
def test_a_proof_is_valid_for_its_leaf_index_and_root_alone(size):
    for index in range(size):
        proof = merkle.inclusion_proof(HASHES[:size], index)
        candidates = [(i, leaf) for i in range(size) for leaf in range(size)]
        accepted = [(i, n) for i, n in candidates if merkle.check_inclusion(proof, i, size, HASHES[n], ROOTS[size])]
        assert accepted == [(index, index)]
        wrong_roots = [root for root in ROOTS if root != ROOTS[size]]
        assert not any(merkle.check_inclusion(proof, index, size, HASHES[index], root) for root in wrong_roots)


def test_no_changed_history_is_consistent():
    """A log with a replaced leaf cannot link its history to the old root."""
    old_size, size = 11, 29
    for position in range(old_size):
        forged = [*HASHES[:position], merkle.leaf_hash(b"forged"), *HASHES[position + 1 : size]]
        proof = merkle.consistency_proof(forged, old_size)
        assert not merkle.check_consistency(proof, old_size, size, ROOTS[old_size], merkle.root(forged))
        assert not merkle.check_consistency(proof, old_size, size, merkle.root(forged[:old_size]), ROOTS[size])


@pytest.mark.parametrize("size", [3, 8, 20])
def test_a_consistency_proof_is_valid_for_its_sizes_alone(size):
    for old_size in range(1, size):
        proof = merkle.consistency_proof(HASHES[:size], old_size)
        accepted = [
            (m, n)
            for n in range(1, 40)
            for m in range(1, n)
            if merkle.check_consistency(proof, m, n, ROOTS[m], ROOTS[n])
        ]
        assert accepted == [(old_size, size)]


def grow_log(sizes: Sequence[int], hashes: Sequence[bytes]) -> dict[tiles.Tile, bytes]:
    """Return all files published by a log that grew through these sizes."""
    published: dict[tiles.Tile, bytes] = {}
    for old_size, size in zip([0, *sizes], sizes, strict=False):
        edge = {tile: published[tile] for tile in tiles.edge_tiles(old_size)}
        published |= tiles.grow_tiles(old_size, edge, hashes[old_size:size])
    return published


MANY = [merkle.leaf_hash(n.to_bytes(3, "big")) for n in range(1500)]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, len(MANY)), min_size=1, max_size=6).map(sorted), st.randoms(use_true_random=False))
def test_tiles_and_leaves_give_the_same_proofs_however_the_log_grew(sizes, choice):
    published = grow_log(sizes, MANY)
    size = sizes[-1]
    reader = tiles.tiles_reader(published, size)
    assert merkle.read_root(reader, size) == merkle.root(MANY[:size])
    for old_size in sizes:
        proof = merkle.prove_consistency(reader, old_size, size)
        old_root = merkle.root(MANY[:old_size])
        assert merkle.check_consistency(proof, old_size, size, old_root, merkle.root(MANY[:size]))
    if size:
        index = choice.randrange(size)
        assert merkle.prove_inclusion(reader, index, size) == merkle.inclusion_proof(MANY[:size], index)
