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
from ledger.log.cosignature import Cosignature, Quorum, missing_witnesses, verify_cosignatures
from ledger.log.encoding import to_base64
from ledger.log.merkle import leaf_hash
from ledger.log.note import NoteError, VerifierKey, format_verifier_key, parse_note, parse_verifier_key
from ledger.log.tiles import Bundle, MalformedTile, Tile, entries_in, new_bundles
from ledger.log.verify.published_totals import MalformedTotals, PublishedTotals, find_difference, parse_totals
from ledger.log.verify.replay import Figures, RejectedLeaf, Replay
from ledger.log.verify.source import MissingFile, Source
from ledger.log.verify.state import VerifierState
from ledger.log.verify.tree_stream import TileMismatch, TreeStream, compare_tile

_PREFETCH_MAX = 16  # bundles that are read before they are needed: of 50 KB or so each, of 16.8 MB at the very most
_THREADS_MAX = 8  # each mostly waits: a million leaves come in a minute from a server that is 50 ms away
_ATTEMPTS_MAX = 60
_RETRY_SECONDS = 0.5

OnProgress = Callable[[int, int], None]  # leaves done, leaves in all


class VerificationFailed(Exception):
    """The log, or what is shown beside it, is false; the message names the first difference."""


class VerificationResult(NamedTuple):
    """What was found true."""

    state: VerifierState  # to be remembered
    checkpoint: Checkpoint
    figures: dict[str, Figures]
    has_compared_totals: bool  # with totals; false where there are none beside the log
    is_first_run: bool  # nothing was known of this log before: its key was taken on trust
    cosignatures: list[Cosignature]  # by those witnesses that were asked for


@dataclass(frozen=True, slots=True)
class _ExpectedRoots:
    """Sizes at which the tree's root is known from elsewhere, and whose word that is."""

    roots: dict[int, list[tuple[bytes, str]]]

    def check(self, size: int, tree: TreeStream) -> None:
        for root, whose in self.roots.get(size, []):
            if tree.root() != root:
                raise VerificationFailed(
                    f"the first {size} leaves make the root {to_base64(tree.root())}, {whose} {to_base64(root)}"
                )


def verify_log(
    source: Source,
    state: VerifierState | None = None,
    key: VerifierKey | None = None,
    on_progress: OnProgress | None = None,
    quorum: Quorum | None = None,
    *,
    log_only: bool = False,
) -> VerificationResult:
    """Check all of a log. Raises Refuted with the first difference, or Unreadable where it cannot be read.

    A service that does not show its totals is refuted too, unless only the log was asked about.
    """
    try:
        return _verify_once(
            source, state, key, on_progress or (lambda *_: None), quorum or Quorum((), 0), log_only=log_only
        )
    except (NoteError, MalformedCheckpoint, MalformedTile, MalformedTotals, TileMismatch, RejectedLeaf) as fault:
        raise VerificationFailed(_describe_fault(fault)) from fault
    finally:
        source.close()


def _describe_fault(fault: Exception) -> str:
    match fault:
        case RejectedLeaf():
            return str(fault)
        case TileMismatch():
            return f"leaf {fault.index}: it does not hash to what the tile says ({fault})"
        case NoteError() | MalformedCheckpoint():
            return f"the checkpoint: {fault}"
        case _:
            return str(fault)


def _verify_once(
    source: Source,
    state: VerifierState | None,
    key: VerifierKey | None,
    on_progress: OnProgress,
    quorum: Quorum,
    *,
    log_only: bool,
) -> VerificationResult:
    own = _pin_key(source, state, key)
    shown = None if log_only else _fetch_totals(source)
    note, checkpoint, cosigned = _fetch_checkpoint(source, own, quorum)
    _refuse_rollback(checkpoint, state, shown)
    milestones = _expected_roots(checkpoint, state, shown)
    replay = _replay_log(source, checkpoint, milestones, shown, on_progress)
    compared = shown is not None and bool(shown.campaigns)
    if shown is not None and not compared and replay.figures():
        _require_totals_shown(source, min(replay.figures()))
        return _verify_once(source, state, key, on_progress, quorum, log_only=log_only)
    is_first = state is None and key is None
    return VerificationResult(VerifierState(own, note), checkpoint, replay.figures(), compared, is_first, cosigned)


def _pin_key(source: Source, state: VerifierState | None, key: VerifierKey | None) -> VerifierKey:
    """Return the key to be held to: that which was given or seen before; only the very first is taken on trust."""
    if key is not None and state is not None and key != state.key:
        raise VerificationFailed(
            f"the state is of {format_verifier_key(state.key)}, the key given is {format_verifier_key(key)}"
        )
    pinned = key or (state.key if state else None)
    try:
        told = parse_verifier_key(source.read_log_file("key").decode().strip())
    except MissingFile:
        if pinned is None:
            raise
        return pinned
    except UnicodeDecodeError:
        raise VerificationFailed("the log's key is no text") from None
    if pinned is not None and told != pinned:
        raise VerificationFailed(
            f"the log is said to be signed by {format_verifier_key(told)}, not {format_verifier_key(pinned)}"
        )
    return pinned or told


def _fetch_checkpoint(
    source: Source, log_key: VerifierKey, quorum: Quorum
) -> tuple[bytes, Checkpoint, list[Cosignature]]:
    """Return the newest checkpoint once enough witnesses have cosigned it: they come a moment after the log."""
    for _ in range(_ATTEMPTS_MAX):
        note = source.read_log_file("checkpoint")
        checkpoint = open_checkpoint(note, log_key)
        cosigned = verify_cosignatures(parse_note(note), quorum.witnesses)
        if not (lacks := missing_witnesses(quorum, cosigned)):
            return note, checkpoint, cosigned
        time.sleep(_RETRY_SECONDS)
    raise VerificationFailed(
        f"{len(cosigned)} of the {quorum.cosignatures_min} witnesses that are needed has cosigned the checkpoint of"
        f" {checkpoint.size} leaves; not: {', '.join(key.name for key in lacks)}"
    )


def _require_totals_shown(source: Source, slug: str) -> None:
    """Return once a campaign is shown: the log's first one may have come after the totals were read."""
    for _ in range(_ATTEMPTS_MAX):
        shown = _fetch_totals(source)
        if shown is not None and shown.campaigns:
            return
        time.sleep(_RETRY_SECONDS)
    raise VerificationFailed(f"{slug} is in the log, and not shown")


def _fetch_totals(source: Source) -> PublishedTotals | None:
    """Return the totals once all of them is in the log; None where none are to be had beside it."""
    for _ in range(_ATTEMPTS_MAX):
        try:
            shown = parse_totals(source.read_totals())
        except MissingFile as fault:
            if source.publishes_totals:
                raise VerificationFailed(
                    f"the service hides its totals: {fault} (--log-only asks about the log alone)"
                ) from None
            return None
        if shown is not None:
            return shown
        time.sleep(_RETRY_SECONDS)
    raise VerificationFailed(f"for {_ATTEMPTS_MAX * _RETRY_SECONDS:.0f} seconds the totals were ahead of the log")


def _refuse_rollback(checkpoint: Checkpoint, state: VerifierState | None, totals: PublishedTotals | None) -> None:
    if state is not None and checkpoint.size < state.checkpoint.size:
        raise VerificationFailed(
            f"an older checkpoint: {checkpoint.size} leaves, and {state.checkpoint.size} were seen before"
        )
    if totals is not None and checkpoint.size < totals.size:
        raise VerificationFailed(
            f"an older checkpoint: {checkpoint.size} leaves, and the totals are of {totals.size}"
        )


def _expected_roots(
    checkpoint: Checkpoint, state: VerifierState | None, totals: PublishedTotals | None
) -> _ExpectedRoots:
    roots: dict[int, list[tuple[bytes, str]]] = {}
    if state is not None:
        roots.setdefault(state.checkpoint.size, []).append((state.checkpoint.root, "the checkpoint seen before says"))
    if totals is not None and totals.campaigns:
        roots.setdefault(totals.size, []).append((totals.root, "the totals say"))
    roots.setdefault(checkpoint.size, []).append((checkpoint.root, "the checkpoint says"))
    return _ExpectedRoots(roots)


def _replay_log(
    source: Source,
    checkpoint: Checkpoint,
    expected: _ExpectedRoots,
    totals: PublishedTotals | None,
    on_progress: OnProgress,
) -> Replay:
    replay, done = Replay(), 0
    with ThreadPoolExecutor(_THREADS_MAX) as threads:
        tiles = _Prefetcher(source, threads, checkpoint.size)
        tree = TreeStream(tiles.tile)
        expected.check(0, tree)
        for tile, entries in tiles.bundles():
            hashes = [leaf_hash(entry) for entry in entries]
            compare_tile(tile, hashes, tiles.tile(tile))
            for start, end in _split_at_roots(done, len(entries), expected):
                tree.add_leaves(hashes[start:end])
                for entry in entries[start:end]:
                    replay.add_leaf(entry)
                expected.check(tree.size, tree)
                _compare_totals(tree.size, totals, replay)
            done = tree.size
            on_progress(done, checkpoint.size)
        tree.close()
    replay.require_balanced()
    return replay


def _split_at_roots(start_size: int, entries: int, expected: _ExpectedRoots) -> list[tuple[int, int]]:
    """Return the pieces of a bundle, from and to, that end at the sizes that matter."""
    ends = sorted(size - start_size for size in expected.roots if start_size < size < start_size + entries)
    return list(pairwise([0, *ends, entries]))


def _compare_totals(size: int, totals: PublishedTotals | None, replay: Replay) -> None:
    if totals is not None and totals.campaigns and totals.size == size:
        replay.require_balanced()
        if (found := find_difference(totals, replay.figures())) is not None:
            raise VerificationFailed(found)


class _Prefetcher:
    """Bundles and level 0 tiles, read a few ahead of who needs them, in order."""

    def __init__(self, source: Source, threads: ThreadPoolExecutor, size: int) -> None:
        self._source, self._threads, self._size = source, threads, size
        self._level_0: dict[Tile, Future[bytes]] = {}

    def bundles(self) -> Iterator[tuple[Tile, list[bytes]]]:
        """Yield the entries of one bundle after another, and the tile of their hashes."""
        waiting: deque[tuple[Bundle, Future[bytes]]] = deque()
        for bundle in new_bundles(0, self._size):
            tile = Tile(0, bundle.index, bundle.width)
            waiting.append((bundle, self._threads.submit(self._source.read_log_file, bundle.path)))
            self._level_0[tile] = self._threads.submit(self._source.read_log_file, tile.path)
            if len(waiting) >= _PREFETCH_MAX:
                yield self._entries(*waiting.popleft())
        while waiting:
            yield self._entries(*waiting.popleft())

    @staticmethod
    def _entries(bundle: Bundle, content: Future[bytes]) -> tuple[Tile, list[bytes]]:
        return Tile(0, bundle.index, bundle.width), entries_in(bundle, content.result())

    def tile(self, tile: Tile) -> bytes:
        """Return a tile's bytes."""
        ahead = self._level_0.pop(tile, None)
        return ahead.result() if ahead is not None else self._source.read_log_file(tile.path)
