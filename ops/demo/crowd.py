"""People and videos of the simulated platform, drawn from a seed: a few are very busy or popular."""

import random
from collections.abc import Iterator, Sequence
from itertools import accumulate

_DRAW_BATCH = 1_000
_TRIES_MAX = 4


def zipf_weights(size: int, flatness: int) -> list[float]:
    """Return cumulative Zipf weights: the n-th item weighs 1 / (n + flatness)."""
    return list(accumulate(1 / (n + flatness) for n in range(1, size + 1)))


class Crowd:
    """Draws pairs of person and video, none of them twice."""

    def __init__(self, rng: random.Random, label: str, likes: int) -> None:
        people, videos = max(40, likes // 20), max(100, likes // 50)
        self._rng, self._label, self._video_count = rng, label, videos
        self._people_draws = _draw_indices(rng, zipf_weights(people, people // 20 + 4))
        self._video_draws = _draw_indices(rng, zipf_weights(videos, videos))
        self._drawn_pairs: set[tuple[int, int]] = set()

    def draw_pair(self) -> tuple[str, str]:
        """Return a person and a video that they have not liked yet."""
        person, video = next(self._people_draws), next(self._video_draws)
        for _ in range(_TRIES_MAX):
            if (person, video) not in self._drawn_pairs:
                break
            video = next(self._video_draws)
        else:  # this person has liked the popular ones: add a new video
            video = self._video_count = self._video_count + 1
        self._drawn_pairs.add((person, video))
        return f"{self._label}-person-{person}", f"video-{video}"


def _draw_indices(rng: random.Random, cumulative: Sequence[float]) -> Iterator[int]:
    everyone = range(len(cumulative))
    while True:
        yield from rng.choices(everyone, cum_weights=cumulative, k=_DRAW_BATCH)
