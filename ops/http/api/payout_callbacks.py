"""`POST /v1/payouts/answers`: callbacks of the payment service behind the channel `http`.

A callback is a Standard Webhook (https://www.standardwebhooks.com), signed with the secret that
our requests to the service are signed with.
"""

from dataclasses import dataclass
from hashlib import sha256

import orjson
import structlog
from aiohttp import web

from campaigns.intake.signature import VerificationKey, verify_delivery
from ledger.errors import Refusal
from ledger.payouts.callbacks import CallbackResult, handle_callback
from ledger.payouts.channels.http import RESPONSE_BYTES_MAX, parse_callback
from ops.clock import utc_now
from ops.http.core.outages import record_outage
from ops.http.core.problems import Problem, RequestProblem, UnexpectedRefusal, error_response, find_problem
from ops.http.core.responses import check_parameters
from ops.http.openapi import examples, schemas
from ops.http.openapi.endpoint import JSON, Endpoint
from ops.http.openapi.parameters import WEBHOOK_HEADERS
from ops.metrics import Metrics
from sql import Pool, is_unavailable
from sql.replication import wait_until_replicated

_SOURCE = "payment service"
_CHANNEL = "http"
# The key without a secret: the check takes as long as a real one, and never succeeds.
_DECOY = VerificationKey("v1", bytes(32))
_PROBLEMS_BY_RESULT = {
    CallbackResult.UNKNOWN_MESSAGE: Problem.NOT_FOUND,
    CallbackResult.CONFLICT: Problem.CALLBACK_CONFLICT,
}

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class PayoutCallbackServices:
    """The services of the callback handler."""

    pool: Pool
    secret: bytes | None  # shared with the payment service; None if the settings have none
    metrics: Metrics


PAYOUT_CALLBACK_SERVICES = web.AppKey("payout_callback_services", PayoutCallbackServices)


async def receive_callback(request: web.Request) -> web.Response:
    """Record a callback; return 200 once it is stored, or if it was before."""
    services = request.app[PAYOUT_CALLBACK_SERVICES]
    try:
        message_id, result = await _process_callback(request, services)
    except Refusal as refusal:
        raise UnexpectedRefusal from refusal
    except Exception as error:
        if not isinstance(error, RequestProblem) and not is_unavailable(error):
            raise
        record_outage(request, error)
        problem = find_problem(error) or Problem.INTERNAL_ERROR
        services.metrics.payout_callbacks.labels(problem.slug).inc()
        return error_response(error)
    services.metrics.payout_callbacks.labels(result.value).inc()
    if result in _PROBLEMS_BY_RESULT:
        raise RequestProblem(_PROBLEMS_BY_RESULT[result])
    return web.Response(body=orjson.dumps({"id": message_id, "result": result.value}), content_type=JSON)


async def _process_callback(request: web.Request, services: PayoutCallbackServices) -> tuple[str, CallbackResult]:
    """Return the message's id and the result. Raises RequestProblem if the body is not valid."""
    body = await _read_verified_body(request, services)
    callback = parse_callback(body)
    if callback is None:
        raise RequestProblem(Problem.MALFORMED_CALLBACK)
    message_id, payment_result = callback
    async with services.pool.acquire() as conn:
        async with conn.transaction():
            result = await handle_callback(
                conn, _CHANNEL, message_id, payment_result, _SOURCE, utc_now(), sha256(body).digest()
            )
        await wait_until_replicated(conn)  # a duplicate writes nothing, and its sender will not repeat it
    if result is CallbackResult.CONFLICT:
        outcome = payment_result.outcome.value
        _log.error("payout callback conflict: another result is recorded", message=message_id, outcome=outcome)
    return message_id, result


async def _read_verified_body(request: web.Request, services: PayoutCallbackServices) -> bytes:
    """Return a body that the payment service signed. Raises RequestProblem otherwise."""
    if request.content_type != JSON:
        raise RequestProblem(Problem.UNSUPPORTED_MEDIA_TYPE)
    body = await _read_body(request)
    keys = [VerificationKey("v1", services.secret)] if services.secret else [_DECOY]
    is_signed = verify_delivery(request.headers, body, keys, utc_now()) is not None
    if not is_signed or services.secret is None:
        raise RequestProblem(Problem.CALLBACK_UNAUTHENTICATED)
    check_parameters(request)
    return body


async def _read_body(request: web.Request) -> bytes:
    """Return the body. Raises RequestProblem as soon as it is longer than a callback can be."""
    body = bytearray()
    async for chunk in request.content.iter_any():
        body += chunk
        if len(body) > RESPONSE_BYTES_MAX:
            raise RequestProblem(Problem.CALLBACK_TOO_LARGE)
    return bytes(body)


_DESCRIPTION = """\
The payment service's answer to a payout message, as a Standard Webhook of at most 64 KiB. It is
signed with the secret that our requests to the service are signed with. `id` is the `webhook-id` of
our request. A repeated callback changes nothing; one that contradicts an earlier one is refused."""

ENDPOINTS = (
    Endpoint(
        "/v1/payouts/answers",
        receive_callback,
        "payouts",
        "Report the result of a payout that the channel `http` sent",
        schemas.PayoutCallbackResult,
        example=lambda: {"id": examples.PAYOUT_CALLBACK["data"]["id"], "result": "recorded"},
        method="post",
        description=_DESCRIPTION,
        body=schemas.PayoutCallbackEnvelope,
        body_example=lambda: examples.PAYOUT_CALLBACK,
        headers=WEBHOOK_HEADERS,
        problems=(
            Problem.UNKNOWN_PARAMETER,
            Problem.CALLBACK_UNAUTHENTICATED,
            Problem.NOT_FOUND,
            Problem.CALLBACK_CONFLICT,
            Problem.CALLBACK_TOO_LARGE,
            Problem.UNSUPPORTED_MEDIA_TYPE,
            Problem.MALFORMED_CALLBACK,
            Problem.DATABASE_UNAVAILABLE,
        ),
    ),
)
