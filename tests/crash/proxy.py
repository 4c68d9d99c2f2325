"""A proxy of a PostgreSQL server: it forwards bytes, and cuts the connection at chosen commits."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

COMMIT = b"COMMIT;"  # as asyncpg's transactions send it
_CHUNK = 65_536


@dataclass
class Proxy:
    """Cuts the next `cuts_left` commits after `commits_to_spare`.

    Before the server gets them, or after. Bytes of `commit_marks` mark a message that commits.
    """

    server: tuple[str, str | int]  # ("unix", path) or (host, port)
    is_after_commit: bool
    commit_marks: tuple[bytes, ...] = (COMMIT,)
    cuts_left: int = 0
    commits_to_spare: int = 0
    cut_count: int = 0
    writers: set[asyncio.StreamWriter] = field(default_factory=set)

    async def _dial(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        host, address = self.server
        if host == "unix":
            return await asyncio.open_unix_connection(address)
        return await asyncio.open_connection(host, address)

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Connect a client with the server until either ends or the connection is cut."""
        upstream, to_server = await self._dial()
        self.writers |= {writer, to_server}
        responses = asyncio.create_task(self._forward(upstream, writer))
        with suppress(OSError):
            while chunk := await reader.read(_CHUNK):
                if self._is_commit(chunk) and self.cuts_left and not self._spare_commit():
                    await self._cut_connection(chunk, to_server, upstream, responses)
                    break
                to_server.write(chunk)
                await to_server.drain()
        for stream in (writer, to_server):
            stream.close()

    def _is_commit(self, chunk: bytes) -> bool:
        return any(mark in chunk for mark in self.commit_marks)

    def _spare_commit(self) -> bool:
        """Tell whether this commit passes; count it."""
        self.commits_to_spare -= 1
        return self.commits_to_spare >= 0

    async def _cut_connection(
        self,
        chunk: bytes,
        to_server: asyncio.StreamWriter,
        upstream: asyncio.StreamReader,
        responses: "asyncio.Task[None]",
    ) -> None:
        self.cuts_left, self.cut_count = self.cuts_left - 1, self.cut_count + 1
        responses.cancel()
        await asyncio.gather(responses, return_exceptions=True)
        if self.is_after_commit:
            to_server.write(chunk)
            await to_server.drain()
            await upstream.read(_CHUNK)  # the server confirms; the client never gets it

    async def _forward(self, upstream: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while chunk := await upstream.read(_CHUNK):
                writer.write(chunk)
                await writer.drain()
            writer.close()


@asynccontextmanager
async def running_proxy(
    dsn: str, folder: Path, *, is_after_commit: bool, commit_marks: tuple[bytes, ...] = (COMMIT,)
) -> AsyncIterator[tuple[Proxy, str]]:
    """Yield a proxy in front of the server of `dsn`, and the address of the proxy."""
    parts = urlsplit(dsn)
    socket = parse_qs(parts.query).get("host", [None])[0]
    server: tuple[str, str | int] = (
        ("unix", f"{socket}/.s.PGSQL.{parts.port or 5432}") if socket else (parts.hostname or "", parts.port or 5432)
    )
    proxy = Proxy(server, is_after_commit, commit_marks)
    listener = await asyncio.start_unix_server(proxy.handle, folder / ".s.PGSQL.5432")
    userinfo = parts.netloc.rpartition("@")[0]
    address = parts._replace(
        netloc=f"{userinfo}@" if userinfo else "", query=urlencode({"host": str(folder)})
    ).geturl()
    try:
        yield proxy, address
    finally:
        listener.close()
        for writer in proxy.writers:
            writer.close()
