"""`POST /v1/payouts/answers`: the payment service of the channel `http` says what became of a payout.

A Standard Webhook (https://www.standardwebhooks.com), signed with the secret that our requests to it are signed with.
"""

from dataclasses import dataclass
from hashlib import sha256

import orjson
import structlog
from aiohttp import web

from campaigns.intake.signature import VerificationKey, verify_delivery
from ledger.payouts.callbacks import CallbackResult, handle_callback
from ledger.payouts.channels.http import RESPONSE_BYTES_MAX, parse_callback
from ops.clock import utc_now
from ops.http.core.problems import Problem, problem_response
from ops.http.core.responses import refuse_unknown_parameters
from ops.metrics import Metrics
from sql import UNAVAILABLE_ERRORS, Pool

_SOURCE = "payment service"
_CHANNEL = "http"
_DECOY = VerificationKey("v1", bytes(32))  # what is checked where no secret is set: it takes as long and never fits
_PROBLEMS_BY_RESULT = {
    CallbackResult.UNKNOWN_MESSAGE: Problem.NOT_FOUND,
    CallbackResult.CONFLICT: Problem.CALLBACK_CONFLICT,
}

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class PayoutCallbackServices:
    """What answers are checked by and written to."""

    pool: Pool
    secret: bytes | None  # shared with the payment service; None: there is none
    metrics: Metrics


PAYOUT_CALLBACK_SERVICES = web.AppKey("payout_answers", PayoutCallbackServices)


async def receive_callback(request: web.Request) -> web.Response:
    """Take in an answer; 200 once it is written down, or was known."""
    own = request.app[PAYOUT_CALLBACK_SERVICES]
    outcome = await _process_callback(request, own)
    if isinstance(outcome, Problem):
        own.metrics.payout_callbacks.labels(outcome.slug).inc()
        return problem_response(outcome)
    message_id, heard = outcome
    own.metrics.payout_callbacks.labels(heard.value).inc()
    if heard in _PROBLEMS_BY_RESULT:
        return problem_response(_PROBLEMS_BY_RESULT[heard])
    return web.Response(body=orjson.dumps({"id": message_id, "result": heard.value}), content_type="application/json")


async def _verify_body(request: web.Request, services: PayoutCallbackServices) -> bytes | Problem:
    """Return the body of a request that the payment service signed."""
    if request.content_type != "application/json":
        return Problem.UNSUPPORTED_MEDIA_TYPE
    body = await _read_body(request)
    if body is None:
        return Problem.CALLBACK_TOO_LARGE
    keys = [VerificationKey("v1", services.secret)] if services.secret else [_DECOY]
    is_ours = verify_delivery(request.headers, body, keys, utc_now()) is not None
    if not is_ours or services.secret is None:
        return Problem.CALLBACK_UNAUTHENTICATED
    return body if refuse_unknown_parameters(request) is None else Problem.UNKNOWN_PARAMETER


async def _process_callback(
    request: web.Request, services: PayoutCallbackServices
) -> tuple[str, CallbackResult] | Problem:
    body = await _verify_body(request, services)
    if isinstance(body, Problem):
        return body
    said = parse_callback(body)
    if said is None:
        return Problem.MALFORMED_CALLBACK
    try:
        async with services.pool.acquire() as conn, conn.transaction():
            heard = await handle_callback(conn, _CHANNEL, *said, _SOURCE, utc_now(), sha256(body).digest())
    except UNAVAILABLE_ERRORS:
        return Problem.DATABASE_UNAVAILABLE
    if heard is CallbackResult.CONFLICT:
        _log.error(
            "payout callback conflict: another result is recorded", message=said[0], outcome=said[1].outcome.value
        )
    return said[0], heard


async def _read_body(request: web.Request) -> bytes | None:
    """Return the body; None where it is longer than an answer can be. Reads no more than that."""
    body = bytearray()
    async for chunk in request.content.iter_any():
        body += chunk
        if len(body) > RESPONSE_BYTES_MAX:
            return None
    return bytes(body)
