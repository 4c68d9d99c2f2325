"""Errors as problem details (RFC 9457): `application/problem+json`, one table of status and words."""

from enum import Enum
from http import HTTPStatus
from typing import Any

import orjson
from aiohttp import web

RETRY_AFTER_SECONDS, RATE_LIMIT_SECONDS = 2, 60


class Problem(Enum):
    """What can be wrong with a request: a status and a sentence that says what to do."""

    INVALID_JSON = (400, "The body is not JSON. Nothing was kept; send it again as JSON.")
    UNKNOWN_PARAMETER = (400, "The address has a query parameter that means nothing here; leave it out.")
    UNAUTHENTICATED = (401, "The request is not signed by a platform known here, or its timestamp is too old.")
    NOT_FOUND = (404, "There is nothing at this address.")
    METHOD_NOT_ALLOWED = (405, "This address does not take that method.")
    WEBHOOK_ID_CONFLICT = (409, "This webhook-id was used before with another body. Nothing of this one was kept.")
    TOO_LARGE = (413, "A delivery has at most 1 MiB. Nothing was kept; send smaller batches.")
    UNSUPPORTED_MEDIA_TYPE = (415, "Send Content-Type: application/json.")
    MALFORMED_ENVELOPE = (422, "The body is JSON, but not an envelope of at most 1,000 likes. Nothing was kept.")
    INVALID_TOKEN = (401, "This takes `Authorization: Bearer` with a token that holds.")
    FORBIDDEN = (403, "The token's role may not do that.")
    IDEMPOTENCY_KEY_REQUIRED = (
        400,
        "Every write takes an `Idempotency-Key`: 1 to 200 printable ASCII characters, another for each.",
    )
    IDEMPOTENCY_KEY_CONFLICT = (409, "This Idempotency-Key was used before, for something else.")
    CONFLICT = (409, "That cannot be done as things stand.")
    VALIDATION_FAILED = (
        422,
        "What was sent is not what it should be; `faults` names each path. Nothing was changed.",
    )
    RATE_LIMITED = (429, "Too many attempts failed; wait a minute.")
    CALLBACK_UNAUTHENTICATED = (
        401,
        "The answer is not signed with the payment service's secret, or its timestamp is too old.",
    )
    CALLBACK_CONFLICT = (
        409,
        "Something else is known of that message. Nothing was changed; a person must look at it.",
    )
    CALLBACK_TOO_LARGE = (413, "An answer has at most 64 KiB.")
    MALFORMED_CALLBACK = (422, "The body names no message, or says neither accepted nor refused.")
    INTERNAL_ERROR = (500, "Something is broken here. Sending again is safe.")
    QUEUE_FULL = (503, "More arrives than can be recorded. Nothing of this was kept; send it again later.")
    DATABASE_UNAVAILABLE = (
        503,
        "The database is away. Nothing of this was kept, or all of it; sending it again is safe.",
    )

    FIGURES_UNAVAILABLE = (
        503,
        "The database is away, and the figures known here are too old to show; ask again later.",
    )
    TOO_MANY_STREAMS = (
        503,
        "As many streams are open as this service holds; ask for the totals, or try again later.",
    )

    @property
    def status(self) -> HTTPStatus:
        """The HTTP status."""
        return HTTPStatus(self.value[0])

    @property
    def is_retryable(self) -> bool:
        """Whether the same request may be taken later: the answer says when, in `Retry-After`."""
        return self.status in _RETRYABLE

    @property
    def slug(self) -> str:
        """The name that a program can test for."""
        return self.name.lower().replace("_", "-")


_RETRYABLE = {HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS}


def problem_details(kind: Problem, **members: Any) -> dict[str, Any]:
    """Return what is said of a problem; `more` are members of its own, such as `faults`."""
    return {
        "type": f"urn:like-ledger:problem:{kind.slug}",
        "title": kind.status.phrase,
        "status": kind.status.value,
        "code": kind.name.lower(),
        "detail": kind.value[1],
        **members,
    }


def problem_response(kind: Problem, **members: Any) -> web.Response:
    """Return the answer that says so."""
    body = problem_details(kind, **members)
    wait_seconds = RATE_LIMIT_SECONDS if kind is Problem.RATE_LIMITED else RETRY_AFTER_SECONDS
    headers = {"Retry-After": str(wait_seconds)} if kind.is_retryable else None
    return web.Response(
        body=orjson.dumps(body),
        status=kind.status,
        content_type="application/problem+json",
        headers=headers,
    )
