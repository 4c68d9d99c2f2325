"""Largest remainder: the parts add up, and ties go to the first listed."""

import pytest

from ledger.accounting.apportionment import apportion


@pytest.mark.parametrize(
    ("amount_minor", "shares_bp", "parts"),
    [
        (100, [10_000], [100]),
        (0, [5_000, 5_000], [0, 0]),
        (1, [5_000, 5_000], [1, 0]),  # a tie goes to the first
        (3, [5_000, 5_000], [2, 1]),
        (10, [3_333, 3_333, 3_334], [3, 3, 4]),
        (100, [3_333, 3_333, 3_334], [33, 33, 34]),
        (1, [1, 9_999], [0, 1]),
        (9_999, [1, 9_999], [1, 9_998]),  # the larger remainder, not the larger share
        (3500, [7_000, 3_000], [2450, 1050]),
        (6455, [7_000, 3_000], [4519, 1936]),  # 4518.5 and 1936.5: the tie goes to the first
        (10**18 + 1, [2_500, 2_500, 2_500, 2_500], [25 * 10**16 + 1, 25 * 10**16, 25 * 10**16, 25 * 10**16]),
    ],
)
def test_parts_of_an_amount(amount_minor: int, shares_bp: list[int], parts: list[int]):
    assert apportion(amount_minor, shares_bp) == parts


@pytest.mark.parametrize(
    "shares_bp", [[], [9_999], [10_001], [0, 10_000], [-1, 10_001], [5_000, 5_000, 5_000], [-5_000, 15_000]]
)
def test_shares_that_do_not_make_a_whole_are_refused(shares_bp: list[int]):
    with pytest.raises(ValueError, match="shares must be positive"):
        apportion(100, shares_bp)
