"""The tree over a batch's likes (RFC 6962, section 2.1), compared with one built by hand."""

import base64
from collections.abc import Sequence
from hashlib import sha256, shake_256
from typing import NamedTuple

import pytest

from campaigns.intake.batch_tree import Tree, build_tree, derive_nonces, encode_receipt, hash_leaves
from campaigns.intake.like_key import content_of, join_contents, join_persons, like_key, person_of

KEY = b"k" * 32


class BatchLike(NamedTuple):
    position: int
    person: bytes
    content: str
    event_us: int


LIKES = [
    BatchLike(index, bytes([index]) * 16, f"content-{index}", 1_795_435_200_000_000 + index) for index in range(4)
]


def tree_of(likes: Sequence[BatchLike], nonce_key: bytes = KEY) -> Tree:
    positions, keys = [like.position for like in likes], [like_key(like.content, like.person) for like in likes]
    return build_tree(positions, hash_leaves(nonce_key, positions, keys, [like.event_us for like in likes]))


def leaf(like: BatchLike) -> bytes:
    nonce = shake_256(KEY).digest(16 * 4)[like.position * 16 : like.position * 16 + 16]
    moment = like.event_us.to_bytes(8, "big")
    return sha256(b"\x00\x01" + nonce + like.person + moment + like.content.encode()).digest()


def node(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


def test_the_root_is_that_of_the_leaves_in_their_order():
    a, b, c, d = map(leaf, LIKES)
    assert tree_of(LIKES).root == node(node(a, b), node(c, d))
    assert tree_of(LIKES[:3]).root == node(node(a, b), c)
    assert tree_of(LIKES[:1]).root == a
    assert tree_of([]) == (sha256().digest(), b"", [])


def test_a_like_that_does_not_count_leaves_a_gap_in_the_positions_not_in_the_leaves():
    tree = tree_of([LIKES[0], LIKES[2], LIKES[3]])
    assert tree.positions == [0, 2, 3]
    assert tree.leaves == leaf(LIKES[0]) + leaf(LIKES[2]) + leaf(LIKES[3])


@pytest.mark.parametrize(
    "other",
    [
        LIKES[0]._replace(person=b"x" * 16),
        LIKES[0]._replace(content="content-1"),
        LIKES[0]._replace(event_us=LIKES[0].event_us + 1),
        LIKES[0]._replace(person=b"\x00" * 15 + b"c", content="ontent-0"),
    ],
)
def test_a_leaf_commits_to_all_of_a_like(other: BatchLike):
    assert tree_of([other]).root != tree_of([LIKES[0]]).root
    assert tree_of([LIKES[0]], b"n" * 32).root != tree_of([LIKES[0]]).root


def test_nonces_do_not_depend_on_their_number():
    assert derive_nonces(KEY, 3) == derive_nonces(KEY, 2) + derive_nonces(KEY, 3)[32:]
    assert derive_nonces(b"j" * 32, 1) != derive_nonces(KEY, 1)


def test_a_receipt_names_batch_and_position_and_depends_on_the_key():
    receipt = encode_receipt(7, 2, KEY)
    assert receipt.startswith("rcp_")
    packed = base64.urlsafe_b64decode(receipt.removeprefix("rcp_") + "==")
    assert (int.from_bytes(packed[:8], "big"), int.from_bytes(packed[8:12], "big")) == (7, 2)
    assert packed[12:] == derive_nonces(KEY, 3)[32:40]
    assert (
        len(
            {
                encode_receipt(batch, position, key)
                for batch in (7, 8)
                for position in (1, 2)
                for key in (KEY, b"j" * 32)
            }
        )
        == 8
    )


@pytest.mark.parametrize("content", ["c", "视频 1", "x" * 128])
@pytest.mark.parametrize("person", [b"p" * 16, b"\x1f" * 16, bytes(16)])
def test_a_key_has_its_parts(content: str, person: bytes):
    key = like_key(content, person)
    assert (content_of(key), person_of(key)) == (content, person)
    assert (join_contents([key, key]), join_persons([key, key])) == (f"{content}\x1f{content}", person * 2)
