"""The snapshot of all campaigns behind every public response, read at most every half second.

At most one read of the database runs at a time, for any number of readers. While the database is
away or hangs, readers get the last snapshot with its `as_of` and `Age` for half a minute, then 503.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from hashlib import blake2b

from aiohttp import web

from campaigns.catalogue.cache import CatalogueCache
from campaigns.reporting.snapshot import CampaignSnapshot, format_instant, read_snapshots
from ops.http.core.compression import compress
from sql import Pool, is_unavailable

FRESH_SECONDS = 0.5
STALE_SECONDS_MAX = 30.0
_PAUSE_FACTOR = 10  # a slow read is followed by a longer pause: at most a tenth is reading
_PAUSE_SECONDS_MAX = 5.0
_READ_SECONDS_MAX = 5.0
_WAIT_SECONDS_MAX = 1.0  # of a reader, while there is a snapshot to show
_AFTER_FAILURE_SECONDS = 1.0
OVERDUE_SECONDS = _PAUSE_SECONDS_MAX + _WAIT_SECONDS_MAX  # older than a database that answers lets it become


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
    as_of: datetime | None = None  # of the figures; None: a file

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
            self._responses[key] = PreparedResponse(body, content_type, self.validator(body), self.as_of)
        return self._responses[key]

    def validator(self, body: bytes) -> str:
        """Return a hash of a body without its `as_of`: it changes only with the figures."""
        return entity_tag(body.replace(format_instant(self.as_of).encode(), b""))


class SnapshotCache:
    """The newest snapshot in this process."""

    def __init__(
        self,
        pool: Pool,
        catalogue_cache: CatalogueCache,
        clock: Callable[[], datetime],
        report_outage: Callable[[Exception], None] = lambda _: None,
    ) -> None:
        self._pool, self._catalogue_cache, self._clock = pool, catalogue_cache, clock
        self._report_outage = report_outage
        self._latest: SnapshotSet | None = None
        self._started_at = self._read_at = self._next_read_at = -STALE_SECONDS_MAX
        self._read_task: asyncio.Task[None] | None = None

    async def latest(self) -> SnapshotSet:
        """Return a fresh snapshot, or the last one while the database is away or hangs.

        Raises SnapshotTooOld if the last one is older than half a minute.
        """
        now = asyncio.get_running_loop().time()
        if self._latest is not None and now < self._next_read_at:
            return self._latest
        if self._read_task is None or self._read_task.done():
            self._started_at = now
            self._read_task = asyncio.create_task(self._read())
        # A reader that leaves or gives up does not cancel the read: it serves the others, and ends by itself.
        done, _ = await asyncio.wait({self._read_task}, timeout=self._wait_seconds(now))
        for read in done:
            read.result()  # raises a bug
        if self._latest is None or asyncio.get_running_loop().time() - self._read_at > STALE_SECONDS_MAX:
            raise SnapshotTooOld
        return self._latest

    def _wait_seconds(self, now: float) -> float:
        """Return how long a reader waits for the read: not for a slow one, if there is a snapshot to show."""
        is_showable = self._latest is not None and now - self._read_at <= STALE_SECONDS_MAX
        seconds_max = _WAIT_SECONDS_MAX if is_showable else _READ_SECONDS_MAX
        return max(0.0, self._started_at + seconds_max - now)

    async def _read(self) -> None:
        loop = asyncio.get_running_loop()
        started = loop.time()
        try:
            async with asyncio.timeout(_READ_SECONDS_MAX):
                as_of = self._clock()
                campaigns = await read_snapshots(self._pool, self._catalogue_cache, as_of)
        except Exception as error:
            if not is_unavailable(error):
                raise
            self._report_outage(error)
            self._next_read_at = loop.time() + _AFTER_FAILURE_SECONDS
            return
        self._latest, self._read_at = SnapshotSet(as_of, {campaign.slug: campaign for campaign in campaigns}), started
        pause = min(_PAUSE_FACTOR * (loop.time() - started), _PAUSE_SECONDS_MAX)
        self._next_read_at = started + max(FRESH_SECONDS, pause)


SNAPSHOT_CACHE = web.AppKey("snapshots", SnapshotCache)
