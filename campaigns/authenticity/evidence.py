"""How much a count speaks against chance: exact integers, the same on any machine."""

from functools import lru_cache

from campaigns.authenticity.kinds import BASIS_POINTS

COMPANY_MIN = 3  # others: fewer are a household
EVIDENCE_MAX = 2_000  # hundredths of bits: nothing is surer than this
_LOG2_E_HUNDREDTHS = 144


@lru_cache(maxsize=1 << 16)
def log2_hundredths(number: int) -> int:
    """Return the binary logarithm of a positive number in hundredths, rounded down. Pure."""
    return int(number**100).bit_length() - 1


@lru_cache(maxsize=1 << 16)
def evidence(count: int, expected_hundredths: int) -> int:
    """Return the evidence that a count is too high for its expectation, in hundredths of bits. Pure.

    It is the deviance of a Poisson count, at most `EVIDENCE_MAX`; 0 at or below the expectation.
    """
    above = 100 * count - expected_hundredths
    if above <= 0:
        return 0
    gain = count * (log2_hundredths(100 * count) - log2_hundredths(max(1, expected_hundredths)))
    return min(EVIDENCE_MAX, max(0, gain - _LOG2_E_HUNDREDTHS * above // 100))


def evidence_of_company(others: int, expected_hundredths: int) -> int:
    """Return the evidence of others who do the same; none of so few that a household explains them. Pure."""
    return evidence(others, expected_hundredths) if others >= COMPANY_MIN else 0


def surplus_bp(count: int, expected_hundredths: int, doubt_hundredths: int) -> int:
    """Return the share (bp) of a count that its expectation does not explain. Pure.

    `doubt_hundredths` draws the share of small counts towards zero.
    """
    above = 100 * count - expected_hundredths
    return BASIS_POINTS * above // (100 * count + doubt_hundredths) if above > 0 else 0
