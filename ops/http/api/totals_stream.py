"""A campaign's totals as server-sent events (HTML Standard, section 9.2)."""

import asyncio

from aiohttp import web
from aiohttp_sse import EventSourceResponse

from campaigns.reporting.totals import campaign_totals
from ops.http.core.problems import Problem, RequestProblem
from ops.http.core.representations import campaign_json
from ops.http.core.responses import CORS, public_handler
from ops.http.core.snapshots import SNAPSHOT_CACHE, PreparedResponse, SnapshotTooOld

STREAMS_MAX = 500
POLL_SECONDS = 1.0
HEARTBEAT_SECONDS = 15.0
_RETRY_MS = 3_000


class OpenStreams:
    """The number of open streams, and the event that ends them all when the service stops."""

    def __init__(self) -> None:
        self.count = 0
        self.stop = asyncio.Event()

    async def wait_to_poll(self) -> bool:
        """Wait for the next poll; return False if the service stops."""
        try:
            async with asyncio.timeout(POLL_SECONDS):
                await self.stop.wait()
        except TimeoutError:
            return True
        return False


OPEN_STREAMS = web.AppKey("open_streams", OpenStreams)


@public_handler
async def stream_totals(request: web.Request) -> web.StreamResponse:
    """Send a campaign's totals now and after every change, until reader or service stop."""
    streams = request.app[OPEN_STREAMS]
    first_totals = await _read_totals(request)
    if streams.count >= STREAMS_MAX or streams.stop.is_set():
        raise RequestProblem(Problem.TOO_MANY_STREAMS)
    streams.count += 1
    response = EventSourceResponse(headers=CORS, ping_interval=HEARTBEAT_SECONDS)
    try:
        await response.prepare(request)
        async with response:
            await _send_changes(request, response, streams, first_totals)
    except (ConnectionResetError, TimeoutError):
        pass  # the reader left, or stopped reading
    finally:
        streams.count -= 1
    return response


async def _send_changes(
    request: web.Request, response: EventSourceResponse, streams: OpenStreams, totals: PreparedResponse
) -> None:
    sent_id = request.headers.get("Last-Event-ID")  # a reader that reconnects has these figures
    while True:
        if totals.validator != sent_id:
            await response.send(totals.body.decode(), id=totals.validator, event="totals", retry=_RETRY_MS)
            sent_id = totals.validator
        if not await streams.wait_to_poll() or not response.is_connected() or request.transport is None:
            return
        try:
            totals = await _read_totals(request)
        except SnapshotTooOld:
            continue  # no new figures; the heartbeat keeps the connection open


async def _read_totals(request: web.Request) -> PreparedResponse:
    return campaign_json(await request.app[SNAPSHOT_CACHE].latest(), request.match_info["slug"], campaign_totals)


async def end_streams(app: web.Application) -> None:
    """End every stream, because the service stops."""
    app[OPEN_STREAMS].stop.set()
