"""The guard of the log's signatures, as the settings describe it."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import aiohttp
import structlog

from ledger.publication.head_memory import HeadMemory
from ledger.publication.outside_views import MirrorView, WitnessView, read_checkpoint
from ledger.publication.refusals import SigningRefused
from ledger.publication.signing_guard import OutsideView, SigningGuard, require_extension
from ledger.publication.witness_client import Witness
from ops.i18n.refusals import refusal_text
from ops.settings import Settings
from sql import Connection, Pool, query

_STATE_FILE = "log-state.json"

_FIND_LOG_IDENTITY = query("find_log_identity")

_log = structlog.get_logger()


def state_file(settings: Settings) -> Path:
    """Return the file of the signer's memory."""
    return settings.log_state or settings.data_dir / _STATE_FILE


def load_guard(
    settings: Settings, http: aiohttp.ClientSession | None = None, witnesses: Sequence[Witness] = ()
) -> SigningGuard:
    """Return the guard; without `http` it compares with the memory and the mirror alone."""
    views: list[OutsideView] = [WitnessView(http, witness) for witness in witnesses] if http else []
    if settings.log_mirror:
        views.append(MirrorView(settings.log_mirror))
    return SigningGuard(HeadMemory(state_file(settings)), views)


async def require_mirror_extended(conn: Connection, settings: Settings) -> None:
    """Check that the database extends the published copy. Raises SigningRefused if it does not."""
    verifier_key = await conn.fetchval(_FIND_LOG_IDENTITY)
    if settings.log_mirror and verifier_key:
        checkpoint = await asyncio.to_thread(read_checkpoint, settings.log_mirror, verifier_key)
        if checkpoint is not None:
            await require_extension(conn, checkpoint, settings.log_mirror)


async def compare_histories(guard: SigningGuard, pool: Pool) -> None:
    """Compare the database with every known head. Logs a refusal once and a memory that was created.

    Raises SigningRefused.
    """
    try:
        was_created = await guard.compare(pool)
    except SigningRefused as refusal:
        if guard.reported != str(refusal):
            _log.error("log signing refused", code=refusal.code, reason=refusal_text(refusal, "en"))
            guard.reported = str(refusal)
        raise
    guard.reported = None
    if was_created:
        _log.warning("log state created from the database", file=str(guard.memory.file))
