"""A sender of Standard Webhooks: signs, posts, sends again what did not arrive, and stops at what never will.

Several senders share one stream of batches; one alone keeps its order strictly.
https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

import aiohttp
import orjson

from campaigns.errors import Refused
from campaigns.intake.signature import sign
from ops.replay.batches import Batch
from ops.replay.retries import Verdict, asked_seconds, verdict, wait_seconds

TRIES_MAX = 12
_TIMEOUT = aiohttp.ClientTimeout(total=60, sock_connect=10)
_DETAIL_CHARS_MAX = 300


class Undelivered(Refused):
    """A batch was refused, or did not arrive however often it was sent; the message says why."""


class _NotYet(Exception):
    """It did not arrive this time."""

    def __init__(self, reason: str, asked_seconds: float | None = None) -> None:
        super().__init__(reason)
        self.asked_seconds = asked_seconds


@dataclass(slots=True)
class Sent:
    """What arrived so far."""

    deliveries: int = 0
    likes: int = 0
    tries_again: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    through_line: int = 0  # every like up to this line was answered
    _next_place: int = 0
    _ahead: dict[int, int] = field(default_factory=dict)  # answered before one that came earlier in the file

    def arrived(self, batch: Batch, outcomes: dict[str, int]) -> None:
        """Take note of a batch's answer."""
        self.deliveries += 1
        self.likes += batch.likes
        self.outcomes.update(outcomes)
        self._ahead[batch.place] = batch.last_line
        while self._next_place in self._ahead:
            self.through_line = self._ahead.pop(self._next_place)
            self._next_place += 1


class Pace:
    """At most so many likes a second, over all senders."""

    def __init__(self, likes_a_second: int | None) -> None:
        self._likes_a_second = likes_a_second
        self._next = 0.0

    async def turn(self, likes: int) -> None:
        """Wait until so many likes may go."""
        if self._likes_a_second is None:
            return
        now = asyncio.get_running_loop().time()
        begins = max(now, self._next)
        self._next = begins + likes / self._likes_a_second
        await asyncio.sleep(begins - now)


@dataclass(frozen=True, slots=True)
class Sender:
    """Where to and how; `clock` and `chance` are given, so that a test decides them."""

    session: aiohttp.ClientSession
    address: str
    secret: bytes = field(repr=False)
    clock: Callable[[], datetime]
    chance: Callable[[], float] = random.random
    tries_max: int = TRIES_MAX

    async def send(self, batch: Batch, sent: Sent) -> bytes:
        """Send one batch until it is answered; return the answer. Raises Undelivered."""
        reason = "it was never tried"
        for tries in range(1, self.tries_max + 1):
            try:
                answer = await self._try(batch)
            except _NotYet as failure:
                reason = str(failure)
                if tries < self.tries_max:
                    sent.tries_again += 1
                    await asyncio.sleep(wait_seconds(tries, failure.asked_seconds, self.chance()))
            else:
                sent.arrived(batch, _outcomes(batch, answer))
                return answer
        raise Undelivered(f"gave up after {self.tries_max} tries: {reason}")

    async def _try(self, batch: Batch) -> bytes:
        """Return the answer. Raises _NotYet or Undelivered."""
        headers = self._headers(batch)
        try:
            async with self.session.post(
                self.address, data=batch.body, headers=headers, timeout=_TIMEOUT, allow_redirects=False
            ) as response:
                answer = await response.read()
        except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError, TimeoutError) as error:
            raise _NotYet(f"{type(error).__name__} {error}".strip()) from error
        told = f"{response.status} {_detail(answer)}".strip()
        decided = verdict(response.status)
        if decided is Verdict.REFUSED:
            raise Undelivered(f"the service refused it: {told}")
        if decided is Verdict.AGAIN:
            raise _NotYet(told, asked_seconds(response.headers.get("Retry-After"), self.clock()))
        return answer

    def _headers(self, batch: Batch) -> dict[str, str]:
        """A fresh timestamp at each try: the receiver turns away what is older than five minutes."""
        timestamp = int(self.clock().timestamp())
        return {
            "Content-Type": "application/json",
            "webhook-id": batch.webhook_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": sign(self.secret, batch.webhook_id, timestamp, batch.body),
        }


async def send_all(
    sender: Sender,
    batches: Iterator[Batch],
    sent: Sent,
    *,
    senders: int = 1,
    pace: Pace | None = None,
    on_arrival: Callable[[Batch, bytes], None] = lambda _batch, _answer: None,
) -> None:
    """Send every batch, so many at a time; `sent` always says how far it went. Raises Undelivered, the first one."""
    own_pace = pace or Pace(None)

    async def work() -> None:
        for batch in batches:
            await own_pace.turn(batch.likes)
            on_arrival(batch, await sender.send(batch, sent))

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(senders):
                group.create_task(work())
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None


def _detail(answer: bytes) -> str:
    """Return what a problem answer (RFC 9457) says."""
    try:
        problem = orjson.loads(answer)
    except orjson.JSONDecodeError:
        return ""
    return str(problem.get("detail", ""))[:_DETAIL_CHARS_MAX] if isinstance(problem, dict) else ""


def _outcomes(batch: Batch, answer: bytes) -> dict[str, int]:
    """Return the likes by outcome; Undelivered if something else answers at that address."""
    try:
        told = orjson.loads(answer)
        outcomes = {str(name): int(likes) for name, likes in told["outcomes"].items()}
        is_ours = told["delivery"] == batch.webhook_id and sum(outcomes.values()) == batch.likes
    except (ValueError, KeyError, TypeError, AttributeError):
        is_ours = False
        outcomes = {}
    if not is_ours:
        raise Undelivered("something answered that is no like-ledger; is the address right?")
    return outcomes
