"""Around every request: whatever goes wrong is answered as a problem; a bug is logged and never shown."""

from collections.abc import Awaitable, Callable

import structlog
from aiohttp import web

from ops.http.core.problems import Problem, problem_response

_log = structlog.get_logger()
_BY_STATUS = {404: Problem.NOT_FOUND, 405: Problem.METHOD_NOT_ALLOWED, 413: Problem.TOO_LARGE}


@web.middleware
async def handle_errors(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Turn refusals and bugs into problem details (RFC 9457)."""
    if "\0" in request.path:  # no name has one, and PostgreSQL takes none
        return problem_response(Problem.NOT_FOUND)
    try:
        return await handler(request)
    except web.HTTPException as error:
        kind = _BY_STATUS.get(error.status)
        if kind is None:
            raise
        answer = problem_response(kind)
        if "Allow" in error.headers:
            answer.headers["Allow"] = error.headers["Allow"]
        return answer
    except Exception:  # noqa: BLE001 - a bug is answered too
        _log.exception("bug", method=request.method, route=str(request.match_info.route.resource))
        return problem_response(Problem.INTERNAL_ERROR)
