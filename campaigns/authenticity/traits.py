"""Traits: what makes a like remarkable among others. A trait alone holds no like."""

from collections import Counter
from collections.abc import Iterable
from enum import IntEnum
from itertools import pairwise

from campaigns.authenticity.kinds import BASIS_POINTS
from campaigns.authenticity.observation import Observation
from campaigns.authenticity.ruleset import Traits
from campaigns.authenticity.window import ABSENT, Window

_SHARED_DEVICE_PEOPLE = 3


class Trait(IntEnum):
    """Bits of a like's traits. Plain integers result from combining them."""

    SCRIPTED_WATCH = 1  # cut short, or as long as the video: the two ways of watching by script
    NEW_ACCOUNT = 2
    NO_TAGS = 4  # neither device nor network
    QUICK = 8  # within seconds of another like of the person
    DEED = 16  # followed, commented or shared
    SAME_WATCH = 32  # watched to the millisecond as somebody else watched the content
    SHARED_DEVICE = 64
    TOGETHER = 128  # the person also likes other contents of a crowd


def find_traits(window: Window, traits: Traits) -> list[int]:
    """Return each like's traits, as bits. Pure."""
    watches = Counter((like.content, like.watch_ms) for like in window.likes if like.watch_ms)
    people_by_device = [len({window.person[like] for like in likes}) for likes in window.device_likes]
    bits = [_traits_alone(like, traits) for like in window.likes]
    for number, like in enumerate(window.likes):
        if like.watch_ms and watches[like.content, like.watch_ms] > 1:
            bits[number] |= Trait.SAME_WATCH
        device = window.device[number]
        if device != ABSENT and people_by_device[device] >= _SHARED_DEVICE_PEOPLE:
            bits[number] |= Trait.SHARED_DEVICE
    for number in _quick_likes(window, traits.quick_seconds * 1_000):
        bits[number] |= Trait.QUICK
    return bits


def _traits_alone(like: Observation, traits: Traits) -> int:
    """Return the traits that one observation shows by itself."""
    age = like.account_age_days
    return (
        (1 if _is_scripted_watch(like.watch_ms, like.duration_ms, traits) else 0)
        | (2 if age is not None and age <= traits.new_account_days else 0)
        | (4 if like.device is None and like.network is None else 0)
        | (16 if like.followed or like.commented or like.shared else 0)
    )


def _is_scripted_watch(watch_ms: int | None, duration_ms: int | None, traits: Traits) -> bool:
    if watch_ms is None:
        return False
    if watch_ms < traits.short_watch_ms or not duration_ms:
        return watch_ms < traits.short_watch_ms
    scaled = BASIS_POINTS * watch_ms
    return traits.whole_watch_from_bp * duration_ms <= scaled <= traits.whole_watch_to_bp * duration_ms


def _quick_likes(window: Window, gap_ms: int) -> Iterable[int]:
    time_ms = window.time_ms
    for likes in window.person_likes:
        for before, after in pairwise(likes):
            if time_ms[after] - time_ms[before] < gap_ms:
                yield before
                yield after
