"""`POST /v1/platforms/{platform}/likes`: read a bounded body, verify, queue, return outcomes."""

import asyncio
import re
from hashlib import sha256

from aiohttp import web

from campaigns.catalogue.cache import STANDARD_KIND, Platform
from campaigns.intake.delivery_body import DeliveryBody
from campaigns.intake.group_commit import SenderRevoked, Submission, WebhookIdConflict
from campaigns.intake.payload import Events, parse_body_in_steps
from campaigns.intake.response import ResultsFilter
from campaigns.intake.signature import Delivery
from ledger.errors import Refusal
from ops.clock import utc_now
from ops.http.api.platform_push import answer_challenge, find_platform, receive_push
from ops.http.api.platform_signature import read_body, verify_sender
from ops.http.core.app_keys import INTAKE_QUEUE, KEY_USAGE, METRICS
from ops.http.core.outages import record_outage
from ops.http.core.problems import Problem, RequestProblem, UnexpectedRefusal, error_response, find_problem
from ops.http.core.responses import check_choice, check_parameters
from ops.http.core.short_route import JsonResponse, ShortRoute
from ops.http.openapi import examples, schemas
from ops.http.openapi.endpoint import TEXT, Endpoint
from ops.http.openapi.parameters import RESULTS_QUERY, WEBHOOK_HEADERS

FAULTY_BODY_LOCK = web.AppKey("faulty_body_lock", asyncio.Lock)
_RESULTS: dict[str | None, ResultsFilter] = {None: "some", "all": "all", "none": "none"}


async def receive_likes(request: web.Request) -> web.Response:
    """Record a delivery; return 200 once every like of it is durably decided."""
    try:
        platform = await find_platform(request)
        if platform is not None and platform.kind != STANDARD_KIND:
            return await receive_push(request, platform, await read_body(request))
        return JsonResponse(await _record_delivery(request))
    except Refusal as refusal:
        raise UnexpectedRefusal from refusal
    except Exception as error:
        problem = find_problem(error)
        if problem is None and isinstance(error, web.HTTPException):
            raise
        request.app[METRICS].deliveries_refused.labels((problem or Problem.INTERNAL_ERROR).slug).inc()
        record_outage(request, error)
        if problem is None:  # a bug: the middleware logs it
            raise
        return error_response(error)


async def _record_delivery(request: web.Request) -> bytes:
    """Return the response to a delivery. Raises an error of the table of problems otherwise."""
    body = await read_body(request)
    sender = await verify_sender(request, body)
    if sender is None:
        raise RequestProblem(Problem.UNAUTHENTICATED)
    request.app[KEY_USAGE].record_use(sender[0].keys, utc_now())
    response = await request.app[INTAKE_QUEUE].submit(await _build_submission(request, *sender))
    if isinstance(response, WebhookIdConflict):
        raise RequestProblem(Problem.WEBHOOK_ID_CONFLICT)
    if isinstance(response, SenderRevoked):
        raise RequestProblem(Problem.UNAUTHENTICATED)
    return response


async def _build_submission(request: web.Request, platform: Platform, delivery: Delivery) -> Submission:
    results = _results_filter(request)
    likes = await _read_events(request.app[FAULTY_BODY_LOCK], delivery.body)
    return Submission(platform, delivery.webhook_id, sha256(delivery.body).digest(), likes, results)


def _results_filter(request: web.Request) -> ResultsFilter:
    if "?" not in request.raw_path:
        return "some"
    check_parameters(request, ("results",))
    check_choice(request, "results", ("all", "none"))
    return _RESULTS[request.query.get("results")]


async def _read_events(lock: asyncio.Lock, body: bytes) -> Events:
    """Return the events of a body. One body with faults is read at a time, and others are served meanwhile."""
    steps = parse_body_in_steps(body)
    try:
        next(steps)  # the only step of a body without faults
        async with lock:
            while True:
                await asyncio.sleep(0)
                next(steps)
    except StopIteration as end:
        return list(end.value)


SHORT_ROUTE = ShortRoute(
    "POST", re.compile(r"/v1/platforms/(?P<platform>[a-z0-9-]+)/likes(?:\?results=(?:all|none))?"), receive_likes
)

_DESCRIPTION = """\
A Standard Webhook (standardwebhooks.com) with at most 1 MiB and 1,000 likes. For seven days, the
same `webhook-id` with the same body returns the same response, byte for byte. A 503 has
`Retry-After`: nothing of the body was stored, or all of it, and sending it again is safe. An
`invalid` like does not affect the others, even if it alone is not valid JSON."""

ENDPOINTS = (
    Endpoint(
        "/v1/platforms/{platform}/likes",
        receive_likes,
        "intake",
        "Deliver likes and unlikes",
        schemas.DeliveryResponse,
        example=lambda: examples.DELIVERY_RESPONSE,
        method="post",
        description=_DESCRIPTION,
        body=DeliveryBody,
        body_example=lambda: examples.LIKES,
        query=RESULTS_QUERY,
        headers=WEBHOOK_HEADERS,
        problems=(
            Problem.INVALID_JSON,
            Problem.UNKNOWN_PARAMETER,
            Problem.UNAUTHENTICATED,
            Problem.WEBHOOK_ID_CONFLICT,
            Problem.TOO_LARGE,
            Problem.UNSUPPORTED_MEDIA_TYPE,
            Problem.MALFORMED_ENVELOPE,
            Problem.INTERNAL_ERROR,
            Problem.QUEUE_FULL,
            Problem.DATABASE_UNAVAILABLE,
        ),
    ),
    Endpoint(
        "/v1/platforms/{platform}/likes",
        answer_challenge,
        "intake",
        "Answer the challenge of a platform that verifies the address",
        str,
        content_type=TEXT,
        example=lambda: "1158201444",
        allows_head=False,
        description="Only platforms of a kind that asks so have an answer: 405 for all others.",
        problems=(Problem.UNAUTHENTICATED, Problem.METHOD_NOT_ALLOWED),
    ),
)
