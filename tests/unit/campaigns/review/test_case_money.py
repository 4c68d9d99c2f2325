"""The money of a case: the same as the amount due of all days with and without its likes."""

from datetime import date

import pytest

from campaigns.pledging.arithmetic import due
from campaigns.promise.terms import Terms
from campaigns.review.case_money import DayEffect, due_today, measure_case

FIRST, SECOND = date(2026, 11, 1), date(2026, 11, 2)
COUNTED = {FIRST: 100, SECOND: 50}


@pytest.mark.parametrize(
    ("daily_cap_minor", "funded_minor"),
    [(None, 10_000), (34, 10_000), (10, 10_000), (None, 50), (None, 40)],
    ids=["free", "under a cap", "above the cap", "near the budget", "above the budget"],
)
def test_a_case_is_about_what_due_says(daily_cap_minor: int | None, funded_minor: int):
    terms = [Terms(1, FIRST, 1, 3, daily_cap_minor)]
    money = measure_case(
        due_today(terms, COUNTED, funded_minor), [DayEffect(FIRST, 30, 12), DayEffect(SECOND, 15, 3)]
    )
    released = due(terms, {FIRST: 130, SECOND: 65}, funded_minor)
    void = due(terms, {FIRST: 88, SECOND: 47}, funded_minor)
    assert (money.due_minor, money.due_released_minor, money.due_void_minor) == (
        due(terms, COUNTED, funded_minor), released, void
    )  # fmt: skip
    assert money.at_stake_minor == released - void
    assert (money.more_likes, money.fewer_likes) == (45, 15)
