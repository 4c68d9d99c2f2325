"""The log's Merkle tree and its proofs, without I/O (RFC 6962, 2.1; the same tree as in RFC 9162).

`prove_…` makes a proof and `check_…` verifies it. Both walk the same spans. `prove_…` calls its
reader once, for the few complete subtrees that it needs; the reader may have them in a database.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import NamedTuple

HASH_BYTES = 32
EMPTY_ROOT = sha256().digest()  # RFC 6962, 2.1: MTH({}) = SHA-256()

_LEAF_PREFIX = b"\x00"  # RFC 6962, 2.1: separates leaves from nodes
_NODE_PREFIXED = sha256(b"\x01")  # copying is cheaper than a new hash object

Proof = Sequence[bytes]


@dataclass(frozen=True, slots=True)
class Node:
    """A complete subtree: 2**level leaves, starting at index × 2**level. Level 0 is a leaf hash."""

    level: int
    index: int


HashReader = Callable[[Sequence[Node]], Sequence[bytes]]


class _Span(NamedTuple):
    """The leaves from `start` to before `end`: a subtree, possibly incomplete on its right."""

    start: int
    end: int


def leaf_hash(entry: bytes) -> bytes:
    """Return the hash of a leaf's bytes, SHA-256(0x00 ‖ entry) (RFC 6962, 2.1)."""
    return sha256(_LEAF_PREFIX + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash over two subtrees, SHA-256(0x01 ‖ left ‖ right) (RFC 6962, 2.1)."""
    node = _NODE_PREFIXED.copy()
    node.update(left + right)
    return node.digest()


def root(leaf_hashes: Sequence[bytes]) -> bytes:
    """Return the root over 32-byte leaf hashes, computed level by level: batches need it fast."""
    if not leaf_hashes:
        return EMPTY_ROOT
    level = list(leaf_hashes)
    while len(level) > 1:
        level = _parents(level)
    return level[0]


def _parents(level: list[bytes]) -> list[bytes]:
    copy = _NODE_PREFIXED.copy
    halves = iter(level)
    parents = []
    for left, right in zip(halves, halves, strict=False):  # `node_hash` inlined: a hot path
        node = copy()
        node.update(left + right)
        parents.append(node.digest())
    if len(level) % 2:
        parents.append(level[-1])
    return parents


# --- from all leaf hashes ---


def inclusion_proof(leaf_hashes: Sequence[bytes], index: int) -> list[bytes]:
    """Return the path from a leaf to the root (RFC 6962, 2.1.1).

    Raises IndexError if there is no such leaf.
    """
    return prove_inclusion(leaves_reader(leaf_hashes), index, len(leaf_hashes))


def tree_levels(leaf_hashes: Sequence[bytes]) -> list[list[bytes]]:
    """Return all hashes of the tree by level, leaves first: for many proofs in one tree."""
    levels = [list(leaf_hashes)]
    while len(levels[-1]) > 1:
        levels.append(_parents(levels[-1]))
    return levels


def inclusion_path(tree: Sequence[Sequence[bytes]], index: int) -> list[bytes]:
    """Return the path from a leaf to the root, given `tree_levels`.

    Raises IndexError if there is no such leaf.
    """
    if not 0 <= index < len(tree[0]):
        raise IndexError(f"no leaf {index} in a tree of {len(tree[0])}")
    siblings = ((level, (index >> height) ^ 1) for height, level in enumerate(tree[:-1]))
    return [
        level[position] for level, position in siblings if position < len(level)
    ]  # a node without a sibling moves up unchanged


def consistency_proof(leaf_hashes: Sequence[bytes], old_size: int) -> list[bytes]:
    """Return the proof that the first `old_size` leaves begin this tree (RFC 6962, 2.1.2).

    Raises IndexError if the tree has fewer leaves.
    """
    return prove_consistency(leaves_reader(leaf_hashes), old_size, len(leaf_hashes))


def leaves_reader(leaf_hashes: Sequence[bytes]) -> HashReader:
    """Return a reader of the tree over these leaf hashes."""

    def read(nodes: Sequence[Node]) -> list[bytes]:
        return [root(leaf_hashes[n.index << n.level : (n.index + 1) << n.level]) for n in nodes]

    return read


# --- from stored nodes ---


def read_root(reader: HashReader, size: int) -> bytes:
    """Return the root of the tree of `size` leaves."""
    return _read_spans(reader, [_Span(0, size)])[0] if size else EMPTY_ROOT


def prove_inclusion(reader: HashReader, index: int, size: int) -> list[bytes]:
    """Return the path from a leaf to the root of the tree of `size` leaves.

    Raises IndexError if there is no such leaf.
    """
    return _read_spans(reader, _inclusion_spans(index, size))


def prove_consistency(reader: HashReader, old_size: int, size: int) -> list[bytes]:
    """Return the proof that the tree of `old_size` begins the tree of `size`.

    Raises IndexError unless 0 ≤ old_size ≤ size.
    """
    return _read_spans(reader, _consistency_spans(old_size, size))


def root_nodes(size: int) -> list[Node]:
    """Return the nodes that `read_root` requests from its reader."""
    return _complete_subtrees(_Span(0, size))


def inclusion_nodes(index: int, size: int) -> list[Node]:
    """Return the nodes that `prove_inclusion` requests, so that callers can load them first."""
    return [node for span in _inclusion_spans(index, size) for node in _complete_subtrees(span)]


def consistency_nodes(old_size: int, size: int) -> list[Node]:
    """Return the nodes that `prove_consistency` requests from its reader."""
    return [node for span in _consistency_spans(old_size, size) for node in _complete_subtrees(span)]


# --- checks ---


def check_inclusion(proof: Proof, index: int, size: int, leaf: bytes, tree_root: bytes) -> bool:
    """Return whether the proof leads from leaf `index` to the root of the tree of `size`."""
    if not 0 <= index < size or not _are_hashes([*proof, leaf, tree_root]):
        return False
    spans = _inclusion_spans(index, size)
    if len(spans) != len(proof):
        return False
    reached = leaf
    for span, sibling in zip(spans, proof, strict=True):
        reached = node_hash(sibling, reached) if span.end <= index else node_hash(reached, sibling)
    return reached == tree_root


def check_consistency(proof: Proof, old_size: int, size: int, old_root: bytes, tree_root: bytes) -> bool:
    """Return whether the proof shows that the tree with `old_root` begins that with `tree_root`.

    Every tree begins with the empty tree.
    """
    if not 0 <= old_size <= size or not _are_hashes([*proof, old_root, tree_root]):
        return False
    if old_size == size:
        return not proof and old_root == tree_root and (size > 0 or tree_root == EMPTY_ROOT)
    if old_size == 0:
        return not proof and old_root == EMPTY_ROOT
    return _consistency_roots(proof, old_size, size, old_root) == (old_root, tree_root)


def _consistency_roots(proof: Proof, old_size: int, size: int, old_root: bytes) -> tuple[bytes, bytes] | None:
    """Return the old and the new root that the proof gives; None if its length is wrong."""
    spans = _consistency_spans(old_size, size)
    if old_size.bit_count() == 1:  # a complete subtree of the new tree: the proof omits its root
        proof = [old_root, *proof]
        spans = [_Span(0, old_size), *spans]
    if len(spans) != len(proof):
        return None
    old = new = proof[0]
    for span, sibling in zip(spans[1:], proof[1:], strict=True):
        if span.end <= old_size:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
        else:
            new = node_hash(new, sibling)
    return old, new


def _are_hashes(values: Sequence[bytes]) -> bool:
    """Return whether all are 32 bytes: else a node's halves could be cut elsewhere."""
    return all(len(value) == HASH_BYTES for value in values)


# --- spans ---


def _inclusion_spans(index: int, size: int) -> list[_Span]:
    """Return the siblings on the path to a leaf, the lowest first.

    PATH(m, D[n]) of RFC 6962, 2.1.1.
    """
    if not 0 <= index < size:
        raise IndexError(f"no leaf {index} in a tree of {size}")
    start, end = 0, size
    siblings = []
    while end - start > 1:
        middle = start + _left_leaves(end - start)
        if index < middle:
            siblings.append(_Span(middle, end))
            end = middle
        else:
            siblings.append(_Span(start, middle))
            start = middle
    return siblings[::-1]


def _consistency_spans(old_size: int, size: int) -> list[_Span]:
    """Return the subtrees that make up both trees: SUBPROOF(m, D[n], true), RFC 6962, 2.1.2."""
    if not 0 <= old_size <= size:
        raise IndexError(f"no tree of {old_size} in a tree of {size}")
    if not old_size:
        return []
    start, end = 0, size
    spans = []
    while end != old_size:
        middle = start + _left_leaves(end - start)
        if old_size <= middle:
            spans.append(_Span(middle, end))
            end = middle
        else:
            spans.append(_Span(start, middle))
            start = middle
    if start:  # otherwise it is the old tree, whose root the checker has
        spans.append(_Span(start, end))
    return spans[::-1]


def _left_leaves(leaves: int) -> int:
    """Return the largest power of two below the number of leaves: k of RFC 6962, 2.1."""
    return 1 << (leaves - 1).bit_length() - 1


def _complete_subtrees(span: _Span) -> list[Node]:
    """Return a span's complete subtrees from left to right; each is smaller than the last."""
    nodes = []
    start = span.start
    while start < span.end:
        level = (span.end - start).bit_length() - 1
        nodes.append(Node(level, start >> level))
        start += 1 << level
    return nodes


def _read_spans(reader: HashReader, spans: Sequence[_Span]) -> list[bytes]:
    """Return the hash of each span, with one call of the reader."""
    parts = [_complete_subtrees(span) for span in spans]
    hashes = iter(reader([node for part in parts for node in part]))
    return [_join_hashes([next(hashes) for _ in part]) for part in parts]


def _join_hashes(hashes: Sequence[bytes]) -> bytes:
    """Return the hash over subtrees that shrink from left to right, joined from the right."""
    joined = hashes[-1]
    for left in reversed(hashes[:-1]):
        joined = node_hash(left, joined)
    return joined
