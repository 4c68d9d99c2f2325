"""Replies to readers: validators, caching, CORS, and parameters that fail loudly instead of being ignored."""

from collections import Counter
from collections.abc import Awaitable, Callable
from functools import wraps

from aiohttp import web

from ops.http.core.problems import Problem, problem_response
from ops.http.core.snapshots import PreparedResponse, SnapshotTooOld

# A browser or a cache before the service may show what is a second old, and go on with it while the service is away.
CACHE_CONTROL = "public, max-age=1, stale-while-revalidate=5, stale-if-error=60"
CORS = {"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": "ETag, Retry-After"}
_PREFLIGHT = CORS | {
    "Access-Control-Allow-Methods": "GET, HEAD, OPTIONS",
    "Access-Control-Allow-Headers": "If-None-Match, Last-Event-ID, Cache-Control",
    "Access-Control-Max-Age": "86400",
}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def public_handler(handler: Handler) -> Handler:
    """Answer any origin, refuse parameters that mean nothing here, and say so when the figures are away."""

    @wraps(handler)
    async def answered(request: web.Request) -> web.StreamResponse:
        answer: web.StreamResponse
        try:
            refusal = refuse_unknown_parameters(request)
            answer = await handler(request) if refusal is None else refusal
        except web.HTTPNotFound:
            answer = problem_response(Problem.NOT_FOUND)
        except SnapshotTooOld:
            answer = problem_response(Problem.FIGURES_UNAVAILABLE)
        if not answer.prepared:
            answer.headers.update(CORS)
        return answer

    return answered


def refuse_unknown_parameters(request: web.Request, allowed_names: tuple[str, ...] = ()) -> web.Response | None:
    """Return the refusal of query parameters that are not known, or given twice; None where there are none."""
    if not request.rel_url.raw_query_string:
        return None
    times = Counter(name for name, _ in request.query.items())
    reasons = {name: "no such parameter" if name not in allowed_names else "given twice" for name in sorted(times)}
    wrong = [name for name in reasons if name not in allowed_names or times[name] > 1]
    if not wrong:
        return None
    return problem_response(
        Problem.UNKNOWN_PARAMETER, faults=[{"path": name, "reason": reasons[name]} for name in wrong]
    )


def conditional_response(
    request: web.Request, prepared_response: PreparedResponse, cache_control: str = CACHE_CONTROL
) -> web.Response:
    """Return the answer, or 304 where the reader has these figures already (RFC 9110, section 13)."""
    headers = {"ETag": f'W/"{prepared_response.validator}"', "Cache-Control": cache_control}
    if "If-None-Match" in request.headers and _matches_etag(request, prepared_response.validator):
        return web.Response(status=304, headers=headers)
    headers["Content-Type"] = prepared_response.content_type
    return web.Response(body=prepared_response.body, headers=headers)


def _matches_etag(request: web.Request, validator: str) -> bool:
    return any(tag.value in (validator, "*") for tag in request.if_none_match or ())


async def answer_preflight(_: web.Request) -> web.Response:
    """Tell a browser that any page may read this."""
    return web.Response(status=204, headers=_PREFLIGHT)
