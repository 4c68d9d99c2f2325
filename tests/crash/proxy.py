"""A line to PostgreSQL that breaks: it passes on what it is sent, and cuts when it is told to."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

_COMMIT = b"COMMIT;"  # as asyncpg's transactions send it
_CHUNK = 65_536


@dataclass
class Proxy:
    """Cuts the line at the next `cuts` commits behind those `spared`: before the server gets it, or once it did."""

    server: tuple[str, str | int]  # ("unix", path) or (host, port)
    after: bool
    cuts: int = 0
    spared: int = 0
    cut: int = 0
    writers: set[asyncio.StreamWriter] = field(default_factory=set)

    async def _dial(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        host, at = self.server
        return await (asyncio.open_unix_connection(at) if host == "unix" else asyncio.open_connection(host, at))

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Join a client with the server until either ends or the line is cut."""
        upstream, to_server = await self._dial()
        self.writers |= {writer, to_server}
        back = asyncio.create_task(self._pass_on(upstream, writer))
        with suppress(OSError):
            while chunk := await reader.read(_CHUNK):
                if _COMMIT in chunk and self.cuts and not self._spares():
                    await self._cut(chunk, to_server, upstream, back)
                    break
                to_server.write(chunk)
                await to_server.drain()
        for end in (writer, to_server):
            end.close()

    def _spares(self) -> bool:
        """Tell whether this commit is one of those that pass, and count it."""
        self.spared -= 1
        return self.spared >= 0

    async def _cut(
        self,
        chunk: bytes,
        to_server: asyncio.StreamWriter,
        upstream: asyncio.StreamReader,
        back: "asyncio.Task[None]",
    ) -> None:
        self.cuts, self.cut = self.cuts - 1, self.cut + 1
        back.cancel()
        await asyncio.gather(back, return_exceptions=True)
        if self.after:
            to_server.write(chunk)
            await to_server.drain()
            await upstream.read(_CHUNK)  # the server says that it is done; nobody else hears it

    async def _pass_on(self, upstream: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while chunk := await upstream.read(_CHUNK):
                writer.write(chunk)
                await writer.drain()
            writer.close()


@asynccontextmanager
async def proxied(dsn: str, folder: Path, *, after: bool) -> AsyncIterator[tuple[Proxy, str]]:
    """Yield a proxy before the server of `dsn`, and the address through it."""
    parts = urlsplit(dsn)
    socket = parse_qs(parts.query).get("host", [None])[0]
    to: tuple[str, str | int] = (
        ("unix", f"{socket}/.s.PGSQL.{parts.port or 5432}") if socket else (parts.hostname or "", parts.port or 5432)
    )
    proxy = Proxy(to, after)
    listening = await asyncio.start_unix_server(proxy.handle, folder / ".s.PGSQL.5432")
    userinfo = parts.netloc.rpartition("@")[0]
    address = parts._replace(
        netloc=f"{userinfo}@" if userinfo else "", query=urlencode({"host": str(folder)})
    ).geturl()
    try:
        yield proxy, address
    finally:
        listening.close()
        for writer in proxy.writers:
            writer.close()
