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

from campaigns.errors import RequestRefused
from campaigns.intake.signature import sign_delivery
from ops.replay.batches import Batch
from ops.replay.retries import Verdict, classify_status, parse_retry_after, wait_seconds

TRIES_MAX = 12
_TIMEOUT = aiohttp.ClientTimeout(total=60, sock_connect=10)
_DETAIL_CHARS_MAX = 300


class DeliveryFailed(RequestRefused):
    """A batch was refused, or did not arrive however often it was sent; the message says why."""


class _RetryLater(Exception):
    """It did not arrive this time."""

    def __init__(self, reason: str, retry_after_seconds: float | None = None) -> None:
        super().__init__(reason)
        self.retry_after_seconds = retry_after_seconds


@dataclass(slots=True)
class DeliveryTally:
    """What arrived so far."""

    deliveries: int = 0
    likes: int = 0
    retries: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    through_line: int = 0  # every like up to this line was answered
    _next_sequence: int = 0
    _out_of_order: dict[int, int] = field(default_factory=dict)  # answered before one that came earlier in the file

    def record(self, batch: Batch, outcomes: dict[str, int]) -> None:
        """Take note of a batch's answer."""
        self.deliveries += 1
        self.likes += batch.likes
        self.outcomes.update(outcomes)
        self._out_of_order[batch.sequence] = batch.last_line
        while self._next_sequence in self._out_of_order:
            self.through_line = self._out_of_order.pop(self._next_sequence)
            self._next_sequence += 1


class RateLimiter:
    """At most so many likes a second, over all senders."""

    def __init__(self, likes_per_second: int | None) -> None:
        self._likes_per_second = likes_per_second
        self._free_at = 0.0

    async def acquire(self, likes: int) -> None:
        """Wait until so many likes may go."""
        if self._likes_per_second is None:
            return
        now = asyncio.get_running_loop().time()
        begins = max(now, self._free_at)
        self._free_at = begins + likes / self._likes_per_second
        await asyncio.sleep(begins - now)


@dataclass(frozen=True, slots=True)
class Sender:
    """Where to and how; `clock` and `chance` are given, so that a test decides them."""

    session: aiohttp.ClientSession
    address: str
    secret: bytes = field(repr=False)
    clock: Callable[[], datetime]
    jitter: Callable[[], float] = random.random
    tries_max: int = TRIES_MAX

    async def send(self, batch: Batch, tally: DeliveryTally) -> bytes:
        """Send one batch until it is answered; return the answer. Raises Undelivered."""
        reason = "it was never tried"
        for tries in range(1, self.tries_max + 1):
            try:
                answer = await self._post(batch)
            except _RetryLater as failure:
                reason = str(failure)
                if tries < self.tries_max:
                    tally.retries += 1
                    await asyncio.sleep(wait_seconds(tries, failure.retry_after_seconds, self.jitter()))
            else:
                tally.record(batch, _parse_outcomes(batch, answer))
                return answer
        raise DeliveryFailed(f"gave up after {self.tries_max} tries: {reason}")

    async def _post(self, batch: Batch) -> bytes:
        """Return the answer. Raises _NotYet or Undelivered."""
        headers = self._headers(batch)
        try:
            async with self.session.post(
                self.address, data=batch.body, headers=headers, timeout=_TIMEOUT, allow_redirects=False
            ) as response:
                answer = await response.read()
        except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError, TimeoutError) as error:
            raise _RetryLater(f"{type(error).__name__} {error}".strip()) from error
        told = f"{response.status} {_problem_detail(answer)}".strip()
        decided = classify_status(response.status)
        if decided is Verdict.REFUSED:
            raise DeliveryFailed(f"the service refused it: {told}")
        if decided is Verdict.RETRY:
            raise _RetryLater(told, parse_retry_after(response.headers.get("Retry-After"), self.clock()))
        return answer

    def _headers(self, batch: Batch) -> dict[str, str]:
        """A fresh timestamp at each try: the receiver turns away what is older than five minutes."""
        timestamp = int(self.clock().timestamp())
        return {
            "Content-Type": "application/json",
            "webhook-id": batch.webhook_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": sign_delivery(self.secret, batch.webhook_id, timestamp, batch.body),
        }


async def send_all(
    sender: Sender,
    batches: Iterator[Batch],
    tally: DeliveryTally,
    *,
    senders: int = 1,
    rate_limiter: RateLimiter | None = None,
    on_arrival: Callable[[Batch, bytes], None] = lambda _batch, _answer: None,
) -> None:
    """Send every batch, so many at a time; `sent` always says how far it went. Raises Undelivered, the first one."""
    own_pace = rate_limiter or RateLimiter(None)

    async def work() -> None:
        for batch in batches:
            await own_pace.acquire(batch.likes)
            on_arrival(batch, await sender.send(batch, tally))

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(senders):
                group.create_task(work())
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None


def _problem_detail(response_body: bytes) -> str:
    """Return what a problem answer (RFC 9457) says."""
    try:
        problem = orjson.loads(response_body)
    except orjson.JSONDecodeError:
        return ""
    return str(problem.get("detail", ""))[:_DETAIL_CHARS_MAX] if isinstance(problem, dict) else ""


def _parse_outcomes(batch: Batch, response_body: bytes) -> dict[str, int]:
    """Return the likes by outcome; Undelivered if something else answers at that address."""
    try:
        told = orjson.loads(response_body)
        outcomes = {str(name): int(likes) for name, likes in told["outcomes"].items()}
        is_ours = told["delivery"] == batch.webhook_id and sum(outcomes.values()) == batch.likes
    except (ValueError, KeyError, TypeError, AttributeError):
        is_ours = False
        outcomes = {}
    if not is_ours:
        raise DeliveryFailed("something answered that is no like-ledger; is the address right?")
    return outcomes
