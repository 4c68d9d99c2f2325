"""Likes by number: like n is the same here and, computed by PostgreSQL, in a table that is filled.

Some contents are hot: the first share x of them gets the share √x of the likes. People are spread
evenly. A duplicate repeats a like sent before, each with the same chance.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import NamedTuple

from campaigns.catalogue.pseudonyms import campaign_key, pseudonymiser

CONTENTS = 2_000
PEOPLE = 2_000_000
DUPLICATE_SHARE = 0.2
STARTS_AT = datetime(2022, 4, 8, tzinfo=UTC)
DAYS = 13
_SPREAD, _SPREAD_PEOPLE, _SPREAD_TIMES = 2_654_435_761, 2_246_822_519, 3_266_489_917
_WORD = 1 << 32

# The three columns of like `n` in SQL; $1 and $2 are the first and the last n.
LIKES_IN_SQL = f"""
    SELECT n, ({CONTENTS}::bigint * u * u) >> 32 AS content,
        (((n * {_SPREAD_PEOPLE}) % {_WORD}) * {PEOPLE}) >> 32 AS person,
        ((n * {_SPREAD_TIMES}) % {_WORD}) % ({DAYS} * 86400000::bigint) AS milliseconds
    FROM (SELECT n, ((n * {_SPREAD}) % {_WORD}) >> 16 AS u FROM generate_series($1::bigint, $2::bigint) n) spread
"""


class CrowdLike(NamedTuple):
    """A like: numbers of content and person, and its time in milliseconds from the start."""

    content: int
    person: int
    milliseconds: int

    @property
    def event_at(self) -> datetime:
        """Return the time."""
        return STARTS_AT + timedelta(milliseconds=self.milliseconds)


def like(n: int, people: int = PEOPLE) -> CrowdLike:
    """Return like n of a crowd of this many people."""
    u = (n * _SPREAD % _WORD) >> 16
    person = (n * _SPREAD_PEOPLE % _WORD) * people >> 32
    return CrowdLike(CONTENTS * u * u >> 32, person, n * _SPREAD_TIMES % _WORD % (DAYS * 86_400_000))


class Stream:
    """Likes in sending order: new ones, mixed with repeats."""

    def __init__(self, first: int = 0, people: int = PEOPLE, seed: int = 7) -> None:
        self._next, self._people, self._random = first, people, Random(seed)

    def take(self, likes: int, duplicate_share: float = DUPLICATE_SHARE) -> list[CrowdLike]:
        """Return the next likes."""
        return [like(self._number(duplicate_share), self._people) for _ in range(likes)]

    def _number(self, duplicate_share: float) -> int:
        if self._next and self._random.random() < duplicate_share:
            return self._random.randrange(self._next)
        self._next += 1
        return self._next - 1


def body(likes: Iterable[CrowdLike], campaign: str) -> bytes:
    """Return a delivery's body."""
    events = ",".join(
        f'{{"action":"like","content":"{event.content}","person":"{event.person}",'
        f'"event_at":"{event.event_at:%Y-%m-%dT%H:%M:%S}.{event.milliseconds % 1000:03}Z","campaign":"{campaign}"}}'
        for event in likes
    )
    return f'{{"type":"likes","timestamp":"2026-11-23T08:00:00Z","data":{{"likes":[{events}]}}}}'.encode()


def bodies(likes: Sequence[CrowdLike], size: int, campaign: str) -> list[bytes]:
    """Return deliveries of `size` likes each."""
    return [body(likes[first : first + size], campaign) for first in range(0, len(likes), size)]


Row = tuple[int, datetime, int, object, int, str, int, bytes, str]


def rows(likes: Iterable[CrowdLike], pseudonym_key: bytes, campaign: str, platform: str) -> list[Row]:
    """Return the rows that the service would store, for inserts that bypass it."""
    pseudonym = pseudonymiser(campaign_key(pseudonym_key, campaign), platform)
    return [
        (
            1,
            event.event_at,
            1,
            event.event_at.date(),
            position,
            "counted",
            0,
            pseudonym(str(event.person)),
            str(event.content),
        )
        for position, event in enumerate(likes)
    ]


def pseudonyms(pseudonym_key: bytes, campaign: str, platform: str) -> Iterable[tuple[int, bytes]]:
    """Yield every person's number and pseudonym."""
    pseudonym = pseudonymiser(campaign_key(pseudonym_key, campaign), platform)
    return ((person, pseudonym(str(person))) for person in range(PEOPLE))
