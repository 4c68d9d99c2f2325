"""A campaign's stream: server-sent events (HTML Standard, section 9.2), its totals at once and when they change."""

import asyncio

from aiohttp import web
from aiohttp_sse import EventSourceResponse

from campaigns.reporting.totals import totals
from ops.http.core.problems import Problem, problem
from ops.http.core.representations import about_campaign
from ops.http.core.responses import CORS, open_to_all
from ops.http.core.snapshots import SNAPSHOTS, Prepared, TooOld

STREAMS_MAX = 500
LOOK_SECONDS = 1.0
HEARTBEAT_SECONDS = 15.0
_RETRY_MS = 3_000


class Streams:
    """The streams that are open; all end when the service stops."""

    def __init__(self) -> None:
        self.open = 0
        self.stopping = asyncio.Event()

    async def rest(self) -> bool:
        """Wait until it is time to look again; tell whether to go on."""
        try:
            async with asyncio.timeout(LOOK_SECONDS):
                await self.stopping.wait()
        except TimeoutError:
            return True
        return False


STREAMS = web.AppKey("streams", Streams)


@open_to_all
async def stream(request: web.Request) -> web.StreamResponse:
    """Send a campaign's totals now and whenever they change, until the reader leaves or the service stops."""
    streams = request.app[STREAMS]
    first = await _totals(request)
    if streams.open >= STREAMS_MAX or streams.stopping.is_set():
        return problem(Problem.MANY_STREAMS)
    streams.open += 1
    feed = EventSourceResponse(headers=CORS, ping_interval=HEARTBEAT_SECONDS)
    try:
        await feed.prepare(request)
        async with feed:
            await _send_changes(request, feed, streams, first)
    except (ConnectionResetError, TimeoutError):
        pass  # the reader left, or reads no more
    finally:
        streams.open -= 1
    return feed


async def _send_changes(request: web.Request, feed: EventSourceResponse, streams: Streams, newest: Prepared) -> None:
    sent = request.headers.get("Last-Event-ID")  # a reader that comes back has these figures
    while True:
        if newest.validator != sent:
            await feed.send(newest.body.decode(), id=newest.validator, event="totals", retry=_RETRY_MS)
            sent = newest.validator
        if not await streams.rest() or not feed.is_connected() or request.transport is None:
            return
        try:
            newest = await _totals(request)
        except TooOld:
            continue  # nothing new is known: the heartbeat goes on


async def _totals(request: web.Request) -> Prepared:
    return about_campaign(await request.app[SNAPSHOTS].newest(), request.match_info["slug"], totals)


async def end_streams(app: web.Application) -> None:
    """End every stream: the service stops."""
    app[STREAMS].stopping.set()
