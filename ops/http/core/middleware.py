"""Error handling around every request: an expected error becomes a problem, a bug is logged."""

import structlog
from aiohttp import web

from ops.http.core.outages import record_outage, route_of
from ops.http.core.problems import Problem, error_response, find_problem, problem_response
from ops.http.core.responses import Handler

_log = structlog.get_logger()


@web.middleware
async def handle_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Return the handler's response, or problem details (RFC 9457) if it raises."""
    response = await _respond(request, handler)
    if not response.prepared and not request.content.is_eof():
        response.force_close()  # else the rest of the body would have to be read
    return response


async def _respond(request: web.Request, handler: Handler) -> web.StreamResponse:
    if "\0" in request.path:  # no name has a NUL, and PostgreSQL rejects it
        return problem_response(Problem.NOT_FOUND)
    if _is_encoded(request):
        return problem_response(Problem.UNSUPPORTED_CONTENT_ENCODING)
    try:
        return await handler(request)
    except Exception as error:
        if find_problem(error) is not None:
            record_outage(request, error)
            return error_response(error)
        if isinstance(error, web.HTTPException):
            raise
        _log.exception("bug", method=request.method, route=route_of(request))
        return problem_response(Problem.INTERNAL_ERROR)


def _is_encoded(request: web.Request) -> bool:
    """Tell whether the body is compressed: a small one may unpack to gigabytes, so none is read."""
    codings = ",".join(request.headers.getall("Content-Encoding", []))
    transfer = request.headers.get("Transfer-Encoding", "chunked")
    is_identity = all(coding.strip().lower() in ("", "identity") for coding in codings.split(","))
    return not is_identity or transfer.strip().lower() != "chunked"
