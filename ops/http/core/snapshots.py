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

from campaigns.catalogue.cache import Shelf
from campaigns.reporting.snapshot import Standing, instant, read
from sql import AWAY, Pool

FRESH_SECONDS = 0.5
STALE_SECONDS_MAX = 30.0
_REST_FACTOR = 10  # what takes long to read is read less often: a tenth of the time at most
_REST_SECONDS_MAX = 5.0
_READ_SECONDS_MAX = 5.0
_AFTER_FAILURE_SECONDS = 1.0

_log = structlog.get_logger()


def hashed(body: bytes) -> str:
    """Return what tells one body from another, as an entity tag's text."""
    return blake2b(body, digest_size=12).hexdigest()


class TooOld(Exception):
    """The database is away, and what is known is too old to show."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """An answer as bytes, with the validator of its figures."""

    body: bytes
    content_type: str
    validator: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """How every campaign stood at one moment, and the answers made of it so far."""

    as_of: datetime
    standings: dict[str, Standing]
    _prepared: dict[tuple[object, str], Prepared] = field(default_factory=dict, repr=False)

    def prepared(self, view: object, subject: str, make: Callable[[], tuple[bytes, str]]) -> Prepared:
        """Return the answer of a view about a subject; made once a snapshot."""
        key = view, subject
        if key not in self._prepared:
            body, content_type = make()
            self._prepared[key] = Prepared(body, content_type, self.validator(body))
        return self._prepared[key]

    def validator(self, body: bytes) -> str:
        """Return a hash of a body without its `as_of`: it changes when a figure does, not with every look."""
        return hashed(body.replace(instant(self.as_of).encode(), b""))


class Snapshots:
    """The newest snapshot of this process."""

    def __init__(self, pool: Pool, shelf: Shelf, clock: Callable[[], datetime]) -> None:
        self._pool, self._shelf, self._clock = pool, shelf, clock
        self._held: Snapshot | None = None
        self._read_at = self._next_at = -STALE_SECONDS_MAX
        self._flight: asyncio.Task[None] | None = None

    async def newest(self) -> Snapshot:
        """Return a snapshot that is fresh, or the last one while the database is away. Raises TooOld."""
        now = asyncio.get_running_loop().time()
        if self._held is not None and now < self._next_at:
            return self._held
        if self._flight is None or self._flight.done():
            self._flight = asyncio.create_task(self._read())
        await asyncio.shield(self._flight)  # who asked may leave: others wait for the same read
        if self._held is None or asyncio.get_running_loop().time() - self._read_at > STALE_SECONDS_MAX:
            raise TooOld
        return self._held

    async def _read(self) -> None:
        loop = asyncio.get_running_loop()
        started = loop.time()
        try:
            async with asyncio.timeout(_READ_SECONDS_MAX):
                as_of = self._clock()
                standings = await read(self._pool, self._shelf, as_of)
        except (*AWAY, asyncpg.InsufficientResourcesError) as error:
            _log.warning("snapshot not read", error=type(error).__name__)
            self._next_at = loop.time() + _AFTER_FAILURE_SECONDS
            return
        self._held, self._read_at = Snapshot(as_of, {s.slug: s for s in standings}), started
        rest = min(_REST_FACTOR * (loop.time() - started), _REST_SECONDS_MAX)
        self._next_at = started + max(FRESH_SECONDS, rest)


SNAPSHOTS = web.AppKey("snapshots", Snapshots)
