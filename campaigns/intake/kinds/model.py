"""What every kind of platform has: a signature to verify, and a body to read into like events.

`verify` tries every live secret in constant time over the raw bytes, before anything is parsed.
`read` raises only Unreadable. A part of a body that cannot be read is reported by its path and
type, never by its value.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Literal, NamedTuple

Action = Literal["like", "unlike"]
EMPTY_ANSWER = b"{}"


class Unreadable(Exception):
    """The body is not UTF-8, not JSON, or something follows the end of its JSON."""


class Request(NamedTuple):
    """A request as it came: names of headers are in lower case."""

    method: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


class Secret(NamedTuple):
    """What a platform issued for one address: values by name, for example `secret` and `verify_token`."""

    values: Mapping[str, str]

    def to_bytes(self, name: str = "secret") -> bytes:
        """Return a value as bytes."""
        return self.values[name].encode()


class Verified(NamedTuple):
    """A request whose signature fits, and the indexes of the secrets that made it."""

    request: Request
    secret_indexes: tuple[int, ...]


class PlatformEvent(NamedTuple):
    """A like or unlike as a kind reads it.

    `event_at` is None if the event has no time: the moment of its first receipt counts. `content` is
    None if it names only the like, by `like_id`. `taps` are those of a live room, 0 elsewhere.
    """

    action: Action
    content: str | None
    person: str
    event_at: datetime | None
    like_id: str | None = None
    taps: int = 0


class Unread(NamedTuple):
    """A part of a body that could not be read: the kind of event, and a path with what was expected."""

    event: str
    reason: str


class Reading(NamedTuple):
    """What a body holds.

    `ignored` counts events that are none of ours. `answer` is the body of the response. `delivery`
    identifies the delivery: the same one sent again has the same, other bytes have another.
    """

    events: Sequence[PlatformEvent]
    ignored: int
    unread: Sequence[Unread]
    answer: bytes
    delivery: str


class Kind(NamedTuple):
    """A kind of platform.

    `secrets` are the names in its secret file. `ack_seconds` is how long it waits for a response.
    `is_live`: likes are taps in rooms. `reactions` are those that count unless the platform says
    otherwise. `setup` and `limits` tell an operator, in Chinese and English, where it is set up and
    what it cannot tell.
    """

    name: str
    secrets: tuple[str, ...]
    ack_seconds: int
    verify: Callable[[Request, Sequence[Secret], datetime], Verified | None]
    read: Callable[[Verified, frozenset[str]], Reading]
    challenge: Callable[[Request, Sequence[Secret]], bytes | None] | None = None
    is_live: bool = False
    reactions: tuple[str, ...] = ()
    setup: Mapping[str, str] = {}
    limits: Mapping[str, str] = {}
