"""The snapshot of all campaigns behind every public response, read at most every half second.

At most one read of the database runs at a time, for any number of readers. While the database is
away, readers get the last snapshot with its `as_of` for half a minute, then 503.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from hashlib import blake2b

import asyncpg
import structlog
from aiohttp import web

from campaigns.catalogue.cache import CatalogueCache
from campaigns.reporting.snapshot import CampaignSnapshot, format_instant, read_snapshots
from ops.http.core.compression import compress
from sql import UNAVAILABLE_ERRORS, Pool

FRESH_SECONDS = 0.5
STALE_SECONDS_MAX = 30.0
_PAUSE_FACTOR = 10  # a slow read is followed by a longer pause: at most a tenth is reading
_PAUSE_SECONDS_MAX = 5.0
_READ_SECONDS_MAX = 5.0
_AFTER_FAILURE_SECONDS = 1.0

_log = structlog.get_logger()


def entity_tag(body: bytes) -> str:
    """Return a body's entity tag: a hash of 24 hexadecimal digits."""
    return blake2b(body, digest_size=12).hexdigest()


class SnapshotTooOld(Exception):
    """The database is away, and the last snapshot is too old to show."""


@dataclass(frozen=True)
class PreparedResponse:
    """A response's body, with the validator of its figures."""

    body: bytes
    content_type: str
    validator: str

    @cached_property
    def gzip_body(self) -> bytes:
        """The body compressed; that happens once for all readers."""
        return compress(self.body)


@dataclass(frozen=True, slots=True)
class SnapshotSet:
    """Every campaign at one moment, and the responses rendered from it so far."""

    as_of: datetime
    campaigns: dict[str, CampaignSnapshot]
    _responses: dict[tuple[object, str], PreparedResponse] = field(default_factory=dict, repr=False)

    def prepare(self, view: object, subject: str, render: Callable[[], tuple[bytes, str]]) -> PreparedResponse:
        """Return the response of a view about a subject; it is rendered once per snapshot."""
        key = view, subject
        if key not in self._responses:
            body, content_type = render()
            self._responses[key] = PreparedResponse(body, content_type, self.validator(body))
        return self._responses[key]

    def validator(self, body: bytes) -> str:
        """Return a hash of a body without its `as_of`: it changes only with the figures."""
        return entity_tag(body.replace(format_instant(self.as_of).encode(), b""))


class SnapshotCache:
    """The newest snapshot in this process."""

    def __init__(self, pool: Pool, catalogue_cache: CatalogueCache, clock: Callable[[], datetime]) -> None:
        self._pool, self._catalogue_cache, self._clock = pool, catalogue_cache, clock
        self._latest: SnapshotSet | None = None
        self._read_at = self._next_read_at = -STALE_SECONDS_MAX
        self._read_task: asyncio.Task[None] | None = None

    async def latest(self) -> SnapshotSet:
        """Return a fresh snapshot, or the last one while the database is away.

        Raises SnapshotTooOld if the last one is older than half a minute.
        """
        now = asyncio.get_running_loop().time()
        if self._latest is not None and now < self._next_read_at:
            return self._latest
        if self._read_task is None or self._read_task.done():
            self._read_task = asyncio.create_task(self._read())
        await asyncio.shield(self._read_task)  # one reader that leaves must not cancel the read
        if self._latest is None or asyncio.get_running_loop().time() - self._read_at > STALE_SECONDS_MAX:
            raise SnapshotTooOld
        return self._latest

    async def _read(self) -> None:
        loop = asyncio.get_running_loop()
        started = loop.time()
        try:
            async with asyncio.timeout(_READ_SECONDS_MAX):
                as_of = self._clock()
                campaigns = await read_snapshots(self._pool, self._catalogue_cache, as_of)
        except (*UNAVAILABLE_ERRORS, asyncpg.InsufficientResourcesError) as error:
            _log.warning("snapshot not read", error=type(error).__name__)
            self._next_read_at = loop.time() + _AFTER_FAILURE_SECONDS
            return
        self._latest, self._read_at = SnapshotSet(as_of, {campaign.slug: campaign for campaign in campaigns}), started
        pause = min(_PAUSE_FACTOR * (loop.time() - started), _PAUSE_SECONDS_MAX)
        self._next_read_at = started + max(FRESH_SECONDS, pause)


SNAPSHOT_CACHE = web.AppKey("snapshots", SnapshotCache)
