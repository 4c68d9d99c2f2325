"""Where a log is read from: a service or a folder of its files (https://c2sp.org/tlog-tiles)."""

import http.client
import threading
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

FILE_BYTES_MAX = 64 << 20  # a bundle has at most 16.8 MB
_TIMEOUT_SECONDS_MAX = 30
_ATTEMPTS_MAX = 3


class SourceError(Exception):
    """A file cannot be read."""


class MissingFile(SourceError):
    """The file does not exist."""


class Source(Protocol):
    """Reads files by path; safe for concurrent threads."""

    publishes_totals: bool  # if so, missing totals fail the verification

    def read_log_file(self, path: str) -> bytes:
        """Return a file of the log.

        Raises SourceError if it cannot be read.
        """

    def read_totals(self) -> bytes:
        """Return the public totals as JSON.

        Raises MissingFile if the source has only the log's files, SourceError if reading fails.
        """

    def close(self) -> None:
        """Release connections; later reads open new ones."""


class FolderSource:
    """A folder written by `like-ledger log export`, or a copy."""

    publishes_totals = False

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read_log_file(self, path: str) -> bytes:
        """Return a file of the log."""
        try:
            return (self._folder / path).read_bytes()
        except FileNotFoundError:
            raise MissingFile(f"{self._folder / path} is missing") from None
        except OSError as error:
            raise SourceError(f"{self._folder / path}: {error.strerror}") from None

    def read_totals(self) -> bytes:
        """Raise MissingFile: a folder contains no totals."""
        raise MissingFile("a folder has no totals to compare with")

    def close(self) -> None:
        """Do nothing: no file stays open."""


class HttpSource:
    """A service: log files below `/log/`, totals at `/v1/totals`; one kept connection a thread."""

    publishes_totals = True

    def __init__(self, url: str, timeout_seconds: float = _TIMEOUT_SECONDS_MAX) -> None:
        parts = urlsplit(url.rstrip("/"))
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
            raise SourceError(f"{url} is neither a folder nor an address such as https://ledger.example.org")
        self._url_parts, self._thread_local = parts, threading.local()
        self._timeout_seconds = timeout_seconds
        self._connections: list[http.client.HTTPConnection] = []

    def read_log_file(self, path: str) -> bytes:
        """Return a file of the log."""
        return self._get(f"/log/{path}")

    def read_totals(self) -> bytes:
        """Return the public totals as JSON."""
        return self._get("/v1/totals")

    def _get(self, path: str) -> bytes:
        for attempts_left in reversed(range(_ATTEMPTS_MAX)):
            try:
                return self._get_once(self._url_parts.path + path)
            except (OSError, http.client.HTTPException) as error:  # the server may have closed a kept connection
                self._connection().close()
                if not attempts_left:
                    raise SourceError(f"{self._url_parts.netloc}{path}: {error or type(error).__name__}") from None
        raise AssertionError

    def _get_once(self, path: str) -> bytes:
        connection = self._connection()
        connection.request("GET", path, headers={"Accept-Encoding": "identity", "User-Agent": "like-ledger-verify"})
        response = connection.getresponse()
        body = response.read(FILE_BYTES_MAX + 1)
        if len(body) > FILE_BYTES_MAX:
            connection.close()
            raise SourceError(f"{path} has more than {FILE_BYTES_MAX} bytes")
        if response.status in {http.HTTPStatus.NOT_FOUND, http.HTTPStatus.GONE}:
            raise MissingFile(f"{path} is missing")
        if response.status != http.HTTPStatus.OK:
            raise SourceError(f"{path}: status {response.status}")
        return body

    def _connection(self) -> http.client.HTTPConnection:
        connection: http.client.HTTPConnection | None = getattr(self._thread_local, "connection", None)
        if connection is None:
            kinds = {"http": http.client.HTTPConnection, "https": http.client.HTTPSConnection}
            connection = kinds[self._url_parts.scheme](
                self._url_parts.hostname or "", self._url_parts.port, timeout=self._timeout_seconds
            )
            self._thread_local.connection = connection
            self._connections.append(connection)
        return connection

    def close(self) -> None:
        """Close all connections."""
        while self._connections:
            self._connections.pop().close()
        self._thread_local = threading.local()


def open_source(location: str, timeout_seconds: float = _TIMEOUT_SECONDS_MAX) -> Source:
    """Return the source at an address or a folder's path.

    Raises SourceError if it is neither.
    """
    if "://" not in location and Path(location).is_dir():
        return FolderSource(Path(location))
    return HttpSource(location, timeout_seconds)
