"""Which connections are open, and which one makes room for a new one at a limit."""

from enum import Enum
from typing import Protocol


class Waiting(Protocol):
    """A connection, as far as the registry is concerned."""

    @property
    def is_waiting(self) -> bool:
        """Whether the service waits for the client: between requests, or for the rest of one."""

    def force_close(self) -> None:
        """Close the connection."""


class Admission(Enum):
    """The answer to a new connection."""

    ACCEPTED = "accepted"
    TOO_MANY_OF_CLIENT = "too many of the client"
    TOO_MANY = "too many"


class ConnectionRegistry:
    """The open connections by the client's network, those that waited longest first.

    At a limit the connection that has waited longest for its client is closed. So clients that
    send half requests push out each other, and not those that send whole ones. A new connection is
    refused only while all others are at work.
    """

    def __init__(self, connections_max: int, connections_max_per_client: int | None) -> None:
        self._max, self._max_per_client = connections_max, connections_max_per_client
        self._by_network: dict[str, dict[Waiting, None]] = {}
        self.count = 0

    def add(self, connection: Waiting, network: str) -> Admission:
        """Register a connection; at a limit close another one, or refuse this one."""
        same_client = self._by_network.get(network, {})
        if self._max_per_client is not None and len(same_client) >= self._max_per_client:
            if not self._close_longest_waiting(network):
                return Admission.TOO_MANY_OF_CLIENT
        elif self.count >= self._max and not self._close_of_largest_client():
            return Admission.TOO_MANY
        self._by_network.setdefault(network, {})[connection] = None
        self.count += 1
        return Admission.ACCEPTED

    def refresh(self, connection: Waiting, network: str) -> None:
        """Move a connection whose client sent a whole request behind all others."""
        connections = self._by_network.get(network, {})
        if connections.pop(connection, connection) is None:
            connections[connection] = None

    def remove(self, connection: Waiting, network: str) -> None:
        """Forget a connection; repeating it changes nothing."""
        connections = self._by_network.get(network, {})
        if connections.pop(connection, connection) is None:
            self.count -= 1
            if not connections:
                del self._by_network[network]

    def _close_of_largest_client(self) -> bool:
        networks = sorted(self._by_network, key=lambda network: -len(self._by_network[network]))
        return any(self._close_longest_waiting(network) for network in networks)

    def _close_longest_waiting(self, network: str) -> bool:
        victim = next((other for other in self._by_network[network] if other.is_waiting), None)
        if victim is None:
            return False
        self.remove(victim, network)
        victim.force_close()
        return True
