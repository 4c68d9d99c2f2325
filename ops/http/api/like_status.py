"""`POST /v1/platforms/{platform}/likes/status`: what became of a platform's likes, by its own ids."""

import orjson
from aiohttp import web

from campaigns.review.asked_likes import StatusBody, parse_status_body
from campaigns.review.status import StatusResponse, read_statuses
from ops.http.api.platform_signature import read_body, require_current_sender
from ops.http.core.app_keys import COMMAND_SERVICES
from ops.http.core.problems import Problem
from ops.http.core.responses import check_parameters
from ops.http.openapi import examples
from ops.http.openapi.endpoint import JSON, Endpoint
from ops.http.openapi.parameters import WEBHOOK_HEADERS

PRIVATE = {"Cache-Control": "no-store"}


async def read_status(request: web.Request) -> web.Response:
    """Return the status of the likes of a signed request."""
    body = await read_body(request)
    platform, catalogue = await require_current_sender(request, body)
    check_parameters(request)
    likes = parse_status_body(body)
    async with request.app[COMMAND_SERVICES].pool.acquire() as conn:
        statuses = await read_statuses(conn, likes, platform.name, catalogue)
    return web.Response(body=orjson.dumps(statuses), content_type=JSON, headers=PRIVATE)


_DESCRIPTION = """\
Signed as a delivery is, with at most 1 MiB and 1,000 likes, named by the platform's own ids.
`campaign` may be missing where the content is enrolled. Each answer is computed anew and never
stored. A platform sees its own likes only; all others are `unknown`. `families` and `ruleset` say
which kinds of rules found the like, `decided_by` who decided. No score, number or rule is shown."""

PLATFORM_PROBLEMS = (
    Problem.INVALID_JSON,
    Problem.UNKNOWN_PARAMETER,
    Problem.UNAUTHENTICATED,
    Problem.TOO_LARGE,
    Problem.UNSUPPORTED_MEDIA_TYPE,
    Problem.MALFORMED_ENVELOPE,
    Problem.INTERNAL_ERROR,
    Problem.DATABASE_UNAVAILABLE,
)

ENDPOINTS = (
    Endpoint(
        "/v1/platforms/{platform}/likes/status",
        read_status,
        "intake",
        "Read what became of likes",
        StatusResponse,
        example=lambda: examples.STATUS_RESPONSE,
        method="post",
        description=_DESCRIPTION,
        body=StatusBody,
        body_example=lambda: examples.STATUS_REQUEST,
        headers=WEBHOOK_HEADERS,
        problems=PLATFORM_PROBLEMS,
    ),
)
