"""Responses to public readers: validators, caching, CORS, and strict query parameters."""

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from functools import wraps

from aiohttp import web

from campaigns.errors import FieldError, NotFound
from ops.clock import utc_now
from ops.http.core.compression import GZIP_BYTES_MIN, accepts_gzip
from ops.http.core.problems import Problem, RequestProblem, error_response
from ops.http.core.snapshots import OVERDUE_SECONDS, PreparedResponse, SnapshotTooOld

# Browsers and caches may show a figure for a second, and longer while the service is away.
CACHE_CONTROL = "public, max-age=1, stale-while-revalidate=5, stale-if-error=60"
CORS = {"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": "ETag, Age, Retry-After"}
_PREFLIGHT = CORS | {
    "Access-Control-Allow-Methods": "GET, HEAD, OPTIONS",
    "Access-Control-Allow-Headers": "If-None-Match, Last-Event-ID, Cache-Control",
    "Access-Control-Max-Age": "86400",
}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def public_handler(handler: Handler) -> Handler:
    """Return a handler that any origin may call, and that refuses every query parameter."""

    @wraps(handler)
    async def handle(request: web.Request) -> web.StreamResponse:
        response: web.StreamResponse
        try:
            check_parameters(request)
            response = await handler(request)
        except (RequestProblem, SnapshotTooOld, NotFound, web.HTTPNotFound) as error:
            response = error_response(error)  # here, so that it gets the CORS headers too
        if not response.prepared:
            response.headers.update(CORS)
        return response

    return handle


def check_parameters(request: web.Request, allowed_names: Sequence[str] = ()) -> None:
    """Raise RequestProblem if the query has an unknown or a repeated parameter."""
    if not request.rel_url.raw_query_string:
        return
    counts = Counter(name for name, _ in request.query.items())
    unknown = {name: "unknown_parameter" for name in counts if name not in allowed_names}
    repeated = {name: "repeated_parameter" for name, count in counts.items() if count > 1}
    codes = repeated | unknown
    if codes:
        raise RequestProblem(Problem.UNKNOWN_PARAMETER, [FieldError(name, codes[name]) for name in sorted(codes)])


def check_choice(request: web.Request, name: str, choices: Sequence[str]) -> None:
    """Raise RequestProblem if a query parameter has another value than these; it may be missing."""
    if request.query.get(name, choices[0]) not in choices:
        error = FieldError(name, "literal_error", {"expected": list(choices)})
        raise RequestProblem(Problem.UNKNOWN_PARAMETER, [error])


def conditional_response(
    request: web.Request, prepared_response: PreparedResponse, cache_control: str = CACHE_CONTROL
) -> web.Response:
    """Return the response, or 304 if the reader has these figures (RFC 9110, section 13)."""
    headers = {
        "ETag": f'W/"{prepared_response.validator}"',
        "Cache-Control": cache_control,
        "Vary": "Accept-Encoding",
        **_age_header(prepared_response, utc_now()),
    }
    if "If-None-Match" in request.headers and _matches_etag(request, prepared_response.validator):
        return web.Response(status=304, headers=headers)
    headers["Content-Type"] = prepared_response.content_type
    if len(prepared_response.body) < GZIP_BYTES_MIN or not accepts_gzip(request):
        return web.Response(body=prepared_response.body, headers=headers)
    return web.Response(body=prepared_response.gzip_body, headers=headers | {"Content-Encoding": "gzip"})


def _age_header(prepared_response: PreparedResponse, now: datetime) -> dict[str, str]:
    """Return `Age` for figures older than usual (RFC 9111, section 5.1): the database is away, or hangs. Pure."""
    if prepared_response.as_of is None:
        return {}
    seconds = (now - prepared_response.as_of).total_seconds()
    return {"Age": str(int(seconds))} if seconds > OVERDUE_SECONDS else {}


def _matches_etag(request: web.Request, validator: str) -> bool:
    return any(tag.value in (validator, "*") for tag in request.if_none_match or ())


async def answer_preflight(_: web.Request) -> web.Response:
    """Return the CORS preflight response: any page may read this path."""
    return web.Response(status=204, headers=_PREFLIGHT)
