"""People and videos of the simulated platform: few are very busy or popular, most are not; drawn from a seed."""

import random
from collections.abc import Iterator, Sequence
from itertools import accumulate

_DRAWN_AT_ONCE = 1_000
_TRIES = 4


def popularity(size: int, flatness: int) -> list[float]:
    """Return cumulative weights after Zipf: the n-th draws as often as 1 / (n + flatness)."""
    return list(accumulate(1 / (n + flatness) for n in range(1, size + 1)))


class Crowd:
    """Who likes what; no pair of person and video is drawn twice."""

    def __init__(self, rng: random.Random, label: str, likes: int) -> None:
        people, videos = max(40, likes // 25), max(60, likes // 150)
        self._rng, self._label, self._videos = rng, label, videos
        self._person = _draws(rng, popularity(people, people // 50 + 4))
        self._video = _draws(rng, popularity(videos, 5))
        self._known: set[tuple[int, int]] = set()

    def pair(self) -> tuple[str, str]:
        """Return a person and a video that they have not liked yet."""
        person, video = next(self._person), next(self._video)
        for _ in range(_TRIES):
            if (person, video) not in self._known:
                break
            video = next(self._video)
        else:  # they know all that is popular: a video that nobody has seen yet
            video = self._videos = self._videos + 1
        self._known.add((person, video))
        return f"{self._label}-person-{person}", f"video-{video}"


def _draws(rng: random.Random, cumulative: Sequence[float]) -> Iterator[int]:
    everyone = range(len(cumulative))
    while True:
        yield from rng.choices(everyone, cum_weights=cumulative, k=_DRAWN_AT_ONCE)
