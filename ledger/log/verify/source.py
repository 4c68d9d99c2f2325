"""Where a log is read from: an address that serves it, or a folder that holds its files (https://c2sp.org/tlog-tiles)."""

import http.client
import threading
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

FILE_BYTES_MAX = 64 << 20  # a bundle has 16.8 MB at most
_TIMEOUT_SECONDS_MAX = 30
_ATTEMPTS_MAX = 3


class SourceError(Exception):
    """A file could not be had."""


class MissingFile(SourceError):
    """There is no such file."""


class Source(Protocol):
    """Reads files by their paths; any number of threads may ask at once."""

    publishes_totals: bool  # it owes them: missing, they are hidden

    def read_log_file(self, path: str) -> bytes:
        """Return a file of the log. Raises Unreadable."""

    def read_totals(self) -> bytes:
        """Return the public totals as JSON. Raises Unreadable; Missing where there are only the log's files."""

    def close(self) -> None:
        """Let go of what was opened; it may be asked again later."""


class FolderSource:
    """What `like-ledger log export` wrote, or a copy of it."""

    publishes_totals = False

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read_log_file(self, path: str) -> bytes:
        """Return a file of the log."""
        try:
            return (self._folder / path).read_bytes()
        except FileNotFoundError:
            raise MissingFile(f"{self._folder / path} is missing") from None
        except OSError as fault:
            raise SourceError(f"{self._folder / path}: {fault.strerror}") from None

    def read_totals(self) -> bytes:
        """Raise Missing: a folder has no figures beside the log."""
        raise MissingFile("a folder has no totals to compare with")

    def close(self) -> None:
        """Do nothing: no file stays open."""


class HttpSource:
    """A service: the log below `/log/`, its totals at `/v1/totals`. One connection a thread, kept open."""

    publishes_totals = True

    def __init__(self, url: str) -> None:
        parts = urlsplit(url.rstrip("/"))
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
            raise SourceError(f"{url} is no address: https://…")
        self._url_parts, self._thread_local = parts, threading.local()
        self._connections: list[http.client.HTTPConnection] = []

    def read_log_file(self, path: str) -> bytes:
        """Return a file of the log."""
        return self._get(f"/log/{path}")

    def read_totals(self) -> bytes:
        """Return the public totals as JSON."""
        return self._get("/v1/totals")

    def _get(self, path: str) -> bytes:
        for left in reversed(range(_ATTEMPTS_MAX)):
            try:
                return self._get_once(self._url_parts.path + path)
            except (OSError, http.client.HTTPException) as fault:  # a connection that was kept may have ended
                self._connection().close()
                if not left:
                    raise SourceError(f"{self._url_parts.netloc}{path}: {fault or type(fault).__name__}") from None
        raise AssertionError

    def _get_once(self, path: str) -> bytes:
        connection = self._connection()
        connection.request("GET", path, headers={"Accept-Encoding": "identity", "User-Agent": "like-ledger-verify"})
        answer = connection.getresponse()
        body = answer.read(FILE_BYTES_MAX + 1)
        if len(body) > FILE_BYTES_MAX:
            connection.close()
            raise SourceError(f"{path} has more than {FILE_BYTES_MAX} bytes")
        if answer.status == http.HTTPStatus.NOT_FOUND:
            raise MissingFile(f"{path} is missing")
        if answer.status != http.HTTPStatus.OK:
            raise SourceError(f"{path}: status {answer.status}")
        return body

    def _connection(self) -> http.client.HTTPConnection:
        held: http.client.HTTPConnection | None = getattr(self._thread_local, "connection", None)
        if held is None:
            kinds = {"http": http.client.HTTPConnection, "https": http.client.HTTPSConnection}
            held = kinds[self._url_parts.scheme](
                self._url_parts.hostname or "", self._url_parts.port, timeout=_TIMEOUT_SECONDS_MAX
            )
            self._thread_local.connection = held
            self._connections.append(held)
        return held

    def close(self) -> None:
        """End every connection."""
        while self._connections:
            self._connections.pop().close()
        self._thread_local = threading.local()


def open_source(location: str) -> Source:
    """Return the source that an address or a folder's path names. Raises Unreadable."""
    return FolderSource(Path(location)) if "://" not in location and Path(location).is_dir() else HttpSource(location)
