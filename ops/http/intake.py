"""`POST /v1/platforms/{platform}/likes`: raw bytes in, bounded; what the next four steps say becomes a status."""

from hashlib import sha256

from aiohttp import web

from campaigns.answers import Results
from campaigns.catalogue import Catalogue, Platform, Shelf
from campaigns.events import BODY_BYTES_MAX, Unreadable, WrongShape, read
from campaigns.group_commit import Reused, Submission
from campaigns.intake import Full, Intake, Unavailable
from campaigns.signature import Delivery, Key, derive_secret, verify
from ops.clock import utc_now
from ops.http.problems import Problem, problem
from sql import AWAY

INTAKE = web.AppKey("intake", Intake)
SHELF = web.AppKey("shelf", Shelf)
WEBHOOK_KEY = web.AppKey("webhook_key", bytes)

_DECOY = Key("v1", bytes(32))  # what an unknown platform is checked against: it takes as long and never fits
_RESULTS: dict[str, Results] = {"some": "some", "all": "all", "none": "none"}


async def receive(request: web.Request) -> web.Response:
    """Record a delivery; 200 once every like of it is durably decided."""
    if request.content_type != "application/json":
        return problem(Problem.WRONG_TYPE)
    if (request.content_length or 0) > BODY_BYTES_MAX:
        return problem(Problem.TOO_LARGE)
    try:
        body = await request.read()
    except web.HTTPRequestEntityTooLarge:
        return problem(Problem.TOO_LARGE)
    try:
        sender = await _verified(request, body)
    except AWAY:
        return problem(Problem.UNAVAILABLE)
    return problem(Problem.UNAUTHENTICATED) if sender is None else await _record(request, *sender)


async def _verified(request: web.Request, body: bytes) -> tuple[Platform, Delivery] | None:
    """Return who sent it; what does not fit what we remember is looked at once more by what is so now."""
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
    return None if platform is None or delivery is None else (platform, delivery)


def _keys(request: web.Request, platform: Platform | None) -> list[Key]:
    if platform is None:
        return [_DECOY]
    master = request.app[WEBHOOK_KEY]
    return [
        Key("v1", derive_secret(master, platform.name, key.salt)) if key.salt else Key("v1a", key.public_key or b"")
        for key in platform.keys
    ]


async def _record(  # noqa: PLR0911 - the table of outcomes and statuses
    request: web.Request, platform: Platform, delivery: Delivery
) -> web.Response:
    results = _RESULTS.get(request.query.get("results", "some"))
    if results is None:
        return problem(Problem.WRONG_SHAPE, faults=[{"path": "results", "reason": "all, none or left out"}])
    try:
        likes = read(delivery.body)
        submission = Submission(platform, delivery.webhook_id, sha256(delivery.body).digest(), likes, results)
        answer = await request.app[INTAKE].submit(submission)
    except Unreadable:
        return problem(Problem.UNREADABLE)
    except WrongShape as error:
        return problem(Problem.WRONG_SHAPE, faults=[{"path": p, "reason": r} for p, r in error.faults])
    except Full:
        return problem(Problem.FULL)
    except Unavailable:
        return problem(Problem.UNAVAILABLE)
    if isinstance(answer, Reused):
        return problem(Problem.REUSED)
    return web.Response(body=answer, content_type="application/json")
