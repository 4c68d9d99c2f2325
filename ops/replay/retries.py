"""Retry decisions from a response alone, as Standard Webhooks recommends.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
("Deliverability").
"""

from datetime import datetime
from email.utils import parsedate_to_datetime
from enum import Enum
from http import HTTPStatus

_WAIT_SECONDS_MIN = 0.5
_WAIT_SECONDS_MAX = 30.0
_RETRY_AFTER_SECONDS_MAX = 300.0


class Verdict(Enum):
    """The meaning of a response's status for the sender."""

    DELIVERED = "delivered"
    RETRY = "retry later"
    REFUSED = "retrying would fail too"


def classify_status(status: int) -> Verdict:
    """Return the verdict on a response's status."""
    if HTTPStatus(200) <= status < HTTPStatus.MULTIPLE_CHOICES:
        return Verdict.DELIVERED
    if status in (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS):
        return Verdict.RETRY
    return Verdict.RETRY if status >= HTTPStatus.INTERNAL_SERVER_ERROR else Verdict.REFUSED


def wait_seconds(tries: int, retry_after_seconds: float | None, jitter: float) -> float:
    """Return the seconds to wait after failure number `tries`: exponential, `jitter` from 0 to 1.

    A `Retry-After` is waited in full, with the jitter on top, so senders do not return all at once.
    """
    backoff = min(_WAIT_SECONDS_MAX, _WAIT_SECONDS_MIN * (1 << min(tries - 1, 16)))
    if retry_after_seconds is None:
        return backoff * (1 + jitter) / 2
    return min(retry_after_seconds, _RETRY_AFTER_SECONDS_MAX) + backoff * jitter / 2


def parse_retry_after(retry_after: str | None, now: datetime) -> float | None:
    """Return the seconds in a `Retry-After` header; None if absent or malformed."""
    if retry_after is None:
        return None
    if retry_after.strip().isdecimal():
        return int(retry_after[:12])
    try:
        return max(0.0, (parsedate_to_datetime(retry_after) - now).total_seconds())
    except (ValueError, TypeError):
        return None
