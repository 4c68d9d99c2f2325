"""Problem details (RFC 9457): the one table of HTTP statuses, for the API and the pages alike."""

from collections.abc import Iterable, Mapping
from enum import Enum
from http import HTTPStatus
from typing import Any

import orjson
import structlog
from aiohttp import web
from aiohttp.web_protocol import RequestPayloadError

from campaigns.errors import FieldError, NotFound, RequestRefused, ValidationFailed
from campaigns.intake.payload import InvalidEnvelope, UnreadableBody
from campaigns.intake.queue import DatabaseUnavailable, QueueFull
from ledger.errors import LedgerError, Refusal
from ops.admin.core.errors import Forbidden, IdempotencyKeyReused
from ops.http.core.authentication import InvalidCredentials, RateLimited
from ops.http.core.snapshots import SnapshotTooOld
from ops.i18n.refusals import json_params, refusal_text
from sql import is_unavailable

CONTENT_TYPE = "application/problem+json"
REFUSAL = web.ResponseKey(
    "refusal", Refusal
)  # the refusal behind a response, for a page that says it in the reader's language
FAULTS_MAX = 20  # of one response; `more_faults` counts the others
_PATH_CHARS_MAX = 200  # a path may name a key that the sender made up
RETRY_AFTER_SECONDS, RATE_LIMIT_SECONDS = 2, 60

_log = structlog.get_logger()


class Problem(Enum):
    """A kind of problem: its status, and a sentence that says what happened and what to do."""

    INVALID_JSON = (400, "The body is not valid JSON. Nothing was stored; correct it and send it again.")
    MALFORMED_REQUEST = (400, "The request is not valid HTTP, or its body broke off. Correct it and send it again.")
    UNKNOWN_PARAMETER = (
        400,
        "A query parameter is unknown, repeated or invalid. `faults` names it; correct it or leave it out.",
    )
    UNAUTHENTICATED = (
        401,
        "No enabled platform signed this request within the last five minutes. Check its name, secret and clock.",
    )
    NOT_FOUND = (404, "Nothing exists at this address.")
    METHOD_NOT_ALLOWED = (405, "This address does not accept the method. `Allow` lists those that it accepts.")
    REQUEST_TIMED_OUT = (408, "The rest of the request did not arrive in time. Nothing was stored; send it again.")
    WEBHOOK_ID_CONFLICT = (
        409,
        "This webhook-id was used before with another body. Nothing of this body was stored; use a new webhook-id.",
    )
    TOO_LARGE = (413, "The body is larger than 1 MiB. Nothing was stored; send smaller batches.")
    UNSUPPORTED_MEDIA_TYPE = (415, "The content type is not supported. Send Content-Type: application/json.")
    UNSUPPORTED_CONTENT_ENCODING = (
        415,
        "The body is compressed. Nothing was stored; send it without Content-Encoding.",
    )
    EXPECTATION_FAILED = (417, "The `Expect` header asks for something unknown. Leave it out, or send 100-continue.")
    MALFORMED_ENVELOPE = (
        422,
        "The body is not an envelope of at most 1,000 likes. Nothing was stored; `faults` names each error.",
    )
    INVALID_TOKEN = (
        401,
        "The token is missing or not valid. Send `Authorization: Bearer <token>` with a valid token.",
    )
    FORBIDDEN = (403, "The token's role does not allow this. Use a token with another role.")
    IDEMPOTENCY_KEY_REQUIRED = (
        400,
        "The `Idempotency-Key` header is missing or not valid. Send 1 to 200 printable ASCII characters.",
    )
    IDEMPOTENCY_KEY_CONFLICT = (
        409,
        "This Idempotency-Key was used before with another request. Nothing was done; use a new key.",
    )
    CONFLICT = (409, "The current state does not allow this. Read it again, then decide.")
    VALIDATION_FAILED = (422, "The input is not valid. Nothing was changed; `faults` names each error.")
    RATE_LIMITED = (429, "Too many attempts failed from this address. Wait a minute, then try again.")
    TOO_MANY_CONNECTIONS_OF_CLIENT = (
        429,
        "Too many connections are open from this address. Close some of them first.",
    )
    TOO_MANY_STREAMS_OF_CLIENT = (
        429,
        "Too many streams are open from this address. Close one, or poll the totals.",
    )
    HEADERS_TOO_LARGE = (431, "The request line or the headers are too large. Send at most 8 KiB in each line.")
    CALLBACK_UNAUTHENTICATED = (
        401,
        "The payment service's secret did not sign this callback within the last five minutes.",
    )
    CALLBACK_CONFLICT = (
        409,
        "Another result is recorded for this message. Nothing was changed; a person must look at it.",
    )
    CALLBACK_TOO_LARGE = (413, "The callback is larger than 64 KiB. Nothing was recorded; send less.")
    MALFORMED_CALLBACK = (
        422,
        "The body names no message, or its status is neither accepted nor refused. Nothing was recorded.",
    )
    INTERNAL_ERROR = (500, "The service has a fault. Sending the request again is safe.")
    QUEUE_FULL = (
        503,
        "The service receives more than it can record. Nothing of this was stored; send it again later.",
    )
    DATABASE_UNAVAILABLE = (
        503,
        "The database is unavailable. Nothing of this was stored, or all of it; sending it again is safe.",
    )
    FIGURES_UNAVAILABLE = (
        503,
        "The database is unavailable, and the figures in memory are too old to show. Ask again later.",
    )
    TOO_MANY_CONNECTIONS = (503, "The service has as many open connections as it accepts. Try again later.")
    TOO_MANY_STREAMS = (
        503,
        "The service has as many open streams as it accepts. Poll the totals, or try again later.",
    )

    @property
    def status(self) -> HTTPStatus:
        """The HTTP status."""
        return HTTPStatus(self.value[0])

    @property
    def detail(self) -> str:
        """The sentence for people."""
        return str(self.value[1])

    @property
    def is_retryable(self) -> bool:
        """Whether the same request may succeed later; `Retry-After` says when."""
        return self.status in _RETRYABLE_STATUSES

    @property
    def code(self) -> str:
        """The stable name that a program tests for."""
        return self.name.lower()

    @property
    def slug(self) -> str:
        """The code as part of a URN, and as a metric's label."""
        return self.code.replace("_", "-")


_RETRYABLE_STATUSES = {HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS}


class RequestProblem(Exception):
    """A request with a problem that no command or query has to run for.

    `detail` replaces the problem's sentence; `field_errors` become its `faults`.
    """

    def __init__(self, problem: Problem, field_errors: Iterable[FieldError] = (), *, detail: str = "") -> None:
        super().__init__(problem.code)
        self.problem, self.field_errors, self.detail = problem, tuple(field_errors), detail


class RequestTimedOut(Exception):
    """The rest of a request's body did not arrive in time."""


class UnexpectedRefusal(Exception):
    """A refusal by a handler that runs no command: a bug, not a conflict. Its cause is the refusal."""


# The first class that fits decides, so subclasses come before their base.
_PROBLEMS_BY_ERROR: Mapping[type[Exception], Problem] = {
    Forbidden: Problem.FORBIDDEN,
    NotFound: Problem.NOT_FOUND,
    IdempotencyKeyReused: Problem.IDEMPOTENCY_KEY_CONFLICT,
    ValidationFailed: Problem.VALIDATION_FAILED,
    RequestRefused: Problem.CONFLICT,
    LedgerError: Problem.CONFLICT,
    InvalidCredentials: Problem.INVALID_TOKEN,
    RateLimited: Problem.RATE_LIMITED,
    UnreadableBody: Problem.INVALID_JSON,
    InvalidEnvelope: Problem.MALFORMED_ENVELOPE,
    QueueFull: Problem.QUEUE_FULL,
    DatabaseUnavailable: Problem.DATABASE_UNAVAILABLE,
    SnapshotTooOld: Problem.FIGURES_UNAVAILABLE,
    RequestTimedOut: Problem.REQUEST_TIMED_OUT,
    RequestPayloadError: Problem.MALFORMED_REQUEST,
    web.HTTPBadRequest: Problem.MALFORMED_REQUEST,
    web.HTTPNotFound: Problem.NOT_FOUND,
    web.HTTPMethodNotAllowed: Problem.METHOD_NOT_ALLOWED,
    web.HTTPRequestEntityTooLarge: Problem.TOO_LARGE,
}


def find_problem(error: Exception) -> Problem | None:
    """Return the problem of an error; None for a bug. Pure."""
    if isinstance(error, RequestProblem):
        return error.problem
    if is_unavailable(error):
        return Problem.DATABASE_UNAVAILABLE
    return next((problem for kind, problem in _PROBLEMS_BY_ERROR.items() if isinstance(error, kind)), None)


def problem_details(problem: Problem, **members: Any) -> dict[str, Any]:
    """Return the body of a problem; `members` are added to it or replace its own."""
    return {
        "type": f"urn:like-ledger:problem:{problem.slug}",
        "title": problem.status.phrase,
        "status": problem.status.value,
        "code": problem.code,
        "detail": problem.detail,
        **members,
    }


def problem_response(problem: Problem, **members: Any) -> web.Response:
    """Return a problem as a response, with the headers that its status needs."""
    return web.Response(
        body=orjson.dumps(problem_details(problem, **members)),
        status=problem.status,
        content_type=CONTENT_TYPE,
        headers=_problem_headers(problem),
    )


def _problem_headers(problem: Problem) -> dict[str, str]:
    if problem is Problem.UNSUPPORTED_CONTENT_ENCODING:
        return {"Accept-Encoding": "identity"}  # RFC 9110, section 15.5.16
    if problem is Problem.INVALID_TOKEN:
        return {"WWW-Authenticate": 'Bearer realm="like-ledger"'}  # RFC 6750, section 3
    if not problem.is_retryable:
        return {}
    return {"Retry-After": str(RATE_LIMIT_SECONDS if problem is Problem.RATE_LIMITED else RETRY_AFTER_SECONDS)}


def error_response(error: Exception) -> web.Response:
    """Return the response to an error; INTERNAL_ERROR if it cannot be rendered.

    Raises the error itself if the table does not have it.
    """
    problem = find_problem(error)
    if problem is None:
        raise error
    try:
        response = problem_response(problem, **_error_members(error))
    except Exception:  # noqa: BLE001 - else the client gets a page of the HTTP library
        _log.exception("bug", rendered=type(error).__name__, problem=problem.code)
        return problem_response(Problem.INTERNAL_ERROR)
    if isinstance(error, Refusal):
        response[REFUSAL] = error
    if isinstance(error, web.HTTPMethodNotAllowed):
        response.headers["Allow"] = error.headers["Allow"]
    return response


def _error_members(error: Exception) -> dict[str, Any]:
    """Return the members that tell this error from others of its problem."""
    members: dict[str, Any] = {}
    if isinstance(error, RequestProblem | ValidationFailed | InvalidEnvelope) and error.field_errors:
        members["faults"] = [_fault(field_error) for field_error in error.field_errors[:FAULTS_MAX]]
        if len(error.field_errors) > FAULTS_MAX:
            members["more_faults"] = len(error.field_errors) - FAULTS_MAX
    if isinstance(error, RequestProblem) and error.detail:
        members["detail"] = error.detail
    if isinstance(error, Refusal) and not isinstance(error, ValidationFailed):
        members |= {
            "detail": refusal_text(error, "en"),
            "code": error.code,
            "params": json_params(error.params),
        }
    return members


def _fault(error: FieldError) -> dict[str, Any]:
    return {
        "path": error.path[:_PATH_CHARS_MAX],
        "code": error.code,
        "params": json_params(error.params),
        "reason": refusal_text(error, "en"),
    }
