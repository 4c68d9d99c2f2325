"""Errors as problem details (RFC 9457): `application/problem+json`, one table of status and words."""

from enum import Enum
from http import HTTPStatus
from typing import Any

import orjson
from aiohttp import web

RETRY_AFTER_SECONDS, A_MINUTE_SECONDS = 2, 60


class Problem(Enum):
    """What can be wrong with a request: a status and a sentence that says what to do."""

    UNREADABLE = (400, "The body is not JSON. Nothing was kept; send it again as JSON.")
    UNKNOWN_PARAMETER = (400, "The address has a query parameter that means nothing here; leave it out.")
    UNAUTHENTICATED = (401, "The request is not signed by a platform known here, or its timestamp is too old.")
    NOT_FOUND = (404, "There is nothing at this address.")
    METHOD_NOT_ALLOWED = (405, "This address does not take that method.")
    REUSED = (409, "This webhook-id was used before with another body. Nothing of this one was kept.")
    TOO_LARGE = (413, "A delivery has at most 1 MiB. Nothing was kept; send smaller batches.")
    WRONG_TYPE = (415, "Send Content-Type: application/json.")
    WRONG_SHAPE = (422, "The body is JSON, but not an envelope of at most 1,000 likes. Nothing was kept.")
    NO_TOKEN = (401, "This takes `Authorization: Bearer` with a token that holds.")
    FORBIDDEN = (403, "The token's role may not do that.")
    NO_KEY = (400, "Every write takes an `Idempotency-Key`: 1 to 200 printable ASCII characters, another for each.")
    KEY_TAKEN = (409, "This Idempotency-Key was used before, for something else.")
    REFUSED = (409, "That cannot be done as things stand.")
    FAULTY = (422, "What was sent is not what it should be; `faults` names each path. Nothing was changed.")
    TOO_MANY = (429, "Too many attempts failed; wait a minute.")
    UNSIGNED_ANSWER = (
        401,
        "The answer is not signed with the payment service's secret, or its timestamp is too old.",
    )
    CONTRADICTS = (409, "Something else is known of that message. Nothing was changed; a person must look at it.")
    LONG_ANSWER = (413, "An answer has at most 64 KiB.")
    UNCLEAR_ANSWER = (422, "The body names no message, or says neither accepted nor refused.")
    BUG = (500, "Something is broken here. Sending again is safe.")
    FULL = (503, "More arrives than can be recorded. Nothing of this was kept; send it again later.")
    UNAVAILABLE = (503, "The database is away. Nothing of this was kept, or all of it; sending it again is safe.")

    AWAY = (503, "The database is away, and the figures known here are too old to show; ask again later.")
    MANY_STREAMS = (503, "As many streams are open as this service holds; ask for the totals, or try again later.")

    @property
    def status(self) -> HTTPStatus:
        """The HTTP status."""
        return HTTPStatus(self.value[0])

    @property
    def is_later(self) -> bool:
        """Whether the same request may be taken later: the answer says when, in `Retry-After`."""
        return self.status in _LATER

    @property
    def slug(self) -> str:
        """The name that a program can test for."""
        return self.name.lower().replace("_", "-")


_LATER = {HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS}


def details(kind: Problem, **more: Any) -> dict[str, Any]:
    """Return what is said of a problem; `more` are members of its own, such as `faults`."""
    return {
        "type": f"urn:like-ledger:problem:{kind.slug}",
        "title": kind.status.phrase,
        "status": kind.status.value,
        "detail": kind.value[1],
        **more,
    }


def problem(kind: Problem, **more: Any) -> web.Response:
    """Return the answer that says so."""
    body = details(kind, **more)
    wait_seconds = A_MINUTE_SECONDS if kind is Problem.TOO_MANY else RETRY_AFTER_SECONDS
    headers = {"Retry-After": str(wait_seconds)} if kind.is_later else None
    return web.Response(
        body=orjson.dumps(body),
        status=kind.status,
        content_type="application/problem+json",
        headers=headers,
    )
