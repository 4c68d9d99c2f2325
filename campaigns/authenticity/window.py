"""The likes that a window rule sees: columns of small integers, in the order of time.

Persons, contents, devices and networks are numbered in the order of their first like. A rule sees
one campaign and reads columns; it never sees an id or a hash.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from campaigns.authenticity.observation import Observation

ABSENT = -1
_MS_US = 1_000
_QUARTER_MS = 900_000  # every offset of a time zone since 1970 is whole in quarters of an hour


class Established(NamedTuple):
    """When a person is established: a number of likes, on a number of days."""

    days: int
    likes: int


class Window(NamedTuple):
    """Likes as columns: one entry a like; `…_likes` are like numbers by person, content and so on."""

    likes: Sequence[Observation]
    time_ms: list[int]
    day: list[int]
    hour: list[int]
    person: list[int]
    content: list[int]
    device: list[int]
    network: list[int]
    person_likes: list[list[int]]
    content_likes: list[list[int]]
    device_likes: list[list[int]]
    network_likes: list[list[int]]
    is_established: list[bool]


def build_window(likes: Sequence[Observation], timezone: str, established: Established) -> Window:
    """Return the columns of likes that `earliest_by_like` has ordered. Pure.

    Day (as `date.toordinal` counts) and hour are those of the campaign's time zone.
    """
    time_ms = [like.event_us // _MS_US for like in likes]
    person, person_likes = _number([like.person for like in likes])
    content, content_likes = _number([like.content for like in likes])
    day, hour = _days_and_hours(time_ms, ZoneInfo(timezone))
    device, device_likes = _number([like.device for like in likes])
    network, network_likes = _number([like.network for like in likes])
    return Window(
        likes=likes,
        time_ms=time_ms,
        day=day,
        hour=hour,
        person=person,
        content=content,
        device=device,
        network=network,
        person_likes=person_likes,
        content_likes=content_likes,
        device_likes=device_likes,
        network_likes=network_likes,
        is_established=[_is_established(numbers, day, established) for numbers in person_likes],
    )


def count_by_person(window: Window, numbers: Iterable[int]) -> Counter[int]:
    """Return how many of the likes each person made. Pure."""
    return Counter(map(window.person.__getitem__, numbers))


def _number(values: Sequence[bytes | str | None]) -> tuple[list[int], list[list[int]]]:
    """Return each value's number, and the likes of each number. None has the number ABSENT."""
    number_of: dict[bytes | str, int] = {}
    likes: list[list[int]] = []
    numbers: list[int] = []
    for like, value in enumerate(values):
        if value is None:
            numbers.append(ABSENT)
            continue
        number = number_of.setdefault(value, len(likes))
        if number == len(likes):
            likes.append([])
        likes[number].append(like)
        numbers.append(number)
    return numbers, likes


def _is_established(numbers: list[int], day: list[int], established: Established) -> bool:
    return len(numbers) >= established.likes and len({day[like] for like in numbers}) >= established.days


def _days_and_hours(time_ms: list[int], zone: ZoneInfo) -> tuple[list[int], list[int]]:
    """Return each like's day (`date.toordinal`) and hour of the day, in the zone."""
    local_of: dict[int, tuple[int, int]] = {}
    days: list[int] = []
    hours: list[int] = []
    for moment_ms in time_ms:
        quarter = moment_ms // _QUARTER_MS
        local = local_of.get(quarter)
        if local is None:
            begins = datetime.fromtimestamp(quarter * (_QUARTER_MS // 1000), UTC).astimezone(zone)
            local = local_of[quarter] = (begins.toordinal(), begins.hour)
        days.append(local[0])
        hours.append(local[1])
    return days, hours
