"""When to send again: decided from the answer alone, as Standard Webhooks asks of senders.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md, "Deliverability".
"""

from datetime import datetime
from email.utils import parsedate_to_datetime
from enum import Enum
from http import HTTPStatus

_WAIT_SECONDS_MIN = 0.5
_WAIT_SECONDS_MAX = 30.0
_RETRY_AFTER_SECONDS_MAX = 300.0


class Verdict(Enum):
    """What an answer's status means for its sender."""

    DELIVERED = "it arrived"
    RETRY = "it may arrive another time"
    REFUSED = "it will never arrive as it is"


def classify_status(status: int) -> Verdict:
    """Return what to do after an answer."""
    if HTTPStatus(200) <= status < HTTPStatus.MULTIPLE_CHOICES:
        return Verdict.DELIVERED
    if status in (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS):
        return Verdict.RETRY
    return Verdict.RETRY if status >= HTTPStatus.INTERNAL_SERVER_ERROR else Verdict.REFUSED


def wait_seconds(tries: int, retry_after_seconds: float | None, jitter: float) -> float:
    """Return how long to wait after the `tries`-th failure: exponential, with jitter by `chance` (0 to 1).

    What the receiver asked for is waited for in full, the jitter on top: so senders do not all come back at once.
    """
    backoff = min(_WAIT_SECONDS_MAX, _WAIT_SECONDS_MIN * (1 << min(tries - 1, 16)))
    if retry_after_seconds is None:
        return backoff * (1 + jitter) / 2
    return min(retry_after_seconds, _RETRY_AFTER_SECONDS_MAX) + backoff * jitter / 2


def parse_retry_after(retry_after: str | None, now: datetime) -> float | None:
    """Read `Retry-After` (RFC 9110, section 10.2.3): seconds or a date; None where it says nothing readable."""
    if retry_after is None:
        return None
    if retry_after.strip().isdecimal():
        return int(retry_after[:12])
    try:
        return max(0.0, (parsedate_to_datetime(retry_after) - now).total_seconds())
    except (ValueError, TypeError):
        return None
