"""Views of the log from outside the database: a witness, and a published copy.

A view that does not answer proves nothing. It is asked again after a pause, and the signing goes on.
"""

import asyncio
import time

import aiohttp

from ledger.log.checkpoint import Checkpoint, MalformedCheckpoint, open_checkpoint
from ledger.log.note import NoteError, parse_verifier_key
from ledger.log.verify.source import SourceError, open_source
from ledger.publication.signing_guard import require_extension
from ledger.publication.witness_client import Witness
from ledger.publication.witnesses import RETRY_DELAY, compare_with_witness
from sql import Pool, query

SECONDS_MAX = 5  # the log waits for a view no longer

_FIND_LOG_IDENTITY = query("find_log_identity")


class WitnessView:
    """A witness, which says how many leaves it has seen."""

    def __init__(self, session: aiohttp.ClientSession, witness: Witness) -> None:
        self._session, self._witness, self._pause = session, witness, _Pause()

    async def compare(self, pool: Pool) -> bool:
        """Compare the database with the witness; return whether it answered."""
        if self._pause.lasts():
            return False
        try:
            async with asyncio.timeout(SECONDS_MAX):
                answered = await compare_with_witness(pool, self._session, self._witness)
        except TimeoutError:
            answered = False
        return self._pause.record(answered=answered)


class MirrorView:
    """A published copy of the log: an address or a folder, as `like-ledger verify` takes it."""

    def __init__(self, location: str) -> None:
        self._location, self._pause = location, _Pause()

    async def compare(self, pool: Pool) -> bool:
        """Compare the database with the copy's checkpoint; return whether there is one of this log."""
        async with pool.acquire() as conn:
            verifier_key = await conn.fetchval(_FIND_LOG_IDENTITY)
        if verifier_key is None or self._pause.lasts():
            return False
        checkpoint = await asyncio.to_thread(read_checkpoint, self._location, verifier_key)
        if checkpoint is not None:
            async with pool.acquire() as conn:
                await require_extension(conn, checkpoint, self._location)
        return self._pause.record(answered=checkpoint is not None)


def read_checkpoint(location: str, verifier_key: str) -> Checkpoint | None:
    """Return a copy's checkpoint; None if it cannot be read or belongs to another log."""
    try:
        source = open_source(location, timeout_seconds=SECONDS_MAX)
        try:
            return open_checkpoint(source.read_log_file("checkpoint"), parse_verifier_key(verifier_key))
        finally:
            source.close()
    except (SourceError, NoteError, MalformedCheckpoint):
        return None


class _Pause:
    """The pause after a view that did not answer."""

    def __init__(self) -> None:
        self._until = 0.0

    def lasts(self) -> bool:
        return time.monotonic() < self._until

    def record(self, *, answered: bool) -> bool:
        if not answered:
            self._until = time.monotonic() + RETRY_DELAY.total_seconds()
        return answered
