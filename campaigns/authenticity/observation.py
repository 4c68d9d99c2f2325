"""Observations: what a platform reported around a like, as the rules see it.

A device and a network are keyed hashes under the campaign's own key. Values that name nobody are
absent: two absent values are never equal. `observation_pack` stores a batch of observations.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from hashlib import blake2b
from typing import Any, NamedTuple

TAG_BYTES = 8  # of a hashed device or network
_MILLISECONDS_MAX = 2**40  # 34 years: a longer watch is stored as this
_AGE_DAYS_MAX = 2**16 - 2
_TAGS_MAX = 2**16
_READERS_MAX = 64
_NOBODY = re.compile(
    r"(?:null|none|nil|undefined|unknown|unavailable|not available|n/?a|nan|anonymous|default|empty|false|hidden"
    r"|(?:0x)?[0\W_]*|([fx*?])\1+(?:[\W_]+\1+)*"
    r"|02:00:00:00:00:00|9774d56d682e549c|(?:::ffff:)?127\.0\.0\.1|::1|localhost)",
    re.IGNORECASE,
)


class Observation(NamedTuple):
    """One like event as the rules see it; None: the platform did not report it.

    Times are microseconds since 1970 (UTC) and milliseconds.
    """

    event_us: int
    person: bytes
    content: str
    platform: str
    device: bytes | None = None
    network: bytes | None = None
    account_age_days: int | None = None
    watch_ms: int | None = None
    duration_ms: int | None = None
    followed: bool | None = None
    commented: bool | None = None
    shared: bool | None = None


def names_nobody(tag: str) -> bool:
    """Return whether a device or network names nobody: empty, zeros, `unknown`, a shared placeholder. Pure."""
    return _NOBODY.fullmatch(tag.strip()) is not None


def tag_hasher(campaign_key: bytes, kind: str) -> Callable[[str | None], bytes | None]:
    """Return the function from a reported device or network to its hash (8 bytes). Pure.

    `kind` is `device` or `network`; the same text hashes differently for each. A value that names
    nobody is None.
    """
    start = blake2b(key=campaign_key, person=kind.encode(), digest_size=TAG_BYTES)

    def hash_tag(tag: str | None) -> bytes | None:
        if tag is None or names_nobody(tag):
            return None
        keyed = start.copy()
        keyed.update(tag.strip().encode())
        return keyed.digest()

    return hash_tag


class ObservationReader:
    """Makes observations of one campaign from the signals of its like events."""

    def __init__(self, campaign_key: bytes) -> None:
        self._hash_device = tag_hasher(campaign_key, "device")
        self._hash_network = tag_hasher(campaign_key, "network")
        # People like more than once: their tags come again.
        self._devices: dict[str | None, bytes | None] = {}
        self._networks: dict[str | None, bytes | None] = {}

    def hash_devices(self, devices: Sequence[str | None]) -> list[bytes | None]:
        """Return the hashes of reported devices."""
        return _hash_tags(devices, self._devices, self._hash_device)

    def hash_networks(self, networks: Sequence[str | None]) -> list[bytes | None]:
        """Return the hashes of reported networks."""
        return _hash_tags(networks, self._networks, self._hash_network)

    def cut_ages(self, ages: list[int | None]) -> list[int | None]:
        """Return ages in days, cut to the largest stored."""
        return _cut(ages, _AGE_DAYS_MAX)

    def cut_milliseconds(self, figures: list[int | None]) -> list[int | None]:
        """Return times in milliseconds, cut to the largest stored."""
        return _cut(figures, _MILLISECONDS_MAX)

    def observe(
        self, event_us: int, person: bytes, content: str, platform: str, signals: Mapping[str, Any]
    ) -> Observation:
        """Return the observation of one like event. Pure.

        `signals` are the intake's. Figures beyond any real one are cut to the largest stored.
        """
        return Observation(
            event_us,
            person,
            content,
            platform,
            self._hash_device(signals.get("device")),
            self._hash_network(signals.get("network")),
            _at_most(signals.get("account_age_days"), _AGE_DAYS_MAX),
            _at_most(signals.get("watch_ms"), _MILLISECONDS_MAX),
            _at_most(signals.get("duration_ms"), _MILLISECONDS_MAX),
            signals.get("followed"),
            signals.get("commented"),
            signals.get("shared"),
        )


@lru_cache(_READERS_MAX)
def observation_reader(campaign_key: bytes) -> ObservationReader:
    """Return the reader of a campaign. Cached: it keeps the tags that it hashed."""
    return ObservationReader(campaign_key)


def sort_key(observation: Observation) -> tuple[Any, ...]:
    """Return the key that orders observations by time, ties by their values. Pure.

    An absent value comes before any other.
    """
    event_us, person, content, platform, device, network, *figures = observation
    return (
        event_us,
        person,
        content.encode(),
        platform,
        device or b"",
        network or b"",
        *(-1 if value is None else int(value) for value in figures),
    )


def earliest_by_like(observations: list[Observation]) -> list[Observation]:
    """Return each like's observation of its earliest event, in the order of `sort_key`. Pure.

    A like is one person and one content. Repeats, order and batches of the input do not matter.
    """
    likes: dict[tuple[bytes, str], Observation] = {}
    for observation in sorted(observations, key=sort_key):
        likes.setdefault((observation.person, observation.content), observation)
    return list(likes.values())


def _hash_tags(
    tags: Sequence[str | None],
    hashes: dict[str | None, bytes | None],
    hash_tag: Callable[[str | None], bytes | None],
) -> list[bytes | None]:
    if len(hashes) > _TAGS_MAX:
        hashes.clear()
    for tag in set(tags).difference(hashes):
        hashes[tag] = hash_tag(tag)
    return [hashes[tag] for tag in tags]


def _cut(values: list[int | None], most: int) -> list[int | None]:
    largest = max(filter(None, values), default=0)
    return values if largest <= most else [_at_most(value, most) for value in values]


def _at_most(value: int | None, most: int) -> int | None:
    return value if value is None or value <= most else most
