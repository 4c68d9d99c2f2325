"""Error handling around every request: an expected error becomes a problem, a bug is logged."""

import structlog
from aiohttp import web

from ops.http.core.problems import Problem, error_response, find_problem, problem_response
from ops.http.core.responses import Handler
from sql import is_unavailable

_log = structlog.get_logger()


@web.middleware
async def handle_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Return the handler's response, or problem details (RFC 9457) if it raises."""
    if "\0" in request.path:  # no name has a NUL, and PostgreSQL rejects it
        return problem_response(Problem.NOT_FOUND)
    try:
        return await handler(request)
    except Exception as error:
        if find_problem(error) is not None:
            _log_outage(request, error)
            return error_response(error)
        if isinstance(error, web.HTTPException):
            raise
        _log.exception("bug", method=request.method, route=_route(request))
        return problem_response(Problem.INTERNAL_ERROR)


def _log_outage(request: web.Request, error: Exception) -> None:
    """Log an error of the database or the network: the operator has to see it."""
    if is_unavailable(error):
        _log.warning("unavailable", error=type(error).__name__, method=request.method, route=_route(request))


def _route(request: web.Request) -> str:
    return str(request.match_info.route.resource)
