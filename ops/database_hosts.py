"""The hosts of a database address: connect to the primary among them, and follow a failover.

asyncpg's time limit covers all hosts of an address together, so one that hangs would use it up.
Here each host has its own (`ops/decisions/0024-acknowledged-means-replicated.md`).
"""

import socket
from functools import cache
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit
from weakref import WeakSet

import asyncpg
from asyncpg.connect_utils import SessionAttribute

from ops.sessions import CancelBound
from sql import query
from sql.replication import ReplicatedConnection

HOST_SECONDS_MAX = 3.0
_ONLY_HOST_SECONDS_MAX = 5.0
_READ_TIMELINE = query("read_timeline")

# A server that vanishes without a word (power, network) is noticed after about ten seconds.
_SOCKET_OPTIONS = (
    ("SOL_SOCKET", "SO_KEEPALIVE", 1),
    ("IPPROTO_TCP", "TCP_KEEPIDLE", 5),  # seconds
    ("IPPROTO_TCP", "TCP_KEEPINTVL", 2),  # seconds
    ("IPPROTO_TCP", "TCP_KEEPCNT", 3),
    ("IPPROTO_TCP", "TCP_USER_TIMEOUT", 10_000),  # milliseconds
)


class NoPrimary(ConnectionError):
    """No host of the address accepts writes; the message has the reason of each."""


class _OldTimeline(Exception):
    """The host accepts writes, but another one was promoted in its place."""


_NEXT_HOST_ERRORS = (
    OSError,
    TimeoutError,
    asyncpg.TargetServerAttributeNotMatched,  # a standby
    asyncpg.CannotConnectNowError,  # it starts or stops
    asyncpg.PostgresConnectionError,
    asyncpg.InsufficientResourcesError,
    _OldTimeline,
)


class DatabaseConnection(CancelBound, ReplicatedConnection):
    """A connection that notices a lost server, and knows the timeline of its server's history."""

    def __init__(self, protocol: Any, transport: Any, *args: Any) -> None:
        super().__init__(protocol, transport, *args)
        self.timeline = ""
        _watch_peer(transport.get_extra_info("socket"))


class Cluster:
    """The servers behind one address, and which of them was the newest primary.

    A promotion starts a new timeline. Once this process has seen it, connections to the former
    primary are dropped, and that server is refused even if it accepts writes again.
    """

    def __init__(self, dsn: str) -> None:
        self._hosts = split_hosts(dsn)
        self._timeline = ""
        self._connections: WeakSet[DatabaseConnection] = WeakSet()

    @property
    def host_count(self) -> int:
        """The number of hosts that a connection may try."""
        return len(self._hosts)

    async def connect(self, dsn: str | None = None, **options: Any) -> DatabaseConnection:  # noqa: ARG002 - asyncpg's
        """Return a connection to the primary; asyncpg's pools call it with the same address.

        Raises NoPrimary if no host accepts writes, and errors of one's credentials or database.
        """
        if len(self._hosts) == 1:
            return await _connect_to(self._hosts[0], options | {"timeout": _ONLY_HOST_SECONDS_MAX})
        reasons = []
        for host in self._hosts:  # of this moment: each attempt changes the order for the next
            try:
                return await self._try_host(host, options)
            except asyncpg.ProtocolViolationError:  # a pooler, not PostgreSQL
                raise
            except _NEXT_HOST_ERRORS as error:
                reasons.append(_explain(error))
        raise NoPrimary(f"no host of the address accepts writes: {'; '.join(reasons)}")

    async def _try_host(self, host: str, options: dict[str, Any]) -> DatabaseConnection:
        """Connect to a host; it is tried last from now on if it fails or the caller gives up, else first."""
        others = [other for other in self._hosts if other != host]
        try:
            conn = await self._connect_to_primary(host, options)
        except BaseException:
            self._hosts = (*others, host)
            raise
        self._hosts = (host, *others)
        return conn

    async def _connect_to_primary(self, host: str, options: dict[str, Any]) -> DatabaseConnection:
        conn = await _connect_to(
            host, options | {"timeout": HOST_SECONDS_MAX, "target_session_attrs": SessionAttribute.read_write}
        )
        try:
            conn.timeline = await conn.fetchval(_READ_TIMELINE, timeout=HOST_SECONDS_MAX)
            self._follow(conn)
        except BaseException:
            conn.terminate()
            raise
        return conn

    def _follow(self, conn: DatabaseConnection) -> None:
        if conn.timeline < self._timeline:
            raise _OldTimeline("another server was promoted in its place")
        self._connections.add(conn)
        if conn.timeline > self._timeline:
            self._timeline = conn.timeline
            self._drop_older_connections()

    def _drop_older_connections(self) -> None:
        for conn in list(self._connections):
            if conn.timeline < self._timeline:
                conn.terminate()  # a statement that hangs in it fails now


async def _connect_to(host: str, options: dict[str, Any]) -> DatabaseConnection:
    conn: DatabaseConnection = await asyncpg.connect(host, **options | {"connection_class": DatabaseConnection})
    return conn


def _explain(error: Exception) -> str:
    if isinstance(error, asyncpg.TargetServerAttributeNotMatched):
        return "a standby, or read-only"
    return str(error) or "no answer in time"


@cache
def find_cluster(dsn: str) -> Cluster:
    """Return the cluster of an address: one for all pools of this process."""
    return Cluster(dsn)


async def connect(dsn: str) -> DatabaseConnection:
    """Return one connection to the primary, with the rights of the address's user; close it.

    Raises as `Cluster.connect`.
    """
    return await find_cluster(dsn).connect(dsn)


def split_hosts(dsn: str) -> tuple[str, ...]:
    """Return the address once for each of its hosts, in order. Pure.

    The hosts stand before the database's name or in the parameters `host` and `port`, as in
    https://www.postgresql.org/docs/current/libpq-connect.html.
    """
    parts = urlsplit(dsn)
    user, at, hosts = parts.netloc.rpartition("@")
    if hosts:
        return tuple(parts._replace(netloc=f"{user}{at}{host}").geturl() for host in hosts.split(","))
    parameters = dict(parse_qsl(parts.query, keep_blank_values=True))
    names = parameters.get("host", "").split(",")
    if len(names) == 1:
        return (dsn,)
    ports = parameters.get("port", "").split(",")
    ports = ports * len(names) if len(ports) == 1 else ports
    if len(ports) != len(names):
        raise asyncpg.ClientConfigurationError(f"the address names {len(names)} hosts and {len(ports)} ports")
    pairs = [{"host": name} | ({"port": port} if port else {}) for name, port in zip(names, ports, strict=True)]
    return tuple(parts._replace(query=urlencode(parameters | pair)).geturl() for pair in pairs)


def _watch_peer(connection: socket.socket) -> None:
    """Let the kernel probe an idle peer, and give up on one that acknowledges nothing (tcp(7))."""
    if connection.family not in {socket.AF_INET, socket.AF_INET6}:
        return
    for level, name, value in _SOCKET_OPTIONS:
        if hasattr(socket, name):
            connection.setsockopt(getattr(socket, level), getattr(socket, name), value)
