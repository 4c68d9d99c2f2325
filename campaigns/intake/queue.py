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

from campaigns.catalogue.cache import Shelf
from campaigns.intake.batch import Raced
from campaigns.intake.group_commit import Committed, Dropped, Reused, Stale, Submission, commit
from campaigns.intake.like_state import Outcome
from sql import AWAY, Pool

GROUP_LIKES_MAX = 2_000
GROUP_DELIVERIES_MAX = 256
QUEUE_LIKES_MAX = 40_000
QUEUE_DELIVERIES_MAX = 4_000
TRANSACTIONS = 2
_TRIES_MAX = 12
_AGAIN = (Raced, Stale, asyncpg.DeadlockDetectedError, asyncpg.SerializationError)


class Full(Exception):
    """The queue is full: nothing of the delivery was kept, and sending it again later is safe."""


class Unavailable(Exception):
    """The database is away: nothing of the delivery was kept, or all of it, and sending it again is safe."""


class Observer(Protocol):
    """What intake tells whoever measures it."""

    def committed(self, outcomes: Counter[Outcome], deliveries: int, seconds: float) -> None:
        """A group was committed."""

    def tried_again(self, reason: str) -> None:
        """A group had to be committed again."""


class _Waiting:
    """A submission in the queue, and whoever waits for its answer."""

    __slots__ = ("answer", "submission")

    def __init__(self, submission: Submission) -> None:
        self.submission = submission
        self.answer: asyncio.Future[bytes | Reused | Dropped] = asyncio.get_running_loop().create_future()


class Intake:
    """The queue and the tasks that empty it."""

    def __init__(self, pool: Pool, shelf: Shelf, clock: Callable[[], datetime], observer: Observer) -> None:
        self._pool, self._shelf, self._clock, self._observer = pool, shelf, clock, observer
        self._queue: deque[_Waiting] = deque()
        self._queued_likes = 0
        self._wake = asyncio.Event()
        self._workers: list[asyncio.Task[None]] = []
        self._stopping = False

    @property
    def queued_likes(self) -> int:
        """How many likes wait."""
        return self._queued_likes

    def start(self) -> None:
        """Begin to empty the queue."""
        self._workers = [asyncio.create_task(self._work()) for _ in range(TRANSACTIONS)]

    async def stop(self) -> None:
        """Take nothing more, finish what was taken."""
        self._stopping = True
        self._wake.set()
        await asyncio.gather(*self._workers)

    async def submit(self, submission: Submission) -> bytes | Reused | Dropped:
        """Return the answer once the delivery is durably decided. Raises Full or Unavailable."""
        likes = len(submission.likes)
        if self._stopping or len(self._queue) >= QUEUE_DELIVERIES_MAX or self._queued_likes + likes > QUEUE_LIKES_MAX:
            raise Full
        waiting = _Waiting(submission)
        self._queue.append(waiting)
        self._queued_likes += likes
        self._wake.set()
        return await waiting.answer

    async def _work(self) -> None:
        while not (self._stopping and not self._queue):
            await self._wake.wait()
            if group := self._take_group():
                await self._settle(group)
            elif not self._stopping:
                self._wake.clear()

    def _take_group(self) -> list[_Waiting]:
        """Take what fits one transaction; a webhook-id that is in it already waits for the next."""
        group: dict[tuple[int, str], _Waiting] = {}
        likes, later = 0, []
        while self._queue and len(group) < GROUP_DELIVERIES_MAX and likes < GROUP_LIKES_MAX:
            waiting = self._queue.popleft()
            if waiting.submission.id in group:
                later.append(waiting)
                continue
            group[waiting.submission.id] = waiting
            likes += len(waiting.submission.likes)
        self._queue.extendleft(reversed(later))
        self._queued_likes -= likes
        return list(group.values())

    async def _settle(self, group: list[_Waiting]) -> None:
        """Commit a group and answer it; one that fails as a whole is tried singly, so that none spoils the others."""
        try:
            answers = (await self._commit([w.submission for w in group])).answers
        except Unavailable as error:
            _fail(group, error)
        except Exception as error:  # noqa: BLE001 - whoever waits must hear of it, and the queue must go on
            if len(group) == 1:
                _fail(group, error)
                return
            for waiting in group:
                await self._settle([waiting])
        else:
            for waiting, given in zip(group, answers, strict=True):
                with suppress(asyncio.InvalidStateError):
                    waiting.answer.set_result(given)

    async def _commit(self, submissions: list[Submission]) -> Committed:
        started, alone = perf_counter(), False
        for _ in range(_TRIES_MAX):
            try:
                catalogue = await self._shelf.current()
                async with self._pool.acquire() as conn:
                    committed = await commit(conn, catalogue, submissions, self._clock(), alone=alone)
            except _AGAIN as error:
                self._observer.tried_again(type(error).__name__)
                alone = not isinstance(error, Stale)
                await self._shelf.newest()
            except AWAY as error:
                raise Unavailable from error
            else:
                self._observer.committed(committed.outcomes, len(submissions), perf_counter() - started)
                return committed
        raise Unavailable


def _fail(group: list[_Waiting], error: Exception) -> None:
    for waiting in group:
        with suppress(asyncio.InvalidStateError):
            waiting.answer.set_exception(error)
