"""Succeed the public log: collect what is known of it outside, replace it, and sign the successor."""

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ledger.log.checkpoint import MalformedCheckpoint, open_checkpoint
from ledger.log.merkle import root
from ledger.log.note import NoteError, Signer, VerifierKey, format_verifier_key, make_signer, parse_verifier_key
from ledger.log.tiles import MalformedTile, Tile, hashes_in, new_bundles
from ledger.log.verify.files import read_tile
from ledger.log.verify.source import SourceError, open_source
from ledger.log.verify.state import VerifierState
from ledger.publication import sequencer, succession
from ledger.publication.head_memory import HeadMemory
from ledger.publication.refusals import LogRefused
from ledger.publication.signing_guard import SigningGuard
from ledger.publication.succession import OnProgress, SuccessionPlan
from ops import keys
from ops.admin.core import audit_log
from ops.admin.core.actor import OPERATOR
from ops.admin.core.command import CommandResult
from ops.clock import utc_now
from ops.database_hosts import connect
from ops.settings import Settings
from ops.signing import state_file
from sql import Connection, query

_FIND_LOG_IDENTITY = query("find_log_identity")
_FIND_SUCCEEDED_KEY = query("find_succeeded_key")


@dataclass(frozen=True, slots=True)
class Successor:
    """The signer of the new log, and that of the old one if its key is at hand."""

    signer: Signer
    seed: bytes | None  # of a key that was generated: to be kept by the operator
    old_signer: Signer | None


@dataclass(frozen=True, slots=True)
class SuccessionResult:
    """The effect of the command; `plan` is None if the log had been succeeded before."""

    plan: SuccessionPlan | None
    successor: Successor
    size: int


async def run_succession(
    dsn: str,
    settings: Settings,
    origin: str,
    *,
    copy: str | None = None,
    checkpoint: Path | None = None,
    confirm: Callable[[SuccessionPlan, Successor], bool] = lambda *_: True,
    on_progress: OnProgress = lambda _: None,
) -> SuccessionResult | None:
    """Succeed the log of a database; return the effect, None if it was not confirmed.

    Repeated after a crash it finishes. Raises LogRefused if there is no log, or the origin or key
    is not new.
    """
    conn = await connect(dsn)
    try:
        old_key = parse_verifier_key(await _require_identity(conn))
        finished = await _find_finished(conn, settings, old_key, origin)
        if finished is None:
            successor = choose_successor(settings, old_key, origin)
            plan = await _plan(conn, settings, old_key, copy, checkpoint)
            if not confirm(plan, successor):
                return None
            if settings.database_url is None and successor.seed is not None:
                keys.store_next_log_signer(settings, successor.seed, origin)
            await _replace_log(conn, plan, successor, on_progress)
        else:
            plan, successor = None, Successor(finished, None, None)
        head = await sequencer.sign_head(conn, successor.signer, SigningGuard(HeadMemory(state_file(settings))))
        if settings.database_url is None:
            keys.promote_next_log_signer(settings)
        return SuccessionResult(plan, successor, head.size)
    finally:
        await conn.close()


async def _require_identity(conn: Connection) -> str:
    verifier_key: str | None = await conn.fetchval(_FIND_LOG_IDENTITY)
    if verifier_key is None:
        raise LogRefused("log_not_created")
    return verifier_key


async def _find_finished(conn: Connection, settings: Settings, key: VerifierKey, origin: str) -> Signer | None:
    """Return the signer if the database's log is already the requested successor, else None."""
    if key.name != origin or await conn.fetchval(_FIND_SUCCEEDED_KEY, format_verifier_key(key)) is None:
        return None
    candidates = [keys.load_next_log_signer(settings), keys.load_log_signer(settings)]
    for signer in candidates:
        if signer is not None and signer.verifier_key == key:
            return signer
    raise LogRefused("log_successor_key_missing", stored_key=format_verifier_key(key))


def choose_successor(settings: Settings, old_key: VerifierKey, origin: str) -> Successor:
    """Return the successor's signer: the configured key if it is new, otherwise a generated one.

    Raises LogRefused if the origin is the old one.
    """
    configured = keys.load_log_signer(settings)
    if origin == old_key.name:
        raise LogRefused("log_successor_not_new", key=format_verifier_key(old_key))
    if configured.verifier_key.public_key != old_key.public_key:
        return Successor(make_signer(origin, keys.read_log_seed(settings)), None, None)
    seed = secrets.token_bytes(keys.KEY_BYTES)
    return Successor(make_signer(origin, seed), seed, make_signer(old_key.name, keys.read_log_seed(settings)))


async def _plan(
    conn: Connection, settings: Settings, key: VerifierKey, copy: str | None, checkpoint: Path | None
) -> SuccessionPlan:
    candidates = []
    memory = HeadMemory(state_file(settings))
    hashes: dict[int, bytes] = {}
    remembered = memory.read()
    if remembered is not None and remembered.key == key:
        candidates.append(remembered)
        first, known = memory.read_hashes()
        hashes = dict(enumerate(known, first))
    if checkpoint is not None:
        candidates.append(_read_checkpoint(checkpoint, key))
    if location := copy or settings.log_mirror:
        copied = await asyncio.to_thread(read_copy, location, key)
        if copied is not None:
            candidates.append(copied[0])
            hashes |= dict(enumerate(copied[1]))
        elif copy:
            raise LogRefused("log_copy_unusable", source=copy, key=format_verifier_key(key))
    return await succession.plan_succession(conn, candidates, hashes)


def _read_checkpoint(file: Path, key: VerifierKey) -> VerifierState:
    note = file.read_bytes()
    try:
        open_checkpoint(note, key)
    except (NoteError, MalformedCheckpoint):
        raise LogRefused("log_copy_unusable", source=str(file), key=format_verifier_key(key)) from None
    return VerifierState(key, note)


def read_copy(location: str, key: VerifierKey) -> tuple[VerifierState, list[bytes]] | None:
    """Return a copy's head and all its leaf hashes; None if it is incomplete or of another log."""
    try:
        source = open_source(location)
        try:
            note = source.read_log_file("checkpoint")
            checkpoint = open_checkpoint(note, key)
            tiles = [Tile(0, bundle.index, bundle.width) for bundle in new_bundles(0, checkpoint.size)]
            hashes = [value for tile in tiles for value in hashes_in(tile, read_tile(source, tile))]
        finally:
            source.close()
    except (SourceError, NoteError, MalformedCheckpoint, MalformedTile):
        return None
    return (VerifierState(key, note), hashes) if root(hashes) == checkpoint.root else None


async def _replace_log(conn: Connection, plan: SuccessionPlan, successor: Successor, on_progress: OnProgress) -> None:
    now, last = utc_now(), plan.last
    before = {"log": format_verifier_key(last.key), "size": last.checkpoint.size}
    after = {
        "log": format_verifier_key(successor.signer.verifier_key),
        "kept": plan.kept,
        "lost": plan.lost,
        "hashed_terms": plan.hashed_terms,
    }
    async with conn.transaction():
        await succession.succeed_log(conn, plan, successor.signer, successor.old_signer, now, on_progress)
        await audit_log.add_entry(
            conn, OPERATOR, "log.succeed", CommandResult(f"log/{successor.signer.name}", before, after), now
        )
