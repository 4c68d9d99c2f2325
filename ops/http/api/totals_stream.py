"""A campaign's stream: server-sent events (HTML Standard, section 9.2), its totals at once and when they change."""

import asyncio

from aiohttp import web
from aiohttp_sse import EventSourceResponse

from campaigns.reporting.totals import campaign_totals
from ops.http.core.problems import Problem, problem_response
from ops.http.core.representations import campaign_json
from ops.http.core.responses import CORS, public_handler
from ops.http.core.snapshots import SNAPSHOT_CACHE, PreparedResponse, SnapshotTooOld

STREAMS_MAX = 500
POLL_SECONDS = 1.0
HEARTBEAT_SECONDS = 15.0
_RETRY_MS = 3_000


class OpenStreams:
    """The streams that are open; all end when the service stops."""

    def __init__(self) -> None:
        self.count = 0
        self.stop = asyncio.Event()

    async def wait_to_poll(self) -> bool:
        """Wait until it is time to look again; tell whether to go on."""
        try:
            async with asyncio.timeout(POLL_SECONDS):
                await self.stop.wait()
        except TimeoutError:
            return True
        return False


OPEN_STREAMS = web.AppKey("streams", OpenStreams)


@public_handler
async def stream_totals(request: web.Request) -> web.StreamResponse:
    """Send a campaign's totals now and whenever they change, until the reader leaves or the service stops."""
    streams = request.app[OPEN_STREAMS]
    first = await _read_totals(request)
    if streams.count >= STREAMS_MAX or streams.stop.is_set():
        return problem_response(Problem.TOO_MANY_STREAMS)
    streams.count += 1
    feed = EventSourceResponse(headers=CORS, ping_interval=HEARTBEAT_SECONDS)
    try:
        await feed.prepare(request)
        async with feed:
            await _send_changes(request, feed, streams, first)
    except (ConnectionResetError, TimeoutError):
        pass  # the reader left, or reads no more
    finally:
        streams.count -= 1
    return feed


async def _send_changes(
    request: web.Request, feed: EventSourceResponse, streams: OpenStreams, newest: PreparedResponse
) -> None:
    sent = request.headers.get("Last-Event-ID")  # a reader that comes back has these figures
    while True:
        if newest.validator != sent:
            await feed.send(newest.body.decode(), id=newest.validator, event="totals", retry=_RETRY_MS)
            sent = newest.validator
        if not await streams.wait_to_poll() or not feed.is_connected() or request.transport is None:
            return
        try:
            newest = await _read_totals(request)
        except SnapshotTooOld:
            continue  # nothing new is known: the heartbeat goes on


async def _read_totals(request: web.Request) -> PreparedResponse:
    return campaign_json(await request.app[SNAPSHOT_CACHE].latest(), request.match_info["slug"], campaign_totals)


async def end_streams(app: web.Application) -> None:
    """End every stream: the service stops."""
    app[OPEN_STREAMS].stop.set()
