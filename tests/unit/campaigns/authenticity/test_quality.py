"""Quality scores: percentiles of real watching plus fixed points, in integers."""

from typing import Any

import pytest

from campaigns.authenticity.observation import ObservationReader
from campaigns.authenticity.quality import score, watch_percentile
from campaigns.authenticity.ruleset import QualityPoints

READER = ObservationReader(b"k" * 32)


@pytest.mark.parametrize(
    ("signals", "expected"),
    [
        ({}, None),
        ({"watch_ms": 9_000}, None),
        ({"duration_ms": 9_000}, None),
        ({"watch_ms": 0, "duration_ms": 9_000}, 0),
        ({"watch_ms": 9_000, "duration_ms": 9_000}, 50),
        ({"watch_ms": 9_000, "duration_ms": 9_000, "followed": True}, 60),
        ({"watch_ms": 9_000, "duration_ms": 9_000, "followed": True, "commented": True, "shared": True}, 90),
        ({"watch_ms": 10**9, "duration_ms": 9_000, "shared": True}, 100),
        ({"watch_ms": 5_000, "duration_ms": 0}, 50),
    ],
)
def test_a_score_is_a_percentile_plus_fixed_points(signals: dict[str, Any], expected: int | None) -> None:
    observation = READER.observe(0, b"p" * 16, "c", "video", signals)
    assert score(observation, QualityPoints()) == expected


@pytest.mark.parametrize("duration_ms", [0, 1, 8_000, 59_999, 60_000, 10**9])
def test_who_watches_longer_never_scores_less(duration_ms: int) -> None:
    scores = [watch_percentile(watch_ms, duration_ms) for watch_ms in range(0, 800_000, 250)]
    assert scores == sorted(scores)
    assert (scores[0], scores[-1]) == (0, 100)
