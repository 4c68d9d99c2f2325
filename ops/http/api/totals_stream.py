"""A campaign's totals as server-sent events (HTML Standard, section 9.2)."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from aiohttp import web
from aiohttp_sse import EventSourceResponse

from campaigns.reporting.totals import campaign_totals
from ops.http.core.authentication import AUTHENTICATOR
from ops.http.core.client_address import client_network
from ops.http.core.problems import Problem, RequestProblem
from ops.http.core.representations import campaign_json
from ops.http.core.responses import CORS, public_handler
from ops.http.core.snapshots import SNAPSHOT_CACHE, PreparedResponse, SnapshotTooOld

STREAMS_MAX = 500
POLL_SECONDS = 1.0
HEARTBEAT_SECONDS = 15.0
_RETRY_MS = 3_000


class OpenStreams:
    """The number of open streams by client, and the event that ends them all when the service stops."""

    def __init__(self, per_client_max: int) -> None:
        self._per_client_max = per_client_max
        self._by_network: Counter[str] = Counter()
        self.stop = asyncio.Event()

    @property
    def count(self) -> int:
        """The number of open streams."""
        return self._by_network.total()

    def find_limit(self, network: str) -> Problem | None:
        """Return the limit that a further stream of a client would exceed, or None."""
        if self._by_network[network] >= self._per_client_max:
            return Problem.TOO_MANY_STREAMS_OF_CLIENT
        return Problem.TOO_MANY_STREAMS if self.count >= STREAMS_MAX or self.stop.is_set() else None

    @contextmanager
    def count_stream(self, network: str) -> Iterator[None]:
        """Count a stream of a client until the block ends. Raises RequestProblem at a limit."""
        if problem := self.find_limit(network):
            raise RequestProblem(problem)
        self._by_network[network] += 1
        try:
            yield
        finally:
            self._by_network[network] -= 1
            if not self._by_network[network]:
                del self._by_network[network]

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
    streams, first_totals = request.app[OPEN_STREAMS], await _read_totals(request)
    network = client_network(request.app[AUTHENTICATOR].client_address(request))
    response = EventSourceResponse(headers=CORS, ping_interval=HEARTBEAT_SECONDS)
    with (
        streams.count_stream(network),
        suppress(ConnectionResetError, TimeoutError),
    ):  # the reader left, or stopped reading
        await response.prepare(request)
        async with response:
            await _send_changes(request, response, streams, first_totals)
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
