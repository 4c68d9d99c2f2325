"""The platform that signed a request: its body is read within bounds, its signature verified."""

from functools import lru_cache

from aiohttp import web

from campaigns.catalogue.cache import Catalogue, Platform
from campaigns.catalogue.webhook_secrets import derive_secret
from campaigns.intake.payload import BODY_BYTES_MAX
from campaigns.intake.signature import Delivery, VerificationKey, verify_delivery
from ops.clock import utc_now
from ops.http.core.app_keys import CATALOGUE_CACHE, KEY_USAGE, WEBHOOK_KEY
from ops.http.core.problems import Problem, RequestProblem
from ops.http.openapi.endpoint import JSON

# The key of an unknown platform: the check takes as long as a real one, and never succeeds.
_DECOY = VerificationKey("v1", bytes(32))


async def read_body(request: web.Request) -> bytes:
    """Return the body, at most 1 MiB. Raises RequestProblem, or HTTPBadRequest if the platform left."""
    if request.content_type != JSON:
        raise RequestProblem(Problem.UNSUPPORTED_MEDIA_TYPE)
    if (request.content_length or 0) > BODY_BYTES_MAX:
        raise RequestProblem(Problem.TOO_LARGE)
    try:
        return await request.read()
    except ConnectionResetError as error:  # the platform left; the database is not away
        raise web.HTTPBadRequest from error


async def verify_sender(request: web.Request, body: bytes) -> tuple[Platform, Delivery] | None:
    """Return the platform and its delivery; None if no key fits.

    A key may be newer than the cached catalogue, so a failure is checked with the current one.
    """
    cache = request.app[CATALOGUE_CACHE]
    cached = await cache.get()
    sender = _verify_with(request, body, cached)
    if sender is None:
        current = await cache.refresh()
        sender = None if current is cached else _verify_with(request, body, current)
    return sender


def _verify_with(request: web.Request, body: bytes, catalogue: Catalogue) -> tuple[Platform, Delivery] | None:
    platform = catalogue.platforms.get(request.match_info["platform"])
    delivery = verify_delivery(request.headers, body, _platform_keys(request, platform), utc_now())
    return None if platform is None or delivery is None else (platform.with_keys(delivery.key_indexes), delivery)


def _platform_keys(request: web.Request, platform: Platform | None) -> list[VerificationKey]:
    return [_DECOY] if platform is None else _verification_keys(request.app[WEBHOOK_KEY], platform)


@lru_cache(maxsize=256)
def _verification_keys(webhook_key: bytes, platform: Platform) -> list[VerificationKey]:
    return [
        VerificationKey("v1", derive_secret(webhook_key, platform.name, key.salt))
        if key.salt
        else VerificationKey("v1a", key.public_key or b"")
        for key in platform.keys
    ]


async def require_current_sender(request: web.Request, body: bytes) -> tuple[Platform, Catalogue]:
    """Return the platform that signed a body, and the current catalogue.

    Raises RequestProblem. A key that was revoked a moment ago verifies nothing.
    """
    catalogue = await request.app[CATALOGUE_CACHE].refresh()
    sender = _verify_with(request, body, catalogue)
    if sender is None:
        raise RequestProblem(Problem.UNAUTHENTICATED)
    request.app[KEY_USAGE].record_use(sender[0].keys, utc_now())
    return sender[0], catalogue
