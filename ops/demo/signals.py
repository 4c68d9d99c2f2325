"""What the simulated platform reports around an honest like: drawn from the person and the video. Pure."""

import random
from functools import lru_cache
from typing import Any, NamedTuple

Signals = dict[str, Any]
_PEOPLE_CACHED = 50_000
_NEW_ACCOUNTS = 0.02
_WATCHES_AGAIN = 0.2
_TRAVELS = 0.4  # share of likes through one of few mobile networks
_MOBILE_NETWORKS = 12
_FOLLOWS, _SPEAKS = 0.1, 0.05


class _Habits(NamedTuple):
    device: str
    network: str
    account_age_days: int


def honest_signals(label: str, person: str, content: str) -> Signals:
    """Return the signals of an honest like, the same for each delivery of it."""
    habits = _read_habits(person)
    rng = random.Random(f"{label}/{person}/{content}")  # noqa: S311 - a simulation must be repeatable
    duration_ms = random.Random(content).randrange(20_000, 90_000)  # noqa: S311
    watched = rng.uniform(1.2, 2.6) if rng.random() < _WATCHES_AGAIN else rng.uniform(0.25, 0.72)
    is_away = rng.random() < _TRAVELS
    return {
        "device": habits.device,
        "network": f"mobile-{rng.randrange(_MOBILE_NETWORKS)}" if is_away else habits.network,
        "account_age_days": habits.account_age_days,
        "watch_ms": int(duration_ms * watched),
        "duration_ms": duration_ms,
        "followed": rng.random() < _FOLLOWS,
        "commented": rng.random() < _SPEAKS,
        "shared": rng.random() < _SPEAKS,
    }


@lru_cache(_PEOPLE_CACHED)
def _read_habits(person: str) -> _Habits:
    rng = random.Random(person)  # noqa: S311 - a simulation must be repeatable
    is_new = rng.random() < _NEW_ACCOUNTS
    return _Habits(
        device=f"device-{person}",
        network=f"home-{person}",
        account_age_days=rng.randrange(1, 20) if is_new else rng.randrange(30, 2_500),
    )
