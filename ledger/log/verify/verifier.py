"""Verify a log: signature, every tile and leaf, the checkpoint seen before and the totals.

    python -m ledger.log.verify URL [--state FILE] [--key KEY] [--witness KEY]…
        [--witnesses-needed N] [--log-only]

Needs `ledger/log` and two libraries (cryptography, rfc8785), no database and no settings. Memory
does not grow with the log: a few bundles are read ahead, and figures are sums.
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
from ledger.log.leaf_schemas import InvalidLeaf
from ledger.log.merkle import leaf_hash
from ledger.log.note import NoteError, VerifierKey, format_verifier_key, parse_note, parse_verifier_key
from ledger.log.tiles import MalformedTile, Tile, new_bundles
from ledger.log.verify.files import read_entries, read_tile
from ledger.log.verify.published_totals import MalformedTotals, PublishedTotals, find_difference, parse_totals
from ledger.log.verify.replay import Figures, RejectedLeaf, Replay
from ledger.log.verify.source import MissingFile, Source
from ledger.log.verify.state import VerifierState
from ledger.log.verify.succession import FollowedLink, SuccessionCheck
from ledger.log.verify.tree_stream import TileMismatch, TreeStream, compare_tile

_PREFETCH_MAX = 16  # bundles, usually 50 KB, at most 16.8 MB each
_THREADS_MAX = 8  # threads mostly wait: a million leaves a minute at 50 ms of latency
_ATTEMPTS_MAX = 60
_RETRY_SECONDS = 0.5

_FAILURES = (NoteError, MalformedCheckpoint, MalformedTile, MalformedTotals, TileMismatch, RejectedLeaf, InvalidLeaf)

OnProgress = Callable[[int, int], None]  # leaves done, leaves in total


class VerificationFailed(Exception):
    """The log or the published totals are false; the message names the first difference."""


class VerificationResult(NamedTuple):
    """The result of a successful verification."""

    state: VerifierState  # pass it to the next run
    checkpoint: Checkpoint
    figures: dict[str, Figures]
    has_compared_totals: bool  # false if the source publishes no totals
    is_first_run: bool  # no key was pinned: the service's key was taken on trust
    cosignatures: list[Cosignature]  # by the quorum's witnesses
    followed: FollowedLink | None = None  # the remembered log was succeeded by this one


@dataclass(frozen=True, slots=True)
class _ExpectedRoots:
    """Tree sizes with a root claimed elsewhere, and who claims it."""

    roots: dict[int, list[tuple[bytes, str]]]

    def check(self, size: int, tree: TreeStream) -> None:
        for root, claim in self.roots.get(size, []):
            if tree.root() != root:
                raise VerificationFailed(
                    f"the first {size} leaves have the root {to_base64(tree.root())}, but {claim} {to_base64(root)}"
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
    """Verify a whole log, and the published totals unless `log_only`.

    Raises VerificationFailed with the first difference, also if a service publishes no totals, and
    SourceError if the log cannot be read.
    """
    try:
        return _verify_once(
            source, state, key, on_progress or (lambda *_: None), quorum or Quorum((), 0), log_only=log_only
        )
    except _FAILURES as error:
        raise VerificationFailed(_describe_error(error)) from error
    finally:
        source.close()


def _describe_error(error: Exception) -> str:
    match error:
        case RejectedLeaf():
            return str(error)
        case TileMismatch():
            return f"leaf {error.index}: its hash differs from the tile ({error})"
        case NoteError() | MalformedCheckpoint():
            return f"the checkpoint: {error}"
        case _:
            return str(error)


def _verify_once(
    source: Source,
    state: VerifierState | None,
    key: VerifierKey | None,
    on_progress: OnProgress,
    quorum: Quorum,
    *,
    log_only: bool,
) -> VerificationResult:
    pinned_key = _pin_key(source, state, key)
    remembered = state
    followed = SuccessionCheck(state, pinned_key) if state is not None and state.key != pinned_key else None
    state = state if followed is None else None
    totals = None if log_only else _fetch_totals(source)
    note, checkpoint, cosignatures = _fetch_checkpoint(source, pinned_key, quorum)
    _refuse_rollback(checkpoint, state, totals)
    expected = _expected_roots(checkpoint, state, totals)
    replay = _replay_log(source, checkpoint, expected, totals, on_progress, followed)
    has_compared = totals is not None and bool(totals.campaigns)
    if totals is not None and not has_compared and replay.figures():
        _wait_for_campaign(source, min(replay.figures()))
        return _verify_once(source, remembered, key, on_progress, quorum, log_only=log_only)
    link = followed.finish() if followed is not None else None
    is_first_run = state is None and key is None and (link is None or not link.is_stated)
    return VerificationResult(
        VerifierState(pinned_key, note), checkpoint, replay.figures(), has_compared, is_first_run, cosignatures, link
    )


def _pin_key(source: Source, state: VerifierState | None, key: VerifierKey | None) -> VerifierKey:
    """Return the key to verify with: passed, or the service's own.

    It differs from the remembered one only if the log has been succeeded, which its leaves must show.
    """
    remembered = state.key if state else None
    try:
        published_key = parse_verifier_key(source.read_log_file("key").decode().strip())
    except MissingFile:
        if key is None and remembered is None:
            raise
        return key or remembered  # type: ignore[return-value]
    except UnicodeDecodeError:
        raise VerificationFailed("the log's key is not text") from None
    if key is not None and published_key != key:
        raise VerificationFailed(
            f"the service publishes the key {format_verifier_key(published_key)}, not {format_verifier_key(key)}"
        )
    return published_key


def _fetch_checkpoint(
    source: Source, log_key: VerifierKey, quorum: Quorum
) -> tuple[bytes, Checkpoint, list[Cosignature]]:
    """Return the newest checkpoint that enough witnesses have cosigned; wait for them."""
    for _ in range(_ATTEMPTS_MAX):
        note = source.read_log_file("checkpoint")
        checkpoint = open_checkpoint(note, log_key)
        cosignatures = verify_cosignatures(parse_note(note), quorum.witnesses)
        if not (missing := missing_witnesses(quorum, cosignatures)):
            return note, checkpoint, cosignatures
        time.sleep(_RETRY_SECONDS)
    raise VerificationFailed(
        f"{len(cosignatures)} of {quorum.cosignatures_min} required witnesses cosigned the checkpoint of"
        f" {checkpoint.size} leaves; missing: {', '.join(key.name for key in missing)}"
    )


def _wait_for_campaign(source: Source, slug: str) -> None:
    """Wait until the totals list a campaign: the first may be newer than the totals read."""
    for _ in range(_ATTEMPTS_MAX):
        totals = _fetch_totals(source)
        if totals is not None and totals.campaigns:
            return
        time.sleep(_RETRY_SECONDS)
    raise VerificationFailed(f"{slug} is in the log but not in the totals")


def _fetch_totals(source: Source) -> PublishedTotals | None:
    """Return the totals once all of them are in the log; None if the source has none."""
    for _ in range(_ATTEMPTS_MAX):
        try:
            totals = parse_totals(source.read_totals())
        except MissingFile as error:
            if source.publishes_totals:
                raise VerificationFailed(
                    f"the service does not publish its totals: {error}; use --log-only to verify the log alone"
                ) from None
            return None
        if totals is not None:
            return totals
        time.sleep(_RETRY_SECONDS)
    raise VerificationFailed(f"the totals stayed ahead of the log for {_ATTEMPTS_MAX * _RETRY_SECONDS:.0f} seconds")


def _refuse_rollback(checkpoint: Checkpoint, state: VerifierState | None, totals: PublishedTotals | None) -> None:
    if state is not None and checkpoint.size < state.checkpoint.size:
        raise VerificationFailed(
            f"an older checkpoint: {checkpoint.size} leaves, and {state.checkpoint.size} were seen before"
        )
    if totals is not None and checkpoint.size < totals.size:
        raise VerificationFailed(f"an older checkpoint: {checkpoint.size} leaves, and the totals cover {totals.size}")


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
    followed: SuccessionCheck | None,
) -> Replay:
    replay, leaves_done = Replay(), 0
    with ThreadPoolExecutor(_THREADS_MAX) as threads:
        tiles = _Prefetcher(source, threads, checkpoint.size)
        tree = TreeStream(tiles.tile)
        expected.check(0, tree)
        for tile, entries in tiles.bundles():
            hashes = [leaf_hash(entry) for entry in entries]
            compare_tile(tile, hashes, tiles.tile(tile))
            for start, end in _split_at_roots(leaves_done, len(entries), expected):
                tree.add_leaves(hashes[start:end])
                for entry in entries[start:end]:
                    if followed is not None:
                        followed.add_entry(replay.size, entry)
                    replay.add_leaf(entry)
                expected.check(tree.size, tree)
                _compare_totals(tree.size, totals, replay)
            leaves_done = tree.size
            on_progress(leaves_done, checkpoint.size)
        tree.close()
    replay.require_balanced()
    return replay


def _split_at_roots(start_size: int, entries: int, expected: _ExpectedRoots) -> list[tuple[int, int]]:
    """Return ranges of a bundle that end at the sizes with an expected root."""
    ends = sorted(size - start_size for size in expected.roots if start_size < size < start_size + entries)
    return list(pairwise([0, *ends, entries]))


def _compare_totals(size: int, totals: PublishedTotals | None, replay: Replay) -> None:
    if totals is not None and totals.campaigns and totals.size == size:
        replay.require_balanced()
        if (difference := find_difference(totals, replay.figures())) is not None:
            raise VerificationFailed(difference)


class _Prefetcher:
    """Reads bundles and level 0 tiles a few ahead, in order."""

    def __init__(self, source: Source, threads: ThreadPoolExecutor, size: int) -> None:
        self._source, self._threads, self._size = source, threads, size
        self._level_0: dict[Tile, Future[bytes]] = {}

    def bundles(self) -> Iterator[tuple[Tile, list[bytes]]]:
        """Yield each bundle's entries with the tile of their hashes."""
        pending: deque[tuple[Tile, Future[list[bytes]]]] = deque()
        for bundle in new_bundles(0, self._size):
            tile = Tile(0, bundle.index, bundle.width)
            pending.append((tile, self._threads.submit(read_entries, self._source, bundle)))
            self._level_0[tile] = self._threads.submit(read_tile, self._source, tile)
            if len(pending) >= _PREFETCH_MAX:
                yield _await_entries(*pending.popleft())
        while pending:
            yield _await_entries(*pending.popleft())

    def tile(self, tile: Tile) -> bytes:
        """Return a tile's bytes."""
        prefetched = self._level_0.pop(tile, None)
        return prefetched.result() if prefetched is not None else read_tile(self._source, tile)


def _await_entries(tile: Tile, entries: Future[list[bytes]]) -> tuple[Tile, list[bytes]]:
    return tile, entries.result()
