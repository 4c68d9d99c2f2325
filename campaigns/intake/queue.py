"""The bounded queue of intake.

Deliveries coalesce into group commits and are answered once they are durable. While one transaction
commits, the next group fills. So single likes and full batches take one path, and more traffic
means fewer transactions for each like. Beside a small transaction another small one runs. Beside a
full one the next group is only prepared: its likes would race with those of the first. It is
prepared while the database works on the claim of the first: earlier, it would delay that claim.
"""

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from time import perf_counter
from typing import Protocol

from campaigns.catalogue.cache import CatalogueCache
from campaigns.intake.claim import ConcurrentUpdate, StaleCatalogue
from campaigns.intake.group_commit import (
    CommitResult,
    SenderRevoked,
    Submission,
    WebhookIdConflict,
    commit_group,
    prepare_group,
)
from campaigns.intake.like_state import Outcome
from sql import CONFLICT_ERRORS, Pool, is_unavailable

GROUP_LIKES_MAX = 2_000
GROUP_DELIVERIES_MAX = 256
QUEUE_LIKES_MAX = 40_000
QUEUE_DELIVERIES_MAX = 4_000
SMALL_GROUP_LIKES = 200
CONCURRENT_TRANSACTIONS = 2
_ATTEMPTS_MAX = 12
_RETRYABLE_ERRORS = (ConcurrentUpdate, StaleCatalogue, *CONFLICT_ERRORS)
_RESPONSE_SECONDS_MAX = 10.0


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

    def give_up(self) -> None:
        """Let the sender wait no longer."""
        if not self.response.done():
            self.response.set_exception(DatabaseUnavailable())


class _Preparation:
    """The right to prepare a group, which ends once."""

    def __init__(self, lock: asyncio.Lock) -> None:
        self._lock, self._is_held = lock, True

    def end(self) -> None:
        """Let the next group be prepared."""
        if self._is_held:
            self._is_held = False
            self._lock.release()


class IntakeQueue:
    """The queue and the tasks that process it."""

    def __init__(
        self, pool: Pool, catalogue_cache: CatalogueCache, clock: Callable[[], datetime], observer: IntakeObserver
    ) -> None:
        self._pool, self._catalogue_cache, self._clock, self._observer = pool, catalogue_cache, clock, observer
        self._queue: deque[_QueuedSubmission] = deque()
        self._queued_likes = 0
        self._transactions, self._likes_in_flight = 0, 0
        self._transaction_ended = asyncio.Condition()
        self._preparation_lock = asyncio.Lock()
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
        deadline = asyncio.get_running_loop().call_later(_RESPONSE_SECONDS_MAX, queued.give_up)
        try:
            return await queued.response
        finally:
            deadline.cancel()

    async def _work(self) -> None:
        while not (self._is_stopping and not self._queue):
            await self._wake.wait()
            await self._preparation_lock.acquire()
            preparation = _Preparation(self._preparation_lock)
            try:
                if group := self._take_group():
                    await self._process(group, preparation)
                elif not (self._queue or self._is_stopping):
                    self._wake.clear()
            finally:
                preparation.end()

    def _take_group(self) -> list[_QueuedSubmission]:
        """Take a group for one transaction; beside a small transaction a small one.

        A repeated webhook-id stays in the queue for the next.
        """
        is_beside_small = 0 < self._likes_in_flight < SMALL_GROUP_LIKES
        likes_max = SMALL_GROUP_LIKES if is_beside_small else GROUP_LIKES_MAX
        group: dict[tuple[int, str], _QueuedSubmission] = {}
        likes, later = 0, []
        while self._queue and len(group) < GROUP_DELIVERIES_MAX and likes < likes_max:
            queued = self._queue.popleft()
            if queued.submission.id in group:
                later.append(queued)
                continue
            likes += len(queued.submission.events)
            if not queued.response.done():  # else the sender waits no more
                group[queued.submission.id] = queued
        self._queue.extendleft(reversed(later))
        self._queued_likes -= likes
        return list(group.values())

    async def _process(self, group: list[_QueuedSubmission], preparation: _Preparation) -> None:
        """Commit a group and answer it.

        If it fails, commit its deliveries singly, so that none spoils the others.
        """
        try:
            responses = (await self._commit([queued.submission for queued in group], preparation)).responses
        except DatabaseUnavailable as error:
            _reject_group(group, error)
        except Exception as error:  # noqa: BLE001 - the sender must get it, and the queue must go on
            if len(group) == 1:
                _reject_group(group, error)
                return
            for queued in group:
                await self._process([queued], preparation)
        else:
            for queued, response in zip(group, responses, strict=True):
                with suppress(asyncio.InvalidStateError):  # the sender has left
                    queued.response.set_result(response)

    async def _commit(self, submissions: list[Submission], preparation: _Preparation) -> CommitResult:
        started, exclusive = perf_counter(), False
        for _ in range(_ATTEMPTS_MAX):
            try:
                prepared = prepare_group(await self._catalogue_cache.get(), submissions, self._clock())
                async with self._turn(submissions), self._pool.acquire() as conn:
                    committed = await commit_group(conn, prepared, preparation.end, exclusive=exclusive)
            except _RETRYABLE_ERRORS as error:
                self._observer.record_retry(type(error).__name__)
                exclusive = not isinstance(error, StaleCatalogue)
                await self._catalogue_cache.refresh()
            except Exception as error:
                if not is_unavailable(error):
                    raise
                raise DatabaseUnavailable from error
            else:
                self._observer.record_commit(committed.outcomes, len(submissions), perf_counter() - started)
                return committed
        raise DatabaseUnavailable

    @asynccontextmanager
    async def _turn(self, submissions: list[Submission]) -> AsyncIterator[None]:
        """Wait until the group may have a transaction: alone, or a small one beside a small one."""
        likes = sum(len(submission.events) for submission in submissions)
        async with self._transaction_ended:
            await self._transaction_ended.wait_for(
                lambda: not self._transactions or self._likes_in_flight + likes < 2 * SMALL_GROUP_LIKES
            )
            self._transactions, self._likes_in_flight = self._transactions + 1, self._likes_in_flight + likes
        try:
            yield
        finally:
            async with self._transaction_ended:
                self._transactions, self._likes_in_flight = self._transactions - 1, self._likes_in_flight - likes
                self._transaction_ended.notify_all()


def _reject_group(group: list[_QueuedSubmission], error: Exception) -> None:
    for queued in group:
        with suppress(asyncio.InvalidStateError):  # the sender has left
            queued.response.set_exception(error)
