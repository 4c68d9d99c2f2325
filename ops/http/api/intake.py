"""`POST /v1/platforms/{platform}/likes`: raw bytes in, bounded; what the next four steps say becomes a status."""

from collections.abc import Sequence
from hashlib import sha256

from aiohttp import web

from campaigns.catalogue.cache import Catalogue, Platform
from campaigns.catalogue.webhook_secrets import derive_secret
from campaigns.intake.group_commit import SenderRevoked, Submission, WebhookIdConflict
from campaigns.intake.payload import BODY_BYTES_MAX, InvalidEnvelope, UnreadableBody, parse_body
from campaigns.intake.queue import DatabaseUnavailable, QueueFull
from campaigns.intake.response import ResultsFilter
from campaigns.intake.signature import Delivery, VerificationKey, verify_delivery
from ops.clock import utc_now
from ops.http.core.app_keys import CATALOGUE_CACHE, INTAKE_QUEUE, KEY_USAGE, METRICS, WEBHOOK_KEY
from ops.http.core.problems import Problem, problem_response
from ops.http.core.responses import refuse_unknown_parameters
from sql import UNAVAILABLE_ERRORS

_DECOY = VerificationKey(
    "v1", bytes(32)
)  # what an unknown platform is checked against: it takes as long and never fits
_RESULTS: dict[str | None, ResultsFilter] = {None: "some", "all": "all", "none": "none"}


class _DeliveryProblem(Exception):
    """A delivery that is not recorded: the problem to answer with, and what is wrong in it."""

    def __init__(self, kind: Problem, field_errors: Sequence[tuple[str, str]] = ()) -> None:
        self.kind = kind
        self.members = (
            {"faults": [{"path": path, "reason": reason} for path, reason in field_errors]} if field_errors else {}
        )


async def receive_likes(request: web.Request) -> web.Response:
    """Record a delivery; 200 once every like of it is durably decided."""
    try:
        return web.Response(body=await _accept_delivery(request), content_type="application/json")
    except _DeliveryProblem as refusal:
        request.app[METRICS].deliveries_refused.labels(refusal.kind.slug).inc()
        return problem_response(refusal.kind, **refusal.members)


async def _accept_delivery(request: web.Request) -> bytes:
    """Return the answer to a delivery that was recorded; _Refusal for every other."""
    body = await _read_body(request)
    try:
        sender = await _verify_sender(request, body)
        if sender is None:
            raise _DeliveryProblem(Problem.UNAUTHENTICATED)
        request.app[KEY_USAGE].record_use(sender[0].keys, utc_now())
        answer = await request.app[INTAKE_QUEUE].submit(_build_submission(request, *sender))
    except QueueFull as error:
        raise _DeliveryProblem(Problem.QUEUE_FULL) from error
    except (DatabaseUnavailable, *UNAVAILABLE_ERRORS) as error:
        raise _DeliveryProblem(Problem.DATABASE_UNAVAILABLE) from error
    if isinstance(answer, WebhookIdConflict):
        raise _DeliveryProblem(Problem.WEBHOOK_ID_CONFLICT)
    if isinstance(answer, SenderRevoked):
        raise _DeliveryProblem(Problem.UNAUTHENTICATED)
    return answer


async def _read_body(request: web.Request) -> bytes:
    if request.content_type != "application/json":
        raise _DeliveryProblem(Problem.UNSUPPORTED_MEDIA_TYPE)
    if (request.content_length or 0) > BODY_BYTES_MAX:
        raise _DeliveryProblem(Problem.TOO_LARGE)
    try:
        return await request.read()
    except web.HTTPRequestEntityTooLarge as error:
        raise _DeliveryProblem(Problem.TOO_LARGE) from error


async def _verify_sender(request: web.Request, body: bytes) -> tuple[Platform, Delivery] | None:
    """Return who sent it, by which keys; what does not fit what we remember is tried once more by what is so now."""
    shelf = request.app[CATALOGUE_CACHE]
    remembered = await shelf.get()
    sender = _verify_with(request, body, remembered)
    if sender is None:
        newest = await shelf.refresh()
        sender = None if newest is remembered else _verify_with(request, body, newest)
    return sender


def _verify_with(request: web.Request, body: bytes, catalogue: Catalogue) -> tuple[Platform, Delivery] | None:
    platform = catalogue.platforms.get(request.match_info["platform"])
    delivery = verify_delivery(request.headers, body, _platform_keys(request, platform), utc_now())
    return None if platform is None or delivery is None else (platform.with_keys(delivery.key_indexes), delivery)


def _platform_keys(request: web.Request, platform: Platform | None) -> list[VerificationKey]:
    if platform is None:
        return [_DECOY]
    master = request.app[WEBHOOK_KEY]
    return [
        VerificationKey("v1", derive_secret(master, platform.name, key.salt))
        if key.salt
        else VerificationKey("v1a", key.public_key or b"")
        for key in platform.keys
    ]


def _build_submission(request: web.Request, platform: Platform, delivery: Delivery) -> Submission:
    results = _RESULTS.get(request.query.get("results"))
    if results is None or refuse_unknown_parameters(request, ("results",)) is not None:
        raise _DeliveryProblem(Problem.UNKNOWN_PARAMETER, [("results", "all, none or left out; there is no other")])
    try:
        likes = parse_body(delivery.body)
    except UnreadableBody as error:
        raise _DeliveryProblem(Problem.INVALID_JSON) from error
    except InvalidEnvelope as error:
        raise _DeliveryProblem(Problem.MALFORMED_ENVELOPE, error.field_errors) from error
    return Submission(platform, delivery.webhook_id, sha256(delivery.body).digest(), likes, results)
