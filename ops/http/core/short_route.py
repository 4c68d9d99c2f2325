"""A short way to one handler, past the search of the routes and the chain of middlewares.

Deliveries of single likes come by thousands a second, and there each layer counts. The handler and
the handling of errors are those of the usual way (`ops/decisions/0032-the-short-route.md`).
"""

import re
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from aiohttp import HttpVersion11, hdrs, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.helpers import rfc822_formatted_time
from aiohttp.http import SERVER_SOFTWARE

from ops.http.core.middleware import handle_errors
from ops.http.core.responses import Handler

_JSON = "application/json"
_HEAD = f"HTTP/1.1 200 OK\r\nContent-Type: {_JSON}\r\nServer: {SERVER_SOFTWARE}\r\n"

BaseHandler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class JsonResponse(web.Response):
    """A response 200 with JSON, written as one piece: the usual way builds and copies its headers for each."""

    def __init__(self, body: bytes) -> None:
        super().__init__(body=body, content_type=_JSON)
        self._json = body

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        """Write the whole response, where the connection stays open; otherwise begin it the usual way."""
        transport = request.transport
        if self.prepared or request.version != HttpVersion11 or not request.keep_alive or transport is None:
            return await super().prepare(request)
        head = f"{_HEAD}Date: {rfc822_formatted_time()}\r\nContent-Length: {len(self._json)}\r\n\r\n"
        transport.write(head.encode() + self._json)
        await request.writer.drain()
        self._eof_sent = self._keep_alive = True  # as the usual way leaves it
        return None


class ShortRoute(NamedTuple):
    """A route: the raw paths that may take the short way, and its handler. Names of groups are path parameters."""

    method: str
    raw_path: re.Pattern[str]
    handler: Handler


def take_short_route(app: web.Application, short: ShortRoute, usual_way: BaseHandler) -> BaseHandler:
    """Return a handler that takes the short way where it may, and otherwise the usual one.

    The application must have the route, so that both ways are one address.
    """
    route = _find_route(app, short)

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        path_match = short.raw_path.fullmatch(request.raw_path) if request.method == short.method else None
        if path_match is None or hdrs.EXPECT in request.headers or not isinstance(request, web.Request):
            return await usual_way(request)
        matched = web.UrlMappingMatchInfo(path_match.groupdict(), route)
        matched.add_app(app)
        request._match_info = matched  # noqa: SLF001 - what the search of the routes would set
        return await handle_errors(request, short.handler)

    return handle


def _find_route(app: web.Application, short: ShortRoute) -> web.AbstractRoute:
    [route] = [
        route for route in app.router.routes() if (route.method, route.handler) == (short.method, short.handler)
    ]
    return route
