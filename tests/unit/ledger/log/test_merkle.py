"""The tree of eight leaves with which Certificate Transparency implementations are tested."""

import pytest

from ledger.log import merkle

LEAVES = [
    bytes.fromhex(text)
    for text in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
]
# names are level and index: N10 is the node over the leaves 0 and 1
N00 = "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
N01 = "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7"
N04 = "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"
N10 = "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"
N11 = "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e"
N12 = "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a"
N13 = "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0"
N20 = "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"
N21 = "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    N00,
    N10,
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    N20,
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
INCLUSION = [
    (0, 1, []),
    (0, 8, [N01, N11, N21]),
    (5, 8, [N04, N13, N20]),
    (2, 3, [N10]),
    (1, 5, [N00, N11, N04]),
]
CONSISTENCY = [
    (1, 1, []),
    (1, 8, [N01, N11, N21]),
    (6, 8, [N12, N13, N20]),
    (2, 5, [N11, N04]),
]
HASHES = [merkle.leaf_hash(leaf) for leaf in LEAVES]


def hex_proof(proof):
    return [sibling.hex() for sibling in proof]


def parse_proof(proof):
    return [bytes.fromhex(sibling) for sibling in proof]


def published_root(size):
    return bytes.fromhex(ROOTS[size])


@pytest.mark.parametrize("size", range(9))
def test_the_root_of_the_first_leaves_is_the_published_one(size):
    assert merkle.root(HASHES[:size]).hex() == ROOTS[size]
    assert merkle.read_root(merkle.leaves_reader(HASHES), size).hex() == ROOTS[size]


def test_a_node_is_the_hash_over_its_two_halves():
    assert merkle.node_hash(bytes.fromhex(N10), bytes.fromhex(N11)).hex() == N20


@pytest.mark.parametrize(("index", "size", "proof"), INCLUSION)
def test_an_inclusion_proof_is_the_published_one_and_checks(index, size, proof):
    assert hex_proof(merkle.inclusion_proof(HASHES[:size], index)) == proof
    assert merkle.check_inclusion(parse_proof(proof), index, size, HASHES[index], published_root(size))


@pytest.mark.parametrize(("old_size", "size", "proof"), CONSISTENCY)
def test_a_consistency_proof_is_the_published_one_and_checks(old_size, size, proof):
    assert hex_proof(merkle.consistency_proof(HASHES[:size], old_size)) == proof
    assert merkle.check_consistency(
        parse_proof(proof), old_size, size, published_root(old_size), published_root(size)
    )


@pytest.mark.parametrize(("index", "size"), [(-1, 8), (8, 8), (9, 8), (0, 0)])
def test_a_missing_leaf_can_be_neither_proved_nor_checked(index, size):
    with pytest.raises(IndexError):
        merkle.inclusion_proof(HASHES[:size], index)
    assert not merkle.check_inclusion([], index, size, HASHES[0], published_root(size))


@pytest.mark.parametrize(("old_size", "size"), [(-1, 8), (9, 8), (1, 0)])
def test_a_tree_that_is_not_a_prefix_can_be_neither_proved_nor_checked(old_size, size):
    with pytest.raises(IndexError):
        merkle.consistency_proof(HASHES[:size], old_size)
    assert not merkle.check_consistency([], old_size, size, published_root(size), published_root(size))


OTHER = b"\x07" * 32
EMPTY = merkle.EMPTY_ROOT
ROOT8 = published_root(8)


@pytest.mark.parametrize(
    ("proof", "old_size", "size", "old_root", "root", "holds"),
    [
        ([], 0, 8, EMPTY, ROOT8, True),
        ([], 0, 8, OTHER, ROOT8, False),
        ([OTHER], 0, 8, EMPTY, ROOT8, False),
        ([], 0, 0, EMPTY, EMPTY, True),
        ([], 0, 0, OTHER, OTHER, False),
        ([], 0, 0, EMPTY, OTHER, False),
        ([], 8, 8, ROOT8, ROOT8, True),
        ([], 8, 8, ROOT8, OTHER, False),
        ([OTHER], 8, 8, ROOT8, ROOT8, False),
        ([], 4, 8, ROOT8, ROOT8, False),
    ],
)
def test_empty_and_equal_trees_accept_only_an_empty_proof(proof, old_size, size, old_root, root, holds):
    assert merkle.check_consistency(proof, old_size, size, old_root, root) is holds


def test_a_node_cannot_be_split_elsewhere():
    left, right = HASHES[:2]
    joined = left + right
    assert merkle.check_inclusion([right], 0, 2, left, published_root(2))
    assert not merkle.check_inclusion([joined[31:]], 0, 2, joined[:31], published_root(2))


def test_a_node_cannot_pass_for_a_leaf():
    assert merkle.leaf_hash(HASHES[0] + HASHES[1]) != merkle.node_hash(HASHES[0], HASHES[1])
