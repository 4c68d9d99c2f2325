"""`POST /v1/platforms/{platform}/likes`: raw bytes in, bounded; what the next four steps say becomes a status."""

from collections.abc import Sequence
from hashlib import sha256

from aiohttp import web

from campaigns.catalogue.cache import Catalogue, Platform
from campaigns.catalogue.webhook_secrets import derive_secret
from campaigns.intake.group_commit import Dropped, Reused, Submission
from campaigns.intake.payload import BODY_BYTES_MAX, Unreadable, WrongShape, read
from campaigns.intake.queue import Full, Unavailable
from campaigns.intake.response import Results
from campaigns.intake.signature import Delivery, Key, verify
from ops.clock import utc_now
from ops.http.core.app_keys import INTAKE, KEY_USE, METRICS, SHELF, WEBHOOK_KEY
from ops.http.core.problems import Problem, problem
from ops.http.core.responses import unknown_parameters
from sql import AWAY

_DECOY = Key("v1", bytes(32))  # what an unknown platform is checked against: it takes as long and never fits
_RESULTS: dict[str | None, Results] = {None: "some", "all": "all", "none": "none"}


class _Refusal(Exception):
    """A delivery that is not recorded: the problem to answer with, and what is wrong in it."""

    def __init__(self, kind: Problem, faults: Sequence[tuple[str, str]] = ()) -> None:
        self.kind = kind
        self.more = {"faults": [{"path": path, "reason": reason} for path, reason in faults]} if faults else {}


async def receive(request: web.Request) -> web.Response:
    """Record a delivery; 200 once every like of it is durably decided."""
    try:
        return web.Response(body=await _record(request), content_type="application/json")
    except _Refusal as refusal:
        request.app[METRICS].refused.labels(refusal.kind.slug).inc()
        return problem(refusal.kind, **refusal.more)


async def _record(request: web.Request) -> bytes:
    """Return the answer to a delivery that was recorded; _Refusal for every other."""
    body = await _read(request)
    try:
        sender = await _verified(request, body)
        if sender is None:
            raise _Refusal(Problem.UNAUTHENTICATED)
        request.app[KEY_USE].used(sender[0].keys, utc_now())
        answer = await request.app[INTAKE].submit(_submission(request, *sender))
    except Full as error:
        raise _Refusal(Problem.FULL) from error
    except (Unavailable, *AWAY) as error:
        raise _Refusal(Problem.UNAVAILABLE) from error
    if isinstance(answer, Reused):
        raise _Refusal(Problem.REUSED)
    if isinstance(answer, Dropped):
        raise _Refusal(Problem.UNAUTHENTICATED)
    return answer


async def _read(request: web.Request) -> bytes:
    if request.content_type != "application/json":
        raise _Refusal(Problem.WRONG_TYPE)
    if (request.content_length or 0) > BODY_BYTES_MAX:
        raise _Refusal(Problem.TOO_LARGE)
    try:
        return await request.read()
    except web.HTTPRequestEntityTooLarge as error:
        raise _Refusal(Problem.TOO_LARGE) from error


async def _verified(request: web.Request, body: bytes) -> tuple[Platform, Delivery] | None:
    """Return who sent it, by which keys; what does not fit what we remember is tried once more by what is so now."""
    shelf = request.app[SHELF]
    remembered = await shelf.current()
    sender = _verify(request, body, remembered)
    if sender is None:
        newest = await shelf.newest()
        sender = None if newest is remembered else _verify(request, body, newest)
    return sender


def _verify(request: web.Request, body: bytes, catalogue: Catalogue) -> tuple[Platform, Delivery] | None:
    platform = catalogue.platforms.get(request.match_info["platform"])
    delivery = verify(request.headers, body, _keys(request, platform), utc_now())
    return None if platform is None or delivery is None else (platform.signing_by(delivery.signed_by), delivery)


def _keys(request: web.Request, platform: Platform | None) -> list[Key]:
    if platform is None:
        return [_DECOY]
    master = request.app[WEBHOOK_KEY]
    return [
        Key("v1", derive_secret(master, platform.name, key.salt)) if key.salt else Key("v1a", key.public_key or b"")
        for key in platform.keys
    ]


def _submission(request: web.Request, platform: Platform, delivery: Delivery) -> Submission:
    results = _RESULTS.get(request.query.get("results"))
    if results is None or unknown_parameters(request, ("results",)) is not None:
        raise _Refusal(Problem.UNKNOWN_PARAMETER, [("results", "all, none or left out; there is no other")])
    try:
        likes = read(delivery.body)
    except Unreadable as error:
        raise _Refusal(Problem.UNREADABLE) from error
    except WrongShape as error:
        raise _Refusal(Problem.WRONG_SHAPE, error.faults) from error
    return Submission(platform, delivery.webhook_id, sha256(delivery.body).digest(), likes, results)
