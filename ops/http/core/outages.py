"""Record the outages that requests meet."""

from aiohttp import web

from ops.http.core.app_keys import METRICS
from sql import is_unavailable


def record_outage(request: web.Request, error: BaseException) -> None:
    """Count and log the outage that an error, or its cause, reports; do nothing for any other error."""
    reported = error if is_unavailable(error) else error.__cause__
    if reported is not None and request.transport is not None:  # else the client has gone, not the database
        request.app[METRICS].outages.record(reported, method=request.method, route=route_of(request))


def route_of(request: web.Request) -> str:
    """Return the request's route without its values: a path may name a person."""
    return str(request.match_info.route.resource)
