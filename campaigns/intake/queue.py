"""Intake: deliveries coalesce into group commits, behind a bounded queue; each is answered once it is durable.

While one transaction commits the next fills, so single likes and full batches take one path, and the more arrives
at once, the fewer transactions a like costs.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from time import perf_counter
from typing import Protocol

import asyncpg

from campaigns.catalogue.cache import CatalogueCache
from campaigns.intake.batch import ConcurrentUpdate
from campaigns.intake.group_commit import (
    CommitResult,
    SenderRevoked,
    StaleCatalogue,
    Submission,
    WebhookIdConflict,
    commit_group,
)
from campaigns.intake.like_state import Outcome
from sql import UNAVAILABLE_ERRORS, Pool

GROUP_LIKES_MAX = 2_000
GROUP_DELIVERIES_MAX = 256
QUEUE_LIKES_MAX = 40_000
QUEUE_DELIVERIES_MAX = 4_000
CONCURRENT_TRANSACTIONS = 2
_ATTEMPTS_MAX = 12
_RETRYABLE_ERRORS = (ConcurrentUpdate, StaleCatalogue, asyncpg.DeadlockDetectedError, asyncpg.SerializationError)


class QueueFull(Exception):
    """The queue is full: nothing of the delivery was kept, and sending it again later is safe."""


class DatabaseUnavailable(Exception):
    """The database is away: nothing of the delivery was kept, or all of it, and sending it again is safe."""


class IntakeObserver(Protocol):
    """What intake tells whoever measures it."""

    def record_commit(self, outcomes: Counter[Outcome], deliveries: int, seconds: float) -> None:
        """A group was committed."""

    def record_retry(self, reason: str) -> None:
        """A group had to be committed again."""


class _QueuedSubmission:
    """A submission in the queue, and whoever waits for its answer."""

    __slots__ = ("response", "submission")

    def __init__(self, submission: Submission) -> None:
        self.submission = submission
        self.response: asyncio.Future[bytes | WebhookIdConflict | SenderRevoked] = (
            asyncio.get_running_loop().create_future()
        )


class IntakeQueue:
    """The queue and the tasks that empty it."""

    def __init__(
        self, pool: Pool, catalogue_cache: CatalogueCache, clock: Callable[[], datetime], observer: IntakeObserver
    ) -> None:
        self._pool, self._catalogue_cache, self._clock, self._observer = pool, catalogue_cache, clock, observer
        self._queue: deque[_QueuedSubmission] = deque()
        self._queued_likes = 0
        self._wake = asyncio.Event()
        self._workers: list[asyncio.Task[None]] = []
        self._is_stopping = False

    @property
    def queued_likes(self) -> int:
        """How many likes wait."""
        return self._queued_likes

    def start(self) -> None:
        """Begin to empty the queue."""
        self._workers = [asyncio.create_task(self._work()) for _ in range(CONCURRENT_TRANSACTIONS)]

    async def stop(self) -> None:
        """Take nothing more, finish what was taken."""
        self._is_stopping = True
        self._wake.set()
        await asyncio.gather(*self._workers)

    async def submit(self, submission: Submission) -> bytes | WebhookIdConflict | SenderRevoked:
        """Return the answer once the delivery is durably decided. Raises Full or Unavailable."""
        likes = len(submission.events)
        if (
            self._is_stopping
            or len(self._queue) >= QUEUE_DELIVERIES_MAX
            or self._queued_likes + likes > QUEUE_LIKES_MAX
        ):
            raise QueueFull
        waiting = _QueuedSubmission(submission)
        self._queue.append(waiting)
        self._queued_likes += likes
        self._wake.set()
        return await waiting.response

    async def _work(self) -> None:
        while not (self._is_stopping and not self._queue):
            await self._wake.wait()
            if group := self._take_group():
                await self._process(group)
            elif not self._is_stopping:
                self._wake.clear()

    def _take_group(self) -> list[_QueuedSubmission]:
        """Take what fits one transaction; a webhook-id that is in it already waits for the next."""
        group: dict[tuple[int, str], _QueuedSubmission] = {}
        likes, later = 0, []
        while self._queue and len(group) < GROUP_DELIVERIES_MAX and likes < GROUP_LIKES_MAX:
            waiting = self._queue.popleft()
            if waiting.submission.id in group:
                later.append(waiting)
                continue
            group[waiting.submission.id] = waiting
            likes += len(waiting.submission.events)
        self._queue.extendleft(reversed(later))
        self._queued_likes -= likes
        return list(group.values())

    async def _process(self, group: list[_QueuedSubmission]) -> None:
        """Commit a group and answer it; one that fails as a whole is tried singly, so that none spoils the others."""
        try:
            answers = (await self._commit([w.submission for w in group])).responses
        except DatabaseUnavailable as error:
            _reject_group(group, error)
        except Exception as error:  # noqa: BLE001 - whoever waits must hear of it, and the queue must go on
            if len(group) == 1:
                _reject_group(group, error)
                return
            for waiting in group:
                await self._process([waiting])
        else:
            for waiting, given in zip(group, answers, strict=True):
                with suppress(asyncio.InvalidStateError):
                    waiting.response.set_result(given)

    async def _commit(self, submissions: list[Submission]) -> CommitResult:
        started, alone = perf_counter(), False
        for _ in range(_ATTEMPTS_MAX):
            try:
                catalogue = await self._catalogue_cache.get()
                async with self._pool.acquire() as conn:
                    committed = await commit_group(conn, catalogue, submissions, self._clock(), exclusive=alone)
            except _RETRYABLE_ERRORS as error:
                self._observer.record_retry(type(error).__name__)
                alone = not isinstance(error, StaleCatalogue)
                await self._catalogue_cache.refresh()
            except UNAVAILABLE_ERRORS as error:
                raise DatabaseUnavailable from error
            else:
                self._observer.record_commit(committed.outcomes, len(submissions), perf_counter() - started)
                return committed
        raise DatabaseUnavailable


def _reject_group(group: list[_QueuedSubmission], error: Exception) -> None:
    for waiting in group:
        with suppress(asyncio.InvalidStateError):
            waiting.response.set_exception(error)
