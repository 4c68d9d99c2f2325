"""When a count is remarkable: exact integer arithmetic, the same on any machine."""

from collections.abc import Sequence

from campaigns.authenticity.kinds import BASIS_POINTS

_SHARE_MIN_BP = 200  # a trait that is rarer than this counts as this rare


def critical_count(steps: Sequence[Sequence[int]], ratio_bp: int, expected_hundredths: int) -> int:
    """Return from how many on a count is remarkable, by the count expected in hundredths. Pure.

    Each step is [expected in hundredths, count], rising. Beyond the last one `ratio_bp` of the
    expectation counts.
    """
    for expected, count in steps:
        if expected_hundredths <= expected:
            return count
    return expected_hundredths * ratio_bp // (100 * BASIS_POINTS) + 3


def deviation(count: int, trials: int, share_bp: int) -> int:
    """Return the squared deviation of a count above its expectation, in hundredths. Pure.

    It is the squared standard score of a binomial count: 900 stands for three standard deviations.
    A count at or below its expectation has none.
    """
    share_bp = min(max(share_bp, _SHARE_MIN_BP), BASIS_POINTS - 1)
    above = BASIS_POINTS * count - trials * share_bp
    return 100 * above * above // (trials * share_bp * (BASIS_POINTS - share_bp)) if above > 0 and trials else 0


def share_bp(count: int, total: int) -> int:
    """Return a share in basis points, rounded down; 0 of nothing. Pure."""
    return BASIS_POINTS * count // total if total else 0
