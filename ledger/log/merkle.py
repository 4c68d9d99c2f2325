"""The Merkle tree of the log and its proofs, without any I/O: RFC 6962, section 2.1 (the same tree as in RFC 9162).

A proof is made by `prove_…` and judged by `check_…`; both walk the same path, so no proof has a form of its own.
Where not all leaves are at hand, `prove_…` asks a reader for the few complete subtrees that it needs, all at once.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import NamedTuple

HASH_BYTES = 32
EMPTY_ROOT = sha256().digest()  # RFC 6962, 2.1: MTH({}) = SHA-256()

_LEAF_PREFIX = b"\x00"  # RFC 6962, 2.1: so that no node can pass for a leaf
_NODE_PREFIXED = sha256(b"\x01")  # copied for each node: dearer to start anew than to copy

Proof = Sequence[bytes]


@dataclass(frozen=True, slots=True)
class Node:
    """A complete subtree: the 2**level leaves from index × 2**level on. Level 0 is a leaf's hash."""

    level: int
    index: int


HashReader = Callable[[Sequence[Node]], Sequence[bytes]]


class _Span(NamedTuple):
    """The leaves from `start` up to, but without, `end`: a subtree, of which the last may be incomplete."""

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
    """Return the tree's root over leaf hashes of 32 bytes each. Level by level: a batch's root is on the hot path."""
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
    for left, right in zip(halves, halves, strict=False):  # `node_hash`, without its call
        node = copy()
        node.update(left + right)
        parents.append(node.digest())
    if len(level) % 2:
        parents.append(level[-1])
    return parents


# --- from all leaf hashes ---


def inclusion_proof(leaf_hashes: Sequence[bytes], index: int) -> list[bytes]:
    """Return the path from a leaf to the root (RFC 6962, 2.1.1). IndexError if there is no such leaf."""
    return prove_inclusion(leaves_reader(leaf_hashes), index, len(leaf_hashes))


def tree_levels(leaf_hashes: Sequence[bytes]) -> list[list[bytes]]:
    """Return every hash of the tree, leaves first, the root last: for who proves many leaves of one tree."""
    found = [list(leaf_hashes)]
    while len(found[-1]) > 1:
        found.append(_parents(found[-1]))
    return found


def inclusion_path(tree: Sequence[Sequence[bytes]], index: int) -> list[bytes]:
    """Return the path from a leaf to the root of what `levels` returns. IndexError if there is no such leaf."""
    if not 0 <= index < len(tree[0]):
        raise IndexError(f"no leaf {index} in a tree of {len(tree[0])}")
    places = ((level, (index >> height) ^ 1) for height, level in enumerate(tree[:-1]))
    return [level[place] for level, place in places if place < len(level)]  # one without a sibling moves up as it is


def consistency_proof(leaf_hashes: Sequence[bytes], old_size: int) -> list[bytes]:
    """Return the proof that the first `old_size` leaves begin this tree (RFC 6962, 2.1.2). IndexError if too many."""
    return prove_consistency(leaves_reader(leaf_hashes), old_size, len(leaf_hashes))


def leaves_reader(leaf_hashes: Sequence[bytes]) -> HashReader:
    """Return a reader of the tree over all these leaf hashes."""

    def read(nodes: Sequence[Node]) -> list[bytes]:
        return [root(leaf_hashes[n.index << n.level : (n.index + 1) << n.level]) for n in nodes]

    return read


# --- from stored nodes ---


def read_root(reader: HashReader, size: int) -> bytes:
    """Return the root of the tree of that size."""
    return _read_spans(reader, [_Span(0, size)])[0] if size else EMPTY_ROOT


def prove_inclusion(reader: HashReader, index: int, size: int) -> list[bytes]:
    """Return the path from a leaf to the root of the tree of that size. IndexError if there is no such leaf."""
    return _read_spans(reader, _inclusion_spans(index, size))


def prove_consistency(reader: HashReader, old_size: int, size: int) -> list[bytes]:
    """Return the proof that one tree begins the other. IndexError unless 0 ≤ old_size ≤ size."""
    return _read_spans(reader, _consistency_spans(old_size, size))


def root_nodes(size: int) -> list[Node]:
    """Return what `read_root` will ask its reader for."""
    return _complete_subtrees(_Span(0, size))


def inclusion_nodes(index: int, size: int) -> list[Node]:
    """Return what `prove_inclusion` will ask its reader for, so that the caller can fetch it first."""
    return [node for span in _inclusion_spans(index, size) for node in _complete_subtrees(span)]


def consistency_nodes(old_size: int, size: int) -> list[Node]:
    """Return what `prove_consistency` will ask its reader for."""
    return [node for span in _consistency_spans(old_size, size) for node in _complete_subtrees(span)]


# --- the judge ---


def check_inclusion(proof: Proof, index: int, size: int, leaf: bytes, tree_root: bytes) -> bool:
    """Say whether the proof leads from the leaf's hash, at that index, to the root of the tree of that size."""
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
    """Say whether the proof shows that the tree with `old_root` begins the one with `tree_root`.

    Every tree begins with the empty one, whatever its root.
    """
    if not 0 <= old_size <= size or not _are_hashes([*proof, old_root, tree_root]):
        return False
    if old_size == size:
        return not proof and old_root == tree_root and (size > 0 or tree_root == EMPTY_ROOT)
    if old_size == 0:
        return not proof and old_root == EMPTY_ROOT
    return _consistency_roots(proof, old_size, size, old_root) == (old_root, tree_root)


def _consistency_roots(proof: Proof, old_size: int, size: int, old_root: bytes) -> tuple[bytes, bytes] | None:
    """Return the roots of the old and the new tree that the proof leads to: each of its hashes counts for both."""
    spans = _consistency_spans(old_size, size)
    if old_size.bit_count() == 1:  # the old tree is itself a complete subtree of the new one: left out of the proof
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
    """Without this, a node's two halves could be cut at another place."""
    return all(len(value) == HASH_BYTES for value in values)


# --- the way through the tree ---


def _inclusion_spans(index: int, size: int) -> list[_Span]:
    """Return the siblings of the path to a leaf, the leaf's own first: PATH(m, D[n]) of RFC 6962, 2.1.1."""
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
    """Return the subtrees that make up both trees: SUBPROOF(m, D[n], true) of RFC 6962, 2.1.2."""
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
    if start:  # else it is the old tree, whose root the judge has
        spans.append(_Span(start, end))
    return spans[::-1]


def _left_leaves(leaves: int) -> int:
    """Return the largest power of two below the number of leaves: k of RFC 6962, 2.1."""
    return 1 << (leaves - 1).bit_length() - 1


def _complete_subtrees(span: _Span) -> list[Node]:
    """Return the complete subtrees that a span consists of, from left to right, each smaller than the one before."""
    nodes = []
    start = span.start
    while start < span.end:
        level = (span.end - start).bit_length() - 1
        nodes.append(Node(level, start >> level))
        start += 1 << level
    return nodes


def _read_spans(reader: HashReader, spans: Sequence[_Span]) -> list[bytes]:
    """Return each span's hash, with one call of the reader for all."""
    parts = [_complete_subtrees(span) for span in spans]
    hashes = iter(reader([node for part in parts for node in part]))
    return [_join_hashes([next(hashes) for _ in part]) for part in parts]


def _join_hashes(hashes: Sequence[bytes]) -> bytes:
    """Return the hash over subtrees that shrink from left to right: the smallest are joined first."""
    joined = hashes[-1]
    for left in reversed(hashes[:-1]):
        joined = node_hash(left, joined)
    return joined
