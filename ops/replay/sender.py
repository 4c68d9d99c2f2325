"""A sender of Standard Webhooks: sign, post, retry, stop at what the service rejects.

Several senders share one stream of batches; a single sender keeps the order strictly.
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
    """The service rejected a batch, or did not accept it within the attempts."""


class _RetryLater(Exception):
    """This attempt failed; another may succeed."""

    def __init__(self, reason: str, retry_after_seconds: float | None = None) -> None:
        super().__init__(reason)
        self.retry_after_seconds = retry_after_seconds


@dataclass(slots=True)
class DeliveryTally:
    """The batches delivered so far."""

    deliveries: int = 0
    likes: int = 0
    retries: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    through_line: int = 0  # every like up to this line was answered
    _next_sequence: int = 0
    _out_of_order: dict[int, int] = field(default_factory=dict)  # answered before an earlier batch

    def record(self, batch: Batch, outcomes: dict[str, int]) -> None:
        """Record the response to a batch."""
        self.deliveries += 1
        self.likes += batch.likes
        self.outcomes.update(outcomes)
        self._out_of_order[batch.sequence] = batch.last_line
        while self._next_sequence in self._out_of_order:
            self.through_line = self._out_of_order.pop(self._next_sequence)
            self._next_sequence += 1


class RateLimiter:
    """Limits the likes a second over all senders."""

    def __init__(self, likes_per_second: int | None) -> None:
        self._likes_per_second = likes_per_second
        self._free_at = 0.0

    async def acquire(self, likes: int) -> None:
        """Wait until the rate allows this many likes."""
        if self._likes_per_second is None:
            return
        now = asyncio.get_running_loop().time()
        starts_at = max(now, self._free_at)
        self._free_at = starts_at + likes / self._likes_per_second
        await asyncio.sleep(starts_at - now)


@dataclass(frozen=True, slots=True)
class Sender:
    """The address and secret; `clock` and `jitter` are parameters for tests."""

    session: aiohttp.ClientSession
    address: str
    secret: bytes = field(repr=False)
    clock: Callable[[], datetime]
    jitter: Callable[[], float] = random.random
    tries_max: int = TRIES_MAX

    async def send(self, batch: Batch, tally: DeliveryTally) -> bytes:
        """Send one batch until it is delivered; return the response's body.

        Raises DeliveryFailed if it is rejected or the attempts are used up.
        """
        body = await self.request(batch, tally)
        tally.record(batch, _parse_outcomes(batch, body))
        return body

    async def request(self, batch: Batch, tally: DeliveryTally) -> bytes:
        """Send one batch until the service accepts it; return the response's body, and count the retries.

        Raises DeliveryFailed if it is rejected or the attempts are used up.
        """
        cause = "no attempt was made"
        for tries in range(1, self.tries_max + 1):
            try:
                return await self._post(batch)
            except _RetryLater as error:
                cause = str(error)
                if tries < self.tries_max:
                    tally.retries += 1
                    await asyncio.sleep(wait_seconds(tries, error.retry_after_seconds, self.jitter()))
        raise DeliveryFailed("delivery_not_accepted", attempts_number=self.tries_max, cause=cause)

    async def _post(self, batch: Batch) -> bytes:
        """Send one batch once; return the response's body.

        Raises _RetryLater or DeliveryFailed.
        """
        headers = self._headers(batch)
        try:
            async with self.session.post(
                self.address, data=batch.body, headers=headers, timeout=_TIMEOUT, allow_redirects=False
            ) as response:
                body = await response.read()
        except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError, TimeoutError) as error:
            raise _RetryLater(f"{type(error).__name__} {error}".strip()) from error
        answer = f"{response.status} {_problem_detail(body)}".strip()
        verdict = classify_status(response.status)
        if verdict is Verdict.REFUSED:
            raise DeliveryFailed("delivery_rejected", answer=answer)
        if verdict is Verdict.RETRY:
            raise _RetryLater(answer, parse_retry_after(response.headers.get("Retry-After"), self.clock()))
        return body

    def _headers(self, batch: Batch) -> dict[str, str]:
        """Return the headers with the current time: old timestamps are rejected."""
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
    """Send every batch, `senders` at a time; `tally` is always up to date.

    Raises DeliveryFailed, the first one.
    """
    limiter = rate_limiter or RateLimiter(None)

    async def work() -> None:
        for batch in batches:
            await limiter.acquire(batch.likes)
            on_arrival(batch, await sender.send(batch, tally))

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(senders):
                group.create_task(work())
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None


def _problem_detail(response_body: bytes) -> str:
    """Return the detail of a problem response (RFC 9457); empty if there is none."""
    try:
        problem = orjson.loads(response_body)
    except orjson.JSONDecodeError:
        return ""
    return str(problem.get("detail", ""))[:_DETAIL_CHARS_MAX] if isinstance(problem, dict) else ""


def _parse_outcomes(batch: Batch, response_body: bytes) -> dict[str, int]:
    """Return the likes by outcome.

    Raises DeliveryFailed if the response is not like-ledger's.
    """
    try:
        response = orjson.loads(response_body)
        outcomes = {str(name): int(likes) for name, likes in response["outcomes"].items()}
        is_ours = response["delivery"] == batch.webhook_id and sum(outcomes.values()) == batch.likes
    except (ValueError, KeyError, TypeError, AttributeError):
        is_ours = False
        outcomes = {}
    if not is_ours:
        raise DeliveryFailed("delivery_answer_malformed")
    return outcomes
