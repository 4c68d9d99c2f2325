"""`POST /v1/payouts/answers`: the payment service of the channel `http` says what became of a payout.

A Standard Webhook (https://www.standardwebhooks.com), signed with the secret that our requests to it are signed with.
"""

from dataclasses import dataclass
from hashlib import sha256

import orjson
import structlog
from aiohttp import web

from campaigns.intake.signature import Key, verify
from ledger.payouts.callbacks import Heard, hear
from ledger.payouts.channels.http import ANSWER_BYTES_MAX, read_callback
from ops.clock import utc_now
from ops.http.core.problems import Problem, problem
from ops.http.core.responses import unknown_parameters
from ops.metrics import Metrics
from sql import AWAY, Pool

_BY = "payment service"
_CHANNEL = "http"
_DECOY = Key("v1", bytes(32))  # what is checked where no secret is set: it takes as long and never fits
_REFUSED = {Heard.UNKNOWN: Problem.NOT_FOUND, Heard.CONTRADICTS: Problem.CONTRADICTS}

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class PayoutAnswers:
    """What answers are checked by and written to."""

    pool: Pool
    secret: bytes | None  # shared with the payment service; None: there is none
    metrics: Metrics


PAYOUT_ANSWERS = web.AppKey("payout_answers", PayoutAnswers)


async def receive(request: web.Request) -> web.Response:
    """Take in an answer; 200 once it is written down, or was known."""
    own = request.app[PAYOUT_ANSWERS]
    outcome = await _receive(request, own)
    if isinstance(outcome, Problem):
        own.metrics.payout_answers.labels(outcome.slug).inc()
        return problem(outcome)
    message_id, heard = outcome
    own.metrics.payout_answers.labels(heard.value).inc()
    if heard in _REFUSED:
        return problem(_REFUSED[heard])
    return web.Response(body=orjson.dumps({"id": message_id, "result": heard.value}), content_type="application/json")


async def _verified(request: web.Request, own: PayoutAnswers) -> bytes | Problem:
    """Return the body of a request that the payment service signed."""
    if request.content_type != "application/json":
        return Problem.WRONG_TYPE
    body = await _read(request)
    if body is None:
        return Problem.LONG_ANSWER
    keys = [Key("v1", own.secret)] if own.secret else [_DECOY]
    is_ours = verify(request.headers, body, keys, utc_now()) is not None
    if not is_ours or own.secret is None:
        return Problem.UNSIGNED_ANSWER
    return body if unknown_parameters(request) is None else Problem.UNKNOWN_PARAMETER


async def _receive(request: web.Request, own: PayoutAnswers) -> tuple[str, Heard] | Problem:
    body = await _verified(request, own)
    if isinstance(body, Problem):
        return body
    said = read_callback(body)
    if said is None:
        return Problem.UNCLEAR_ANSWER
    try:
        async with own.pool.acquire() as conn, conn.transaction():
            heard = await hear(conn, _CHANNEL, *said, _BY, utc_now(), sha256(body).digest())
    except AWAY:
        return Problem.UNAVAILABLE
    if heard is Heard.CONTRADICTS:
        _log.error(
            "payout callback conflict: another result is recorded", message=said[0], outcome=said[1].outcome.value
        )
    return said[0], heard


async def _read(request: web.Request) -> bytes | None:
    """Return the body; None where it is longer than an answer can be. Reads no more than that."""
    body = bytearray()
    async for chunk in request.content.iter_any():
        body += chunk
        if len(body) > ANSWER_BYTES_MAX:
            return None
    return bytes(body)
