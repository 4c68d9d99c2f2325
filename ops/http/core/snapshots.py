"""What the public reads comes from memory: one snapshot of all campaigns, read anew at most every half second.

However many ask, one read of the database is under way at most. While the database is away the last snapshot is
served, with the `as_of` it has, for half a minute; after that it is too old to show and the answer is 503.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import blake2b

import asyncpg
import structlog
from aiohttp import web

from campaigns.catalogue.cache import CatalogueCache
from campaigns.reporting.snapshot import CampaignSnapshot, format_instant, read_snapshots
from sql import UNAVAILABLE_ERRORS, Pool

FRESH_SECONDS = 0.5
STALE_SECONDS_MAX = 30.0
_PAUSE_FACTOR = 10  # what takes long to read is read less often: a tenth of the time at most
_PAUSE_SECONDS_MAX = 5.0
_READ_SECONDS_MAX = 5.0
_AFTER_FAILURE_SECONDS = 1.0

_log = structlog.get_logger()


def entity_tag(body: bytes) -> str:
    """Return what tells one body from another, as an entity tag's text."""
    return blake2b(body, digest_size=12).hexdigest()


class SnapshotTooOld(Exception):
    """The database is away, and what is known is too old to show."""


@dataclass(frozen=True, slots=True)
class PreparedResponse:
    """An answer as bytes, with the validator of its figures."""

    body: bytes
    content_type: str
    validator: str


@dataclass(frozen=True, slots=True)
class SnapshotSet:
    """How every campaign stood at one moment, and the answers made of it so far."""

    as_of: datetime
    campaigns: dict[str, CampaignSnapshot]
    _responses: dict[tuple[object, str], PreparedResponse] = field(default_factory=dict, repr=False)

    def prepare(self, view: object, subject: str, render: Callable[[], tuple[bytes, str]]) -> PreparedResponse:
        """Return the answer of a view about a subject; made once a snapshot."""
        key = view, subject
        if key not in self._responses:
            body, content_type = render()
            self._responses[key] = PreparedResponse(body, content_type, self.validator(body))
        return self._responses[key]

    def validator(self, body: bytes) -> str:
        """Return a hash of a body without its `as_of`: it changes when a figure does, not with every look."""
        return entity_tag(body.replace(format_instant(self.as_of).encode(), b""))


class SnapshotCache:
    """The newest snapshot of this process."""

    def __init__(self, pool: Pool, catalogue_cache: CatalogueCache, clock: Callable[[], datetime]) -> None:
        self._pool, self._catalogue_cache, self._clock = pool, catalogue_cache, clock
        self._latest: SnapshotSet | None = None
        self._read_at = self._next_read_at = -STALE_SECONDS_MAX
        self._read_task: asyncio.Task[None] | None = None

    async def latest(self) -> SnapshotSet:
        """Return a snapshot that is fresh, or the last one while the database is away. Raises TooOld."""
        now = asyncio.get_running_loop().time()
        if self._latest is not None and now < self._next_read_at:
            return self._latest
        if self._read_task is None or self._read_task.done():
            self._read_task = asyncio.create_task(self._read())
        await asyncio.shield(self._read_task)  # who asked may leave: others wait for the same read
        if self._latest is None or asyncio.get_running_loop().time() - self._read_at > STALE_SECONDS_MAX:
            raise SnapshotTooOld
        return self._latest

    async def _read(self) -> None:
        loop = asyncio.get_running_loop()
        started = loop.time()
        try:
            async with asyncio.timeout(_READ_SECONDS_MAX):
                as_of = self._clock()
                standings = await read_snapshots(self._pool, self._catalogue_cache, as_of)
        except (*UNAVAILABLE_ERRORS, asyncpg.InsufficientResourcesError) as error:
            _log.warning("snapshot not read", error=type(error).__name__)
            self._next_read_at = loop.time() + _AFTER_FAILURE_SECONDS
            return
        self._latest, self._read_at = SnapshotSet(as_of, {s.slug: s for s in standings}), started
        rest = min(_PAUSE_FACTOR * (loop.time() - started), _PAUSE_SECONDS_MAX)
        self._next_read_at = started + max(FRESH_SECONDS, rest)


SNAPSHOT_CACHE = web.AppKey("snapshots", SnapshotCache)
