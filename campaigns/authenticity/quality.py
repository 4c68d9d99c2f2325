"""The quality of a like, 0 to 100: how much was watched among real people's watching, and what followed.

Integers only. A like without watch time or length has no score; none is ever required.
"""

from bisect import bisect_right

from campaigns.authenticity.observation import Observation
from campaigns.authenticity.quality_reference import PERCENTILES, WATCH_MS_BY_LENGTH
from campaigns.authenticity.ruleset import QualityPoints

SCORE_MAX = 100
_LENGTHS = [length for length, _ in WATCH_MS_BY_LENGTH]


def score(observation: Observation, points: QualityPoints) -> int | None:
    """Return the like's quality score (0 to 100), or None without watch time or length. Pure."""
    if observation.watch_ms is None or observation.duration_ms is None:
        return None
    deeds = (
        (observation.followed, points.followed),
        (observation.commented, points.commented),
        (observation.shared, points.shared),
    )
    total = watch_percentile(observation.watch_ms, observation.duration_ms) + sum(
        worth for is_done, worth in deeds if is_done
    )
    return min(SCORE_MAX, total)


def watch_percentile(watch_ms: int, duration_ms: int) -> int:
    """Return the percentile (0 to 100) of a time watched among real people's, for a video's length.

    Pure. Between two rows of the table the percentile rises in proportion, rounded down.
    """
    _, row = WATCH_MS_BY_LENGTH[bisect_right(_LENGTHS, duration_ms) - 1]
    edges_ms = (0, *row, 2 * row[-1])
    percentiles = (0, *PERCENTILES, SCORE_MAX)
    upper = bisect_right(edges_ms, watch_ms)
    if upper == len(edges_ms):
        return SCORE_MAX
    low_ms, high_ms = edges_ms[upper - 1], edges_ms[upper]
    low, high = percentiles[upper - 1], percentiles[upper]
    return low + (high - low) * (watch_ms - low_ms) // (high_ms - low_ms)
