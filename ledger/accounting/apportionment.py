"""Split an amount by shares with the largest-remainder method (Hamilton's), exactly."""

from collections.abc import Sequence

WHOLE_BP = 10_000  # basis points in the whole


def apportion(amount_minor: int, shares_bp: Sequence[int]) -> list[int]:
    """Return the part of every share in minor units; the parts add up to `amount_minor`.

    The units left after rounding down go to the largest remainders, and in a tie to the first
    listed. Raises ValueError unless the shares are positive and add up to 10,000 basis points.
    """
    if sum(shares_bp) != WHOLE_BP or min(shares_bp) <= 0:
        raise ValueError("shares must be positive and add up to 10000 basis points")
    parts = [amount_minor * share // WHOLE_BP for share in shares_bp]
    left_over = amount_minor - sum(parts)
    by_remainder = sorted(range(len(parts)), key=lambda i: (-(amount_minor * shares_bp[i] % WHOLE_BP), i))
    for i in by_remainder[:left_over]:
        parts[i] += 1
    return parts
