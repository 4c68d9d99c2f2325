"""The bounded queue of intake.

Deliveries coalesce into group commits and are answered once they are durable. While one transaction
commits, the next group fills. So single likes and full batches take one path, and more traffic
means fewer transactions for each like. A second transaction runs beside a small one only: a full
group keeps one process busy, and likes of two would race.
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
from campaigns.intake.claim import ConcurrentUpdate, StaleCatalogue
from campaigns.intake.group_commit import (
    CommitResult,
    SenderRevoked,
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
SMALL_GROUP_LIKES = 200
CONCURRENT_TRANSACTIONS = 2
_ATTEMPTS_MAX = 12
_RETRYABLE_ERRORS = (ConcurrentUpdate, StaleCatalogue, asyncpg.DeadlockDetectedError, asyncpg.SerializationError)


class QueueFull(Exception):
    """The queue is full: nothing of the delivery was recorded; sending it again later is safe."""


class DatabaseUnavailable(Exception):
    """The database is unavailable: all or nothing of the delivery was recorded.

    Sending it again is safe.
    """


class IntakeObserver(Protocol):
    """The measurements of intake."""

    def record_commit(self, outcomes: Counter[Outcome], deliveries: int, seconds: float) -> None:
        """Record that a group was committed."""

    def record_retry(self, reason: str) -> None:
        """Record that a group has to be committed again."""


class _QueuedSubmission:
    """A submission in the queue, and the future of its response."""

    __slots__ = ("response", "submission")

    def __init__(self, submission: Submission) -> None:
        self.submission = submission
        self.response: asyncio.Future[bytes | WebhookIdConflict | SenderRevoked] = (
            asyncio.get_running_loop().create_future()
        )


class IntakeQueue:
    """The queue and the tasks that process it."""

    def __init__(
        self, pool: Pool, catalogue_cache: CatalogueCache, clock: Callable[[], datetime], observer: IntakeObserver
    ) -> None:
        self._pool, self._catalogue_cache, self._clock, self._observer = pool, catalogue_cache, clock, observer
        self._queue: deque[_QueuedSubmission] = deque()
        self._queued_likes = 0
        self._likes_in_flight = 0
        self._wake = asyncio.Event()
        self._workers: list[asyncio.Task[None]] = []
        self._is_stopping = False

    @property
    def queued_likes(self) -> int:
        """The number of likes in the queue."""
        return self._queued_likes

    def start(self) -> None:
        """Start the tasks that process the queue."""
        self._workers = [asyncio.create_task(self._work()) for _ in range(CONCURRENT_TRANSACTIONS)]

    async def stop(self) -> None:
        """Accept no more submissions; return once all accepted ones are answered."""
        self._is_stopping = True
        self._wake.set()
        await asyncio.gather(*self._workers)

    async def submit(self, submission: Submission) -> bytes | WebhookIdConflict | SenderRevoked:
        """Return the response once the delivery is durable.

        Raises QueueFull or DatabaseUnavailable.
        """
        likes = len(submission.events)
        if (
            self._is_stopping
            or len(self._queue) >= QUEUE_DELIVERIES_MAX
            or self._queued_likes + likes > QUEUE_LIKES_MAX
        ):
            raise QueueFull
        queued = _QueuedSubmission(submission)
        self._queue.append(queued)
        self._queued_likes += likes
        self._wake.set()
        return await queued.response

    async def _work(self) -> None:
        while not (self._is_stopping and not self._queue):
            await self._wake.wait()
            if group := self._take_group():
                await self._process_in_flight(group)
            elif self._queue or not self._is_stopping:
                self._wake.clear()  # until another delivery arrives or a group is done

    async def _process_in_flight(self, group: list[_QueuedSubmission]) -> None:
        likes = sum(len(queued.submission.events) for queued in group)
        self._likes_in_flight += likes
        try:
            await self._process(group)
        finally:
            self._likes_in_flight -= likes
            self._wake.set()

    def _take_group(self) -> list[_QueuedSubmission]:
        """Take a group for one transaction; none beside a full one, and a small one beside a small one.

        A repeated webhook-id stays in the queue for the next.
        """
        if self._likes_in_flight >= SMALL_GROUP_LIKES:
            return []
        likes_max = SMALL_GROUP_LIKES if self._likes_in_flight else GROUP_LIKES_MAX
        group: dict[tuple[int, str], _QueuedSubmission] = {}
        likes, later = 0, []
        while self._queue and len(group) < GROUP_DELIVERIES_MAX and likes < likes_max:
            queued = self._queue.popleft()
            if queued.submission.id in group:
                later.append(queued)
                continue
            group[queued.submission.id] = queued
            likes += len(queued.submission.events)
        self._queue.extendleft(reversed(later))
        self._queued_likes -= likes
        return list(group.values())

    async def _process(self, group: list[_QueuedSubmission]) -> None:
        """Commit a group and answer it.

        If it fails, commit its deliveries singly, so that none spoils the others.
        """
        try:
            responses = (await self._commit([queued.submission for queued in group])).responses
        except DatabaseUnavailable as error:
            _reject_group(group, error)
        except Exception as error:  # noqa: BLE001 - the sender must get it, and the queue must go on
            if len(group) == 1:
                _reject_group(group, error)
                return
            for queued in group:
                await self._process([queued])
        else:
            for queued, response in zip(group, responses, strict=True):
                with suppress(asyncio.InvalidStateError):  # the sender has left
                    queued.response.set_result(response)

    async def _commit(self, submissions: list[Submission]) -> CommitResult:
        started, exclusive = perf_counter(), False
        for _ in range(_ATTEMPTS_MAX):
            try:
                catalogue = await self._catalogue_cache.get()
                async with self._pool.acquire() as conn:
                    committed = await commit_group(conn, catalogue, submissions, self._clock(), exclusive=exclusive)
            except _RETRYABLE_ERRORS as error:
                self._observer.record_retry(type(error).__name__)
                exclusive = not isinstance(error, StaleCatalogue)
                await self._catalogue_cache.refresh()
            except UNAVAILABLE_ERRORS as error:
                raise DatabaseUnavailable from error
            else:
                self._observer.record_commit(committed.outcomes, len(submissions), perf_counter() - started)
                return committed
        raise DatabaseUnavailable


def _reject_group(group: list[_QueuedSubmission], error: Exception) -> None:
    for queued in group:
        with suppress(asyncio.InvalidStateError):  # the sender has left
            queued.response.set_exception(error)
