"""Replies to readers: validators, caching, CORS, and parameters that fail loudly instead of being ignored."""

from collections import Counter
from collections.abc import Awaitable, Callable
from functools import wraps

from aiohttp import web

from ops.http.core.problems import Problem, problem
from ops.http.core.snapshots import Prepared, TooOld

# A browser or a cache before the service may show what is a second old, and go on with it while the service is away.
CACHING = "public, max-age=1, stale-while-revalidate=5, stale-if-error=60"
CORS = {"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": "ETag, Retry-After"}
_PREFLIGHT = CORS | {
    "Access-Control-Allow-Methods": "GET, HEAD, OPTIONS",
    "Access-Control-Allow-Headers": "If-None-Match, Last-Event-ID, Cache-Control",
    "Access-Control-Max-Age": "86400",
}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def open_to_all(handler: Handler) -> Handler:
    """Answer any origin, refuse parameters that mean nothing here, and say so when the figures are away."""

    @wraps(handler)
    async def answered(request: web.Request) -> web.StreamResponse:
        answer: web.StreamResponse
        try:
            refusal = unknown_parameters(request)
            answer = await handler(request) if refusal is None else refusal
        except web.HTTPNotFound:
            answer = problem(Problem.NOT_FOUND)
        except TooOld:
            answer = problem(Problem.AWAY)
        if not answer.prepared:
            answer.headers.update(CORS)
        return answer

    return answered


def unknown_parameters(request: web.Request, known: tuple[str, ...] = ()) -> web.Response | None:
    """Return the refusal of query parameters that are not known, or given twice; None where there are none."""
    if not request.rel_url.raw_query_string:
        return None
    times = Counter(name for name, _ in request.query.items())
    reasons = {name: "no such parameter" if name not in known else "given twice" for name in sorted(times)}
    wrong = [name for name in reasons if name not in known or times[name] > 1]
    if not wrong:
        return None
    return problem(Problem.UNKNOWN_PARAMETER, faults=[{"path": name, "reason": reasons[name]} for name in wrong])


def reply(request: web.Request, prepared: Prepared, caching: str = CACHING) -> web.Response:
    """Return the answer, or 304 where the reader has these figures already (RFC 9110, section 13)."""
    headers = {"ETag": f'W/"{prepared.validator}"', "Cache-Control": caching}
    if "If-None-Match" in request.headers and _is_known(request, prepared.validator):
        return web.Response(status=304, headers=headers)
    headers["Content-Type"] = prepared.content_type
    return web.Response(body=prepared.body, headers=headers)


def _is_known(request: web.Request, validator: str) -> bool:
    return any(tag.value in (validator, "*") for tag in request.if_none_match or ())


async def preflight(_: web.Request) -> web.Response:
    """Tell a browser that any page may read this."""
    return web.Response(status=204, headers=_PREFLIGHT)
