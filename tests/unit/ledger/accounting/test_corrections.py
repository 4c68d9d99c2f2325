"""Reversals: whole transfers, newest first, and the excess posted again."""

import pytest

from ledger.accounting.corrections import Reversal, plan_reversals


@pytest.mark.parametrize(
    ("amount_minor", "balance_minor", "uncorrected_minor", "plan", "again_minor"),
    [
        (0, 100, [100], [], 0),
        (100, 100, [100], [(0, 100)], 0),
        (30, 100, [100], [(0, 100)], 70),  # the whole goes back, the excess is posted again
        (30, 100, [20, 80], [(0, 20), (1, 80)], 70),  # newest first
        (20, 100, [20, 80], [(0, 20)], 0),
        (100, 60, [20, 80], [(0, 20), (1, 40)], 0),  # money that moved on is never taken
        (10, 30, [100], [(0, 30)], 20),  # a part of the transfer has moved on
        (10, 0, [100], [], 0),
        (10, 0, [], [], 0),
    ],
)
def test_a_plan_takes_back_the_exact_amount_as_far_as_the_balance_allows(
    amount_minor: int, balance_minor: int, uncorrected_minor: list[int], plan: list[tuple[int, int]], again_minor: int
):
    corrections, excess_minor = plan_reversals(amount_minor, balance_minor, uncorrected_minor)
    assert (corrections, excess_minor) == ([Reversal(*part) for part in plan], again_minor)
    assert sum(part.amount_minor for part in corrections) - excess_minor == min(amount_minor, balance_minor)


def test_too_few_transfers_go_back_whole_and_nothing_is_posted_again():
    assert plan_reversals(50, 90, [20]) == ([Reversal(0, 20)], 0)
