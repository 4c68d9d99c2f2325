"""Follow the link from a remembered log to its successor, by the successor's own leaves.

The old tree is computed again from the leaves that the successor repeats and the hashes of those
that it changed or lacks. Its roots must be those that the old log signed.
"""

from itertools import accumulate
from typing import NamedTuple

from ledger.log.encoding import to_base64
from ledger.log.leaf_schemas import InvalidLeaf, read_leaf
from ledger.log.merkle import EMPTY_ROOT, leaf_hash, node_hash
from ledger.log.note import VerifierKey, format_verifier_key
from ledger.log.succession import Succession, add_leaf, is_stated
from ledger.log.verify.state import VerifierState


class BrokenSuccession(InvalidLeaf):
    """The log does not succeed the remembered one."""


class FollowedLink(NamedTuple):
    """A proven link: the succeeded log, and whether its key names the successor."""

    succession: Succession
    is_stated: bool

    @property
    def lost(self) -> int:
        """The number of old leaves that the successor lacks."""
        return max(0, self.succession.checkpoint.size - self.succession.kept)


class RootAccumulator:
    """The root of a growing tree in logarithmic memory (RFC 6962, 2.1)."""

    def __init__(self) -> None:
        self.size = 0
        self._subtrees: list[tuple[int, bytes]] = []  # size and root of complete subtrees, the largest first

    def add(self, leaf: bytes) -> None:
        """Append a leaf's hash."""
        self.size += 1
        self._subtrees.append((1, leaf))
        while len(self._subtrees) > 1 and self._subtrees[-1][0] == self._subtrees[-2][0]:
            (size, right), (_, left) = self._subtrees.pop(), self._subtrees.pop()
            self._subtrees.append((2 * size, node_hash(left, right)))

    def root(self) -> bytes:
        """Return the root over all leaves so far."""
        if not self._subtrees:
            return EMPTY_ROOT
        hashes = [subtree for _, subtree in self._subtrees]
        root = hashes.pop()
        while hashes:
            root = node_hash(hashes.pop(), root)
        return root


class SuccessionCheck:
    """Compares the successor's leaves, one by one, with a remembered log."""

    def __init__(self, state: VerifierState, successor: VerifierKey) -> None:
        self._state, self._successor = state, successor
        self._links: list[Succession] = []  # from this log towards the remembered one
        self._bases: list[int] = []  # by link: where the leaves of its log begin
        self._tree = RootAccumulator()
        self._roots: dict[int, bytes] = {}  # of the remembered log, by the two sizes that were signed

    def add_entry(self, index: int, entry: bytes) -> None:
        """Take the next leaf of the successor.

        Raises BrokenSuccession if the log does not begin with a link to the remembered one.
        """
        if not self._bases and not self._add_link(entry):
            self._bases = self._find_bases()
        if self._bases:
            self._add_old_leaf(index, leaf_hash(entry))

    def finish(self) -> FollowedLink:
        """Return the proven link, after the last leaf.

        Raises BrokenSuccession if the named head does not extend the remembered one.
        """
        if not self._bases:
            self._bases = self._find_bases()
        link, seen = self._links[-1], self._state.checkpoint
        if link.checkpoint.size < seen.size:
            raise BrokenSuccession(
                f"{self._successor.name} succeeds {link.checkpoint.size} leaves of {seen.origin}, but {seen.size}"
                " were seen before"
            )
        self._add_lost_leaves(link)
        self._note_root()
        self._compare(link, seen.size, seen.root, "the checkpoint seen before says")
        self._compare(link, link.checkpoint.size, link.checkpoint.root, "the succeeded checkpoint says")
        return FollowedLink(link, is_stated(link, self._find_successor(link)))

    def _add_link(self, entry: bytes) -> bool:
        """Take a leaf that names a succeeded log; return whether it is one."""
        leaf = read_leaf(entry)
        newest = self._links[-1] if self._links else None
        is_complete = newest is not None and newest.key == self._state.key
        if leaf["kind"] != "succession":
            return False
        if newest is not None and leaf["log"] == format_verifier_key(newest.key):
            self._links[-1] = add_leaf(newest, leaf)
        elif is_complete:  # the remembered log began with this leaf
            return False
        else:
            self._links.append(add_leaf(None, leaf))
        return True

    def _find_bases(self) -> list[int]:
        if not self._links or self._links[-1].key != self._state.key:
            raise BrokenSuccession(
                f"the service publishes the key {format_verifier_key(self._successor)}, not"
                f" {format_verifier_key(self._state.key)}, and its log does not name that log as succeeded"
            )
        return list(accumulate(link.part_count for link in self._links))

    def _find_successor(self, link: Succession) -> VerifierKey:
        position = self._links.index(link)
        return self._links[position - 1].key if position else self._successor

    def _add_old_leaf(self, index: int, hashed: bytes) -> None:
        """Add a leaf to the remembered log's tree, with the hash that it had there."""
        old_index = index - self._bases[-1]
        if not 0 <= old_index < self._links[-1].kept:
            return
        for link, base in zip(self._links, self._bases, strict=True):
            hashed = link.hashes.get(index - base, hashed)
        self._note_root()
        self._tree.add(hashed)

    def _add_lost_leaves(self, link: Succession) -> None:
        while self._tree.size < link.checkpoint.size and self._tree.size in link.hashes:
            self._note_root()
            self._tree.add(link.hashes[self._tree.size])

    def _note_root(self) -> None:
        if self._tree.size in (self._state.checkpoint.size, self._links[-1].checkpoint.size):
            self._roots[self._tree.size] = self._tree.root()

    def _compare(self, link: Succession, size: int, root: bytes, claim: str) -> None:
        """Compare a root of the old tree, as far as the successor's leaves reach."""
        reached = self._roots.get(size)
        if reached is None and size == link.checkpoint.size:
            reached = link.checkpoint.root  # its signature is all there is: the leaves are lost
        if reached is None:
            raise BrokenSuccession(
                f"{self._successor.name} does not show that the {link.checkpoint.size} leaves which it succeeds"
                f" extend the {size} seen before: the leaves from {link.kept} on are lost, and their hashes too"
            )
        if reached != root:
            raise BrokenSuccession(
                f"the first {size} leaves of {link.checkpoint.origin} have the root {to_base64(reached)} in the"
                f" successor, but {claim} {to_base64(root)}"
            )
