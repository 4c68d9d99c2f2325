"""Where a log is read from: an address that serves it, or a folder that holds its files (https://c2sp.org/tlog-tiles)."""

import http.client
import threading
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

BYTES_MAX = 64 << 20  # a bundle has 16.8 MB at most
_SECONDS_MAX = 30
_TRIES = 3


class Unreadable(Exception):
    """A file could not be had."""


class Missing(Unreadable):
    """There is no such file."""


class Source(Protocol):
    """Reads files by their paths; any number of threads may ask at once."""

    shows_totals: bool  # it owes them: missing, they are hidden

    def log(self, path: str) -> bytes:
        """Return a file of the log. Raises Unreadable."""

    def figures(self) -> bytes:
        """Return the public totals as JSON. Raises Unreadable; Missing where there are only the log's files."""

    def close(self) -> None:
        """Let go of what was opened; it may be asked again later."""


class Folder:
    """What `like-ledger log export` wrote, or a copy of it."""

    shows_totals = False

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def log(self, path: str) -> bytes:
        """Return a file of the log."""
        try:
            return (self._folder / path).read_bytes()
        except FileNotFoundError:
            raise Missing(f"{self._folder / path} is missing") from None
        except OSError as fault:
            raise Unreadable(f"{self._folder / path}: {fault.strerror}") from None

    def figures(self) -> bytes:
        """Raise Missing: a folder has no figures beside the log."""
        raise Missing("a folder has no totals to compare with")

    def close(self) -> None:
        """Do nothing: no file stays open."""


class Address:
    """A service: the log below `/log/`, its totals at `/v1/totals`. One connection a thread, kept open."""

    shows_totals = True

    def __init__(self, url: str) -> None:
        parts = urlsplit(url.rstrip("/"))
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
            raise Unreadable(f"{url} is no address: https://…")
        self._parts, self._own = parts, threading.local()
        self._opened: list[http.client.HTTPConnection] = []

    def log(self, path: str) -> bytes:
        """Return a file of the log."""
        return self._get(f"/log/{path}")

    def figures(self) -> bytes:
        """Return the public totals as JSON."""
        return self._get("/v1/totals")

    def _get(self, path: str) -> bytes:
        for left in reversed(range(_TRIES)):
            try:
                return self._once(self._parts.path + path)
            except (OSError, http.client.HTTPException) as fault:  # a connection that was kept may have ended
                self._connection().close()
                if not left:
                    raise Unreadable(f"{self._parts.netloc}{path}: {fault or type(fault).__name__}") from None
        raise AssertionError

    def _once(self, path: str) -> bytes:
        connection = self._connection()
        connection.request("GET", path, headers={"Accept-Encoding": "identity", "User-Agent": "like-ledger-verify"})
        answer = connection.getresponse()
        body = answer.read(BYTES_MAX + 1)
        if len(body) > BYTES_MAX:
            connection.close()
            raise Unreadable(f"{path} has more than {BYTES_MAX} bytes")
        if answer.status == http.HTTPStatus.NOT_FOUND:
            raise Missing(f"{path} is missing")
        if answer.status != http.HTTPStatus.OK:
            raise Unreadable(f"{path}: status {answer.status}")
        return body

    def _connection(self) -> http.client.HTTPConnection:
        held: http.client.HTTPConnection | None = getattr(self._own, "connection", None)
        if held is None:
            kinds = {"http": http.client.HTTPConnection, "https": http.client.HTTPSConnection}
            held = kinds[self._parts.scheme](self._parts.hostname or "", self._parts.port, timeout=_SECONDS_MAX)
            self._own.connection = held
            self._opened.append(held)
        return held

    def close(self) -> None:
        """End every connection."""
        while self._opened:
            self._opened.pop().close()
        self._own = threading.local()


def source_of(where: str) -> Source:
    """Return the source that an address or a folder's path names. Raises Unreadable."""
    return Folder(Path(where)) if "://" not in where and Path(where).is_dir() else Address(where)
