"""`POST /v1/platforms/{platform}/appeals`: a platform appeals against verdicts, for its people."""

from typing import Any

import orjson
from aiohttp import web
from typing_extensions import TypedDict

from campaigns.review.appeals import AppealResult, open_appeals
from campaigns.review.asked_likes import AppealBody, parse_appeal_body
from ops.clock import utc_now
from ops.http.api.like_status import PLATFORM_PROBLEMS, PRIVATE
from ops.http.api.platform_signature import read_body, require_current_sender
from ops.http.core.app_keys import COMMAND_SERVICES
from ops.http.core.responses import check_parameters
from ops.http.openapi import examples
from ops.http.openapi.endpoint import JSON, Endpoint
from ops.http.openapi.parameters import WEBHOOK_HEADERS
from ops.i18n.refusals import json_params, refusal_text
from sql.replication import wait_until_replicated


class AppealView(TypedDict):
    """The appeal about one like; without one, `code`, `params` and `reason` say why."""

    index: int
    appeal: str | None
    outcome: str | None
    code: str | None
    params: dict[str, Any]
    reason: str | None


class AppealsResponse(TypedDict):
    """The appeal about each like, in the order of the request."""

    appeals: list[AppealView]


async def receive_appeals(request: web.Request) -> web.Response:
    """Open the appeals of a signed request."""
    body = await read_body(request)
    platform, catalogue = await require_current_sender(request, body)
    check_parameters(request)
    likes = parse_appeal_body(body)
    async with request.app[COMMAND_SERVICES].pool.acquire() as conn:
        async with conn.transaction():
            results = await open_appeals(conn, likes, platform, catalogue, utc_now())
        await wait_until_replicated(conn)  # a repeat writes nothing, and returns what another wrote
    response: AppealsResponse = {"appeals": [_appeal_view(result) for result in results]}
    return web.Response(body=orjson.dumps(response), content_type=JSON, headers=PRIVATE)


def _appeal_view(result: AppealResult) -> AppealView:
    refusal = result["refusal"]
    return {
        "index": result["index"],
        "appeal": result["appeal"],
        "outcome": result["outcome"],
        "code": None if refusal is None else refusal.code,
        "params": {} if refusal is None else json_params(refusal.params),
        "reason": None if refusal is None else refusal_text(refusal, "en"),
    }


_DESCRIPTION = """\
Signed as a delivery is. Only a verdict that holds or voids a like can be appealed, until the
`appeal_until` of its status. A like has one appeal for each verdict: sending it again is safe and
returns the first one, with its outcome once people decided. A like that cannot be appealed gets a
code and a sentence, and the others go on."""

ENDPOINTS = (
    Endpoint(
        "/v1/platforms/{platform}/appeals",
        receive_appeals,
        "intake",
        "Appeal against verdicts",
        AppealsResponse,
        example=lambda: examples.APPEALS_RESPONSE,
        method="post",
        description=_DESCRIPTION,
        body=AppealBody,
        body_example=lambda: examples.APPEALS_REQUEST,
        headers=WEBHOOK_HEADERS,
        problems=PLATFORM_PROBLEMS,
    ),
)
