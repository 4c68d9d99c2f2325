"""The stranger's check of a log: signature, every tile and leaf, what was seen before, and the figures shown.

    python -m ledger.log.verify URL [--state FILE] [--key KEY] [--witness KEY]… [--witnesses-needed N] [--log-only]

Needs `ledger/log` and two libraries (cryptography, rfc8785), no database and no configuration. Memory does not grow
with the log: bundles are read a few ahead, one open tile a level is kept, figures are sums.
"""

import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from ledger.log.checkpoint import Checkpoint, MalformedCheckpoint, open_checkpoint
from ledger.log.cosignature import Cosignature, Quorum, cosignatures, lacking
from ledger.log.encoding import to_base64
from ledger.log.merkle import leaf_hash
from ledger.log.note import NoteError, VerifierKey, format_verifier_key, parse_note, parse_verifier_key
from ledger.log.tiles import Bundle, MalformedTile, Tile, entries_in, new_bundles
from ledger.log.verify.published_totals import MalformedTotals, Shown, difference, read_totals
from ledger.log.verify.replay import Figures, Replay, WrongLeaf
from ledger.log.verify.source import Missing, Source
from ledger.log.verify.state import Seen
from ledger.log.verify.tree_stream import Tree, WrongTile, compare

_AHEAD = 16  # bundles that are read before they are needed: of 50 KB or so each, of 16.8 MB at the very most
_THREADS = 8  # each mostly waits: a million leaves come in a minute from a server that is 50 ms away
_TRIES = 60
_AGAIN_SECONDS = 0.5

OnProgress = Callable[[int, int], None]  # leaves done, leaves in all


class Refuted(Exception):
    """The log, or what is shown beside it, is false; the message names the first difference."""


class Verified(NamedTuple):
    """What was found true."""

    seen: Seen  # to be remembered
    checkpoint: Checkpoint
    figures: dict[str, Figures]
    compared: bool  # with totals; false where there are none beside the log
    is_first: bool  # nothing was known of this log before: its key was taken on trust
    cosigned: list[Cosignature]  # by those witnesses that were asked for


@dataclass(frozen=True, slots=True)
class _Milestones:
    """Sizes at which the tree's root is known from elsewhere, and whose word that is."""

    roots: dict[int, list[tuple[bytes, str]]]

    def check(self, size: int, tree: Tree) -> None:
        for root, whose in self.roots.get(size, []):
            if tree.root() != root:
                raise Refuted(
                    f"the first {size} leaves make the root {to_base64(tree.root())}, {whose} {to_base64(root)}"
                )


def verify(
    source: Source,
    seen: Seen | None = None,
    key: VerifierKey | None = None,
    on_progress: OnProgress | None = None,
    quorum: Quorum | None = None,
    *,
    log_only: bool = False,
) -> Verified:
    """Check all of a log. Raises Refuted with the first difference, or Unreadable where it cannot be read.

    A service that does not show its totals is refuted too, unless only the log was asked about.
    """
    try:
        return _verify(
            source, seen, key, on_progress or (lambda *_: None), quorum or Quorum((), 0), log_only=log_only
        )
    except (NoteError, MalformedCheckpoint, MalformedTile, MalformedTotals, WrongTile, WrongLeaf) as fault:
        raise Refuted(_sentence(fault)) from fault
    finally:
        source.close()


def _sentence(fault: Exception) -> str:
    match fault:
        case WrongLeaf():
            return str(fault)
        case WrongTile():
            return f"leaf {fault.index}: it does not hash to what the tile says ({fault})"
        case NoteError() | MalformedCheckpoint():
            return f"the checkpoint: {fault}"
        case _:
            return str(fault)


def _verify(
    source: Source,
    seen: Seen | None,
    key: VerifierKey | None,
    on_progress: OnProgress,
    quorum: Quorum,
    *,
    log_only: bool,
) -> Verified:
    own = _pinned(source, seen, key)
    shown = None if log_only else _shown(source)
    note, checkpoint, cosigned = _head(source, own, quorum)
    _refuse_older(checkpoint, seen, shown)
    milestones = _milestones(checkpoint, seen, shown)
    replay = _replayed(source, checkpoint, milestones, shown, on_progress)
    compared = shown is not None and bool(shown.campaigns)
    if shown is not None and not compared and replay.figures():
        _refuse_hidden(source, min(replay.figures()))
        return _verify(source, seen, key, on_progress, quorum, log_only=log_only)
    is_first = seen is None and key is None
    return Verified(Seen(own, note), checkpoint, replay.figures(), compared, is_first, cosigned)


def _pinned(source: Source, seen: Seen | None, key: VerifierKey | None) -> VerifierKey:
    """Return the key to be held to: that which was given or seen before; only the very first is taken on trust."""
    if key is not None and seen is not None and key != seen.key:
        raise Refuted(f"the state is of {format_verifier_key(seen.key)}, the key given is {format_verifier_key(key)}")
    pinned = key or (seen.key if seen else None)
    try:
        told = parse_verifier_key(source.log("key").decode().strip())
    except Missing:
        if pinned is None:
            raise
        return pinned
    except UnicodeDecodeError:
        raise Refuted("the log's key is no text") from None
    if pinned is not None and told != pinned:
        raise Refuted(
            f"the log is said to be signed by {format_verifier_key(told)}, not {format_verifier_key(pinned)}"
        )
    return pinned or told


def _head(source: Source, own: VerifierKey, quorum: Quorum) -> tuple[bytes, Checkpoint, list[Cosignature]]:
    """Return the newest checkpoint once enough witnesses have cosigned it: they come a moment after the log."""
    for _ in range(_TRIES):
        note = source.log("checkpoint")
        checkpoint = open_checkpoint(note, own)
        cosigned = cosignatures(parse_note(note), quorum.witnesses)
        if not (lacks := lacking(quorum, cosigned)):
            return note, checkpoint, cosigned
        time.sleep(_AGAIN_SECONDS)
    raise Refuted(
        f"{len(cosigned)} of the {quorum.needed} witnesses that are needed has cosigned the checkpoint of"
        f" {checkpoint.size} leaves; not: {', '.join(key.name for key in lacks)}"
    )


def _refuse_hidden(source: Source, slug: str) -> None:
    """Return once a campaign is shown: the log's first one may have come after the totals were read."""
    for _ in range(_TRIES):
        shown = _shown(source)
        if shown is not None and shown.campaigns:
            return
        time.sleep(_AGAIN_SECONDS)
    raise Refuted(f"{slug} is in the log, and not shown")


def _shown(source: Source) -> Shown | None:
    """Return the totals once all of them is in the log; None where none are to be had beside it."""
    for _ in range(_TRIES):
        try:
            shown = read_totals(source.figures())
        except Missing as fault:
            if source.shows_totals:
                raise Refuted(
                    f"the service hides its totals: {fault} (--log-only asks about the log alone)"
                ) from None
            return None
        if shown is not None:
            return shown
        time.sleep(_AGAIN_SECONDS)
    raise Refuted(f"for {_TRIES * _AGAIN_SECONDS:.0f} seconds the totals were ahead of the log")


def _refuse_older(checkpoint: Checkpoint, seen: Seen | None, shown: Shown | None) -> None:
    if seen is not None and checkpoint.size < seen.checkpoint.size:
        raise Refuted(f"an older checkpoint: {checkpoint.size} leaves, and {seen.checkpoint.size} were seen before")
    if shown is not None and checkpoint.size < shown.size:
        raise Refuted(f"an older checkpoint: {checkpoint.size} leaves, and the totals are of {shown.size}")


def _milestones(checkpoint: Checkpoint, seen: Seen | None, shown: Shown | None) -> _Milestones:
    roots: dict[int, list[tuple[bytes, str]]] = {}
    if seen is not None:
        roots.setdefault(seen.checkpoint.size, []).append((seen.checkpoint.root, "the checkpoint seen before says"))
    if shown is not None and shown.campaigns:
        roots.setdefault(shown.size, []).append((shown.root, "the totals say"))
    roots.setdefault(checkpoint.size, []).append((checkpoint.root, "the checkpoint says"))
    return _Milestones(roots)


def _replayed(
    source: Source, checkpoint: Checkpoint, milestones: _Milestones, shown: Shown | None, on_progress: OnProgress
) -> Replay:
    replay, done = Replay(), 0
    with ThreadPoolExecutor(_THREADS) as threads:
        tiles = _Ahead(source, threads, checkpoint.size)
        tree = Tree(tiles.tile)
        milestones.check(0, tree)
        for tile, entries in tiles.bundles():
            hashes = [leaf_hash(entry) for entry in entries]
            compare(tile, hashes, tiles.tile(tile))
            for start, end in _pieces(done, len(entries), milestones):
                tree.add(hashes[start:end])
                for entry in entries[start:end]:
                    replay.add(entry)
                milestones.check(tree.size, tree)
                _compare(tree.size, shown, replay)
            done = tree.size
            on_progress(done, checkpoint.size)
        tree.close()
    replay.settle()
    return replay


def _pieces(done: int, entries: int, milestones: _Milestones) -> list[tuple[int, int]]:
    """Return the pieces of a bundle, from and to, that end at the sizes that matter."""
    ends = sorted(size - done for size in milestones.roots if done < size < done + entries)
    return list(pairwise([0, *ends, entries]))


def _compare(done: int, shown: Shown | None, replay: Replay) -> None:
    if shown is not None and shown.campaigns and shown.size == done:
        replay.settle()
        if (found := difference(shown, replay.figures())) is not None:
            raise Refuted(found)


class _Ahead:
    """Bundles and level 0 tiles, read a few ahead of who needs them, in order."""

    def __init__(self, source: Source, threads: ThreadPoolExecutor, size: int) -> None:
        self._source, self._threads, self._size = source, threads, size
        self._level_0: dict[Tile, Future[bytes]] = {}

    def bundles(self) -> Iterator[tuple[Tile, list[bytes]]]:
        """Yield the entries of one bundle after another, and the tile of their hashes."""
        waiting: deque[tuple[Bundle, Future[bytes]]] = deque()
        for bundle in new_bundles(0, self._size):
            tile = Tile(0, bundle.index, bundle.width)
            waiting.append((bundle, self._threads.submit(self._source.log, bundle.path)))
            self._level_0[tile] = self._threads.submit(self._source.log, tile.path)
            if len(waiting) >= _AHEAD:
                yield self._entries(*waiting.popleft())
        while waiting:
            yield self._entries(*waiting.popleft())

    @staticmethod
    def _entries(bundle: Bundle, content: Future[bytes]) -> tuple[Tile, list[bytes]]:
        return Tile(0, bundle.index, bundle.width), entries_in(bundle, content.result())

    def tile(self, tile: Tile) -> bytes:
        """Return a tile's bytes."""
        ahead = self._level_0.pop(tile, None)
        return ahead.result() if ahead is not None else self._source.log(tile.path)
