"""Attacks on the simulated platform: likes that nobody meant. Pure, from a random generator.

Each comes from one attacker: many accounts on a device, one account in a hurry, new accounts for one video.
"""

import random
from collections.abc import Callable
from typing import NamedTuple

from ops.demo.signals import Signals

_FARM_ACCOUNTS, _FARM_LIKES = 10, 2
_BOT_LIKES = 12
_MILL_ACCOUNTS = 14
ATTACK_LIKES_MAX = 20


class FakeLike(NamedTuple):
    """A like of an attack, so many seconds after its start."""

    person: str
    content: str
    after_seconds: int
    signals: Signals


def run_click_farm(rng: random.Random, name: str) -> list[FakeLike]:
    """Return the likes of many accounts on one device."""
    contents = [f"video-of-{name}-{n}" for n in range(_FARM_LIKES)]
    return [
        FakeLike(f"{name}-{account}", content, rng.randrange(3_000), _signals(rng, name, rng.randrange(40, 90)))
        for account in range(_FARM_ACCOUNTS)
        for content in contents
    ]


def run_burst_bot(rng: random.Random, name: str) -> list[FakeLike]:
    """Return the likes of one account, a few seconds apart."""
    videos = rng.sample(range(1, 200), _BOT_LIKES)
    age = rng.randrange(40, 400)
    return [FakeLike(name, f"video-{video}", 4 * n, _signals(rng, name, age)) for n, video in enumerate(videos)]


def run_account_mill(rng: random.Random, name: str) -> list[FakeLike]:
    """Return the likes of new accounts for one video, each from a device of its own, within half an hour."""
    content = f"video-of-{name}"
    return [
        FakeLike(
            f"{name}-{account}",
            content,
            rng.randrange(1_800),
            _signals(rng, name, rng.randrange(3)) | {"device": f"device-{name}-{account}"},
        )
        for account in range(_MILL_ACCOUNTS)
    ]


def _signals(rng: random.Random, name: str, account_age_days: int) -> Signals:
    return {
        "device": f"device-{name}",
        "network": f"network-{name}",
        "account_age_days": account_age_days,
        "watch_ms": rng.randrange(1_000, 4_000),
        "duration_ms": rng.randrange(15_000, 60_000),
    }


ATTACKS: dict[str, Callable[[random.Random, str], list[FakeLike]]] = {
    "click farm": run_click_farm,
    "burst bot": run_burst_bot,
    "account mill": run_account_mill,
}
