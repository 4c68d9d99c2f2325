"""Minimal HTTP/1.1 for senders (RFC 9112): lean, so that the service dominates the measurement."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_CONNECT_SECONDS_MAX = 60


class Response(NamedTuple):
    """A status and a body."""

    status: int
    body: bytes


class ConnectionBroken(Exception):
    """The server closed the connection or sent no HTTP response with a length."""


class Wire(asyncio.Protocol):
    """A kept connection; one request at a time."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._ends_at: int | None = None
        self._body_at = 0
        self._response: asyncio.Future[Response] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Store the transport."""
        if isinstance(transport, asyncio.Transport):
            self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail the pending request."""
        if self._response is not None and not self._response.done():
            self._response.set_exception(ConnectionBroken(f"the connection was closed: {exc}"))

    def data_received(self, data: bytes) -> None:
        """Complete the pending request once its whole body has arrived."""
        self._buffer += data
        if self._ends_at is None and not self._read_head():
            return
        if self._ends_at is not None and len(self._buffer) >= self._ends_at and self._response is not None:
            status = int(self._buffer[9:12])
            response = Response(status, bytes(self._buffer[self._body_at : self._ends_at]))
            self._buffer.clear()
            self._ends_at = None
            if not self._response.done():
                self._response.set_result(response)

    def _read_head(self) -> bool:
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return False
        length = _LENGTH.search(self._buffer, 0, end)
        self._body_at = end + 4
        self._ends_at = self._body_at + (int(length[1]) if length else 0)
        return True

    async def request(self, *parts: bytes) -> Response:
        """Send a request; return its response.

        Raises ConnectionBroken if the connection is closed.
        """
        if self._transport is None or self._transport.is_closing():
            raise ConnectionBroken("the connection is closed")
        self._response = asyncio.get_running_loop().create_future()
        self._transport.writelines(parts)
        return await self._response

    def close(self) -> None:
        """Close the connection."""
        if self._transport is not None:
            self._transport.close()


@asynccontextmanager
async def open_wires(port: int, connections: int) -> AsyncIterator[list[Wire]]:
    """Yield `connections` connections to a local port."""
    loop = asyncio.get_running_loop()
    wires: list[Wire] = []
    try:
        async with asyncio.timeout(_CONNECT_SECONDS_MAX):
            while len(wires) < connections:
                wires.append((await loop.create_connection(Wire, "127.0.0.1", port))[1])
        yield wires
    finally:
        for wire in wires:
            wire.close()


def get_request(path: str) -> bytes:
    """Return a GET request."""
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()


def post_request_head(path: str, headers: dict[str, str], length: int) -> bytes:
    """Return a POST request up to its JSON body."""
    header_lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Content-Length: {length}\r\n{header_lines}\r\n"
    ).encode()
