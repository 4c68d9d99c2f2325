"""Deliveries of platforms that sign and write in their own way: verify, read, record, answer in time.

A platform drops an address that answers 409 or 422, or too late. So an answer is 200 once its likes
are durable, 400 if the body cannot be read, 401 as the one refusal, and 503 before the platform's
patience ends.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from hashlib import sha256

from aiohttp import web

from campaigns.catalogue.cache import Catalogue, Platform
from campaigns.catalogue.sealed_secrets import open_sealed
from campaigns.intake.delivery_body import LIKES_MAX, LikeEvent, PushedEvent
from campaigns.intake.group_commit import SenderRevoked, Submission
from campaigns.intake.kinds.model import Kind, PlatformEvent, Reading, Request, Secret, Unreadable, Verified
from campaigns.intake.kinds.registry import KINDS
from campaigns.intake.like_ids import resolve_like_ids
from campaigns.intake.unread_events import UnreadEvents
from ops.clock import utc_now
from ops.http.core.app_keys import CATALOGUE_CACHE, INTAKE_QUEUE, KEY_USAGE, METRICS, WEBHOOK_KEY
from ops.http.core.problems import Problem, RequestProblem
from ops.http.core.short_route import JsonResponse
from sql import Pool

UNREAD_EVENTS = web.AppKey("unread_events", UnreadEvents)
LIKE_ID_POOL: web.AppKey[Pool] = web.AppKey("like_id_pool")
_PATIENCE = 0.75  # of the time that the platform waits: the rest is the network's


async def receive_push(request: web.Request, platform: Platform, body: bytes) -> web.Response:
    """Record a delivery of a platform's own kind. Raises RequestProblem."""
    kind, received_at = KINDS[platform.kind], utc_now()
    try:
        async with asyncio.timeout(kind.ack_seconds * _PATIENCE):
            answer = await _record(request, platform, kind, _to_request(request, body), received_at)
    except TimeoutError as error:
        raise RequestProblem(Problem.DATABASE_UNAVAILABLE) from error
    seconds = (utc_now() - received_at).total_seconds()
    request.app[METRICS].intake_response_seconds.labels(kind.name).observe(seconds)
    return JsonResponse(answer)


async def find_platform(request: web.Request) -> Platform | None:
    """Return the platform of the path, also one that is newer than the cached catalogue."""
    cache, name = request.app[CATALOGUE_CACHE], request.match_info["platform"]
    platform = (await cache.get()).platforms.get(name)
    return platform or (await cache.refresh()).platforms.get(name)


async def answer_challenge(request: web.Request) -> web.Response:
    """Return the challenge of a platform that asks for one by GET."""
    platform = await find_platform(request)
    challenge = KINDS[platform.kind].challenge if platform and platform.kind in KINDS else None
    if platform is None or challenge is None:
        raise web.HTTPMethodNotAllowed(request.method, ["POST"])
    answer = challenge(_to_request(request, b""), _open_secrets(request.app[WEBHOOK_KEY], platform))
    if answer is None:
        raise RequestProblem(Problem.UNAUTHENTICATED)
    return web.Response(body=answer, content_type="text/plain")


def _to_request(request: web.Request, body: bytes) -> Request:
    headers = {name.lower(): value for name, value in reversed(list(request.headers.items()))}  # the first one counts
    return Request(request.method, dict(request.query), headers, body)


@lru_cache(maxsize=256)
def _open_secrets(webhook_key: bytes, platform: Platform) -> Sequence[Secret]:
    """Return the live secrets of a platform, newest first."""
    return [
        Secret(open_sealed(webhook_key, platform.name, key.key_id, key.sealed)) for key in platform.keys if key.sealed
    ]


async def _record(
    request: web.Request, platform: Platform, kind: Kind, pushed: Request, received_at: datetime
) -> bytes:
    sender = await _verify(request, platform, kind, pushed, received_at)
    if sender is None:
        raise RequestProblem(Problem.UNAUTHENTICATED)
    signer, verified, catalogue = sender
    request.app[KEY_USAGE].record_use(signer.keys, received_at)
    try:
        reading = kind.read(verified, platform.reactions or frozenset(kind.reactions))
    except Unreadable as error:
        raise RequestProblem(Problem.INVALID_JSON) from error
    request.app[UNREAD_EVENTS].add(platform.platform_id, reading.unread, received_at)
    request.app[METRICS].unread_events.labels(platform.name).inc(len(reading.unread))
    events = await _resolve(request, catalogue, signer, reading, received_at)
    await _submit(request, signer, reading.delivery, [_like_event(event, received_at) for event in events])
    return reading.answer


async def _verify(
    request: web.Request, platform: Platform, kind: Kind, pushed: Request, now: datetime
) -> tuple[Platform, Verified, Catalogue] | None:
    """Return the sender with the keys that signed; a failure is checked with the current catalogue."""
    cache, webhook_key = request.app[CATALOGUE_CACHE], request.app[WEBHOOK_KEY]
    catalogue = await cache.get()
    verified = kind.verify(pushed, _open_secrets(webhook_key, platform), now)
    if verified is None:
        catalogue = await cache.refresh()
        current = catalogue.platforms.get(platform.name)
        if current is None or current.kind != kind.name or current == platform:
            return None
        platform, verified = current, kind.verify(pushed, _open_secrets(webhook_key, current), now)
    return None if verified is None else (platform.with_keys(verified.secret_indexes), verified, catalogue)


async def _resolve(
    request: web.Request, catalogue: Catalogue, platform: Platform, reading: Reading, now: datetime
) -> Sequence[PlatformEvent]:
    if all(event.like_id is None for event in reading.events):
        return reading.events
    async with request.app[LIKE_ID_POOL].acquire() as conn, conn.transaction():
        return await resolve_like_ids(conn, catalogue, platform, request.app[WEBHOOK_KEY], reading.events, now)


def _like_event(event: PlatformEvent, received_at: datetime) -> LikeEvent:
    """Return an event as intake takes it: one without a time is of the moment of its receipt."""
    like: PushedEvent = {
        "action": event.action,
        "content": event.content or "",
        "person": event.person,
        "event_at": event.event_at or received_at,
    }
    if event.taps:
        like["taps"] = event.taps
    return like


async def _submit(request: web.Request, sender: Platform, delivery: str, events: Sequence[LikeEvent]) -> None:
    """Record the events, a thousand at a time; the same delivery sent again changes nothing."""
    queue, digest = request.app[INTAKE_QUEUE], sha256(delivery.encode()).digest()
    parts = [events[first : first + LIKES_MAX] for first in range(0, len(events), LIKES_MAX)]
    submissions = [
        Submission(sender, f"{delivery}/{number}", digest, part, "none") for number, part in enumerate(parts)
    ]
    responses = await asyncio.gather(*(queue.submit(submission) for submission in submissions))
    if any(isinstance(response, SenderRevoked) for response in responses):
        raise RequestProblem(Problem.UNAUTHENTICATED)
