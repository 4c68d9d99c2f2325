"""The HTTP connections: deadlines for what a client sends and reads, limits, and refusals as problems.

aiohttp waits for ever for the rest of a request, and answers what it cannot parse with plain text.
This subclass of its protocol adds the deadlines, and answers with problem details like every handler.
"""

import asyncio
import resource
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson
import structlog
from aiohttp import StreamReader, web
from aiohttp.http_exceptions import HttpProcessingError, LineTooLong
from aiohttp.web_protocol import RequestHandler, RequestPayloadError

from ops.http.core.client_address import client_network
from ops.http.core.connection_registry import Admission, ConnectionRegistry
from ops.http.core.problems import CONTENT_TYPE, Problem, RequestTimedOut, problem_details, problem_response
from ops.http.core.short_route import ShortRoute, take_short_route
from ops.settings import Settings

KEEPALIVE_SECONDS = 75.0  # longer than proxies keep idle connections, so that they close first
READ_SECONDS_MAX = 60.0  # a client that reads nothing of its response for that long has gone
_TOO_MANY_HEADERS = "Too many headers received"  # aiohttp has no class for it
_LINGER_SECONDS = 2.0  # to read on after a refusal, so that the client receives it
_FILES_RESERVED = 256  # open files beside the connections: database, log, sockets that are just accepted
_CONNECTIONS_MIN = 64
_PROBLEMS_BY_ADMISSION = {
    Admission.TOO_MANY_OF_CLIENT: Problem.TOO_MANY_CONNECTIONS_OF_CLIENT,
    Admission.TOO_MANY: Problem.TOO_MANY_CONNECTIONS,
}

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """The deadlines of a request, and the registry that bounds the number of connections."""

    header_seconds: float
    body_seconds: float
    registry: ConnectionRegistry


def connection_limits(settings: Settings) -> ConnectionLimits:
    """Return the limits that the settings name, within what the system lets this process open.

    Behind trusted proxies all connections come from the proxies, so that only the total counts.
    """
    files_max = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    within_files = max(files_max - _FILES_RESERVED, _CONNECTIONS_MIN)
    connections_max = settings.connections_max if files_max < 0 else min(settings.connections_max, within_files)
    per_client = None if settings.trusted_proxies else settings.connections_per_address
    registry = ConnectionRegistry(connections_max, per_client)
    return ConnectionLimits(settings.request_header_seconds, settings.request_body_seconds, registry)


def raise_file_limit() -> int:
    """Raise the number of files that this process may open to what the system allows; return it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


class Connection(RequestHandler):
    """One connection of a client."""

    __slots__ = ("_body_timer", "_has_part", "_header_timer", "_limits", "_network", "_newest_body", "_read_timer")

    def __init__(self, server: web.Server, limits: ConnectionLimits, **options: Any) -> None:
        super().__init__(server, **options)
        self._limits = limits
        self._network = ""
        self._has_part = False  # of a request that is not complete
        self._newest_body: StreamReader | None = None
        self._header_timer: asyncio.TimerHandle | None = None
        self._body_timer: asyncio.TimerHandle | None = None
        self._read_timer: asyncio.TimerHandle | None = None

    @property
    def is_waiting(self) -> bool:
        """Whether the service waits for the client: between requests, or for the rest of one."""
        is_body_missing = self._newest_body is not None and not self._newest_body.is_eof()
        return is_body_missing or self._request_count == 0 or self._is_idle()

    def _is_idle(self) -> bool:
        return self._waiter is not None and not self._waiter.done() and not self._messages

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Register the connection, or refuse it at a limit."""
        super().connection_made(transport)
        peer = transport.get_extra_info("peername")
        self._network = client_network(peer[0]) if isinstance(peer, tuple) else ""
        admission = self._limits.registry.add(self, self._network)
        if admission is Admission.ACCEPTED:
            self._header_timer = self._call_later(self._limits.header_seconds, self._end_headers)
        else:
            self._refuse(_PROBLEMS_BY_ADMISSION[admission])

    def connection_lost(self, exc: BaseException | None) -> None:
        """Forget the connection."""
        self._limits.registry.remove(self, self._network)
        for timer in (self._header_timer, self._body_timer, self._read_timer):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse what arrived, and start or end the deadlines."""
        super().data_received(data)
        if self._messages:
            self._begin_body(self._messages[-1][1])
        elif self._is_idle():
            self._has_part = True
            if self._header_timer is None:
                self._header_timer = self._call_later(self._limits.header_seconds, self._end_headers)

    def _begin_body(self, body: StreamReader) -> None:
        if body is self._newest_body and body.is_eof():
            return
        if self._header_timer is not None:
            self._header_timer.cancel()
        self._header_timer, self._has_part = None, False
        self._limits.registry.refresh(self, self._network)
        if body is not self._newest_body and not body.is_eof():
            self._body_timer = self._call_later(self._limits.body_seconds, self._end_body, body)
        self._newest_body = body

    def _end_headers(self) -> None:
        self._header_timer = None
        if not self._is_idle() and self._request_count:
            return
        if self._has_part:
            self._refuse(Problem.REQUEST_TIMED_OUT)
        else:
            self.force_close()

    def _end_body(self, body: StreamReader) -> None:
        if body.is_eof():
            return
        body.set_exception(RequestTimedOut())
        self._body_timer = self._call_later(_LINGER_SECONDS, self._close_unless_complete, body)

    def _close_unless_complete(self, body: StreamReader) -> None:
        if not body.is_eof():
            self.force_close()

    def pause_writing(self) -> None:
        """Set a deadline for a client that does not read its response."""
        super().pause_writing()
        self._read_timer = self._call_later(READ_SECONDS_MAX, self._abort)

    def resume_writing(self) -> None:
        """Continue the response."""
        super().resume_writing()
        if self._read_timer is not None:
            self._read_timer.cancel()

    def _abort(self) -> None:
        if self.transport is not None:
            self.transport.abort()

    def _call_later(self, seconds: float, call: Callable[..., None], *arguments: Any) -> asyncio.TimerHandle:
        return asyncio.get_running_loop().call_later(seconds, call, *arguments)

    def _refuse(self, problem: Problem) -> None:
        """Answer with a problem outside of any request, and close the connection."""
        if self.transport is not None:
            self.transport.write(_raw_response(problem))
        self.force_close()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 - it repeats what the client sent
    ) -> web.StreamResponse:
        """Return the problem of a request that cannot be parsed; only a bug is logged."""
        if request.writer.output_size > 0:  # a second response would read as part of the first
            raise ConnectionError("the response has begun")
        if not isinstance(exc, HttpProcessingError):
            _log.error("bug", status=status, exc_info=exc)
        response = problem_response(_parser_problem(exc))
        response.force_close()
        return response

    def log_exception(self, *arguments: Any, **options: Any) -> None:
        """Log a bug of the HTTP library, but no fault of a client."""
        if not isinstance(options.get("exc_info"), RequestTimedOut | RequestPayloadError | HttpProcessingError):
            super().log_exception(*arguments, **options)


def _parser_problem(error: BaseException | None) -> Problem:
    if not isinstance(error, HttpProcessingError):
        return Problem.INTERNAL_ERROR
    is_too_large = isinstance(error, LineTooLong) or error.message == _TOO_MANY_HEADERS
    return Problem.HEADERS_TOO_LARGE if is_too_large else Problem.MALFORMED_REQUEST


def _raw_response(problem: Problem) -> bytes:
    body = orjson.dumps(problem_details(problem))
    status = f"HTTP/1.1 {problem.status.value} {problem.status.phrase}"
    headers = [f"Content-Type: {CONTENT_TYPE}", f"Content-Length: {len(body)}", "Connection: close"]
    if problem.is_retryable:
        headers.append("Retry-After: 1")
    return "\r\n".join([status, *headers, "", ""]).encode() + body


class _Server(web.Server):
    """A server whose connections have limits."""

    def __init__(self, limits: ConnectionLimits, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._limits = limits

    def __call__(self) -> RequestHandler:
        """Return the protocol of a new connection."""
        return Connection(self, self._limits, loop=asyncio.get_running_loop(), **self._kwargs)


class LimitedRunner(web.AppRunner):
    """Runs an application with limits for its connections. Bodies are never decompressed."""

    def __init__(self, app: web.Application, limits: ConnectionLimits, short_route: ShortRoute) -> None:
        super().__init__(
            app,
            access_log=None,
            shutdown_timeout=30,
            keepalive_timeout=KEEPALIVE_SECONDS,
            lingering_time=_LINGER_SECONDS,
            auto_decompress=False,
        )
        self._limits, self._short_route = limits, short_route

    async def _make_server(self) -> web.Server:
        server = await super()._make_server()
        usual_way = _answer_with_problems(server.request_handler)
        return _Server(
            self._limits,
            take_short_route(self.app, self._short_route, usual_way),
            request_factory=server.request_factory,
            **server._kwargs,  # noqa: SLF001 - aiohttp has no other way to choose the protocol
        )


def _answer_with_problems(handle: Any) -> Any:
    """Return a handler that answers an error of aiohttp before our middleware with a problem too."""

    async def handle_request(request: web.BaseRequest) -> web.StreamResponse:
        try:
            response: web.StreamResponse = await handle(request)
        except web.HTTPExpectationFailed:
            response = problem_response(Problem.EXPECTATION_FAILED)
        return response

    return handle_request
