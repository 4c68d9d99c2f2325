"""The earnings of counted likes.

Worked cases of an independent oracle, and the edges of the arithmetic.
"""

from datetime import date, timedelta
from fractions import Fraction
from typing import Any

import pytest

from campaigns.pledging.arithmetic import day_earnings, due, shares_due, total_earnings
from campaigns.promise.terms import Share, Terms
from due_oracle import generated_cases, worked_cases

MONDAY = date(2026, 11, 23)


def a_rate(amount_minor: int, per_likes: int, daily_cap_minor: int | None = None) -> Terms:
    return Terms(1, MONDAY, amount_minor, per_likes, daily_cap_minor, shares=(Share("schools", 10_000),))


def terms_of(case: dict[str, Any]) -> list[Terms]:
    return [
        Terms(
            version=number,
            from_day=date.fromisoformat(version["from_day"]),
            amount_minor=version["rate"]["amount_minor"],
            per_likes=version["rate"]["per_likes"],
            daily_cap_minor=version["daily_cap_minor"],
            shares=tuple(Share(b["charity"], b["share_bp"]) for b in version["beneficiaries"]),
        )
        for number, version in enumerate(case["terms"], start=1)
    ]


def test_the_generated_cases_reach_every_rule():
    cases = generated_cases()
    expected = [(case, expected) for case in cases for expected in case["expect"]]
    assert sum(0 < e["due_minor"] < case["funded_minor"] for case, e in expected) > 50
    assert sum(e["due_minor"] == case["funded_minor"] > 0 for case, e in expected) > 50
    assert sum(terms["daily_cap_minor"] is not None for case in cases for terms in case["terms"]) > 100
    assert sum(len(case["terms"]) > len({terms["from_day"] for terms in case["terms"]}) for case in cases) > 3
    assert sum(len([part for part in e["shares_minor"].values() if part]) > 2 for _, e in expected) > 50


@pytest.mark.parametrize("case", worked_cases())
def test_a_worked_case_comes_out_to_the_minor_unit(case: dict[str, Any]):
    terms = terms_of(case)
    counted = {date.fromisoformat(day): likes for day, likes in case["counted"].items()}
    for expected in case["expect"]:
        cut_off = date.fromisoformat(expected["cut_off"])
        assert due(terms, counted, case["funded_minor"], cut_off) == expected["due_minor"]
        shares = shares_due(terms, counted, case["funded_minor"], cut_off)
        assert {charity: shares.get(charity, 0) for charity in expected["shares_minor"]} == expected["shares_minor"]
        assert sum(shares.values()) == expected["due_minor"]


@pytest.mark.parametrize(
    ("terms", "counted", "expected"),
    [
        (a_rate(1, 3), 0, Fraction(0)),
        (a_rate(1, 3), 1, Fraction(1, 3)),
        (a_rate(1, 3), 100, Fraction(100, 3)),
        (a_rate(1, 3, 33), 100, Fraction(33)),
        (a_rate(1, 3, 34), 100, Fraction(100, 3)),
        (a_rate(7, 10, 0), 100, Fraction(0)),
        (a_rate(10**12, 1), 10**9, Fraction(10**21)),
        (a_rate(1, 10**12), 10**12 - 1, Fraction(10**12 - 1, 10**12)),
    ],
)
def test_a_day_earns_its_likes_up_to_its_cap(terms: Terms, counted: int, expected: Fraction):
    assert day_earnings(terms, counted) == expected


@pytest.mark.parametrize(
    ("terms", "days", "expected_minor"),
    [
        (a_rate(1, 3), [100], 33),  # neither 0 nor 34
        (a_rate(1, 3), [1] * 100, 33),  # spread over a hundred days it is the same
        (a_rate(1, 3), [1, 1, 1], 1),  # thirds of three days make one
        (a_rate(1, 3), [2], 0),
        (a_rate(1, 10**12), [10**12 - 1], 0),  # the tiniest rate: one short of a unit
        (a_rate(1, 10**12), [10**12], 1),
        (a_rate(10**12, 1), [3], 3 * 10**12),  # the hugest
        (a_rate(10**12, 10**12 - 1), [10**12 - 1], 10**12),
        (a_rate(1, 3, 1), [100, 2, 100], 2),  # 1 + 2/3 + 1, rounded once, at the end
    ],
)
def test_the_sum_is_rounded_down_once(terms: Terms, days: list[int], expected_minor: int):
    counted = {MONDAY + timedelta(days=n): likes for n, likes in enumerate(days)}
    assert due([terms], counted, 10**18) == expected_minor


@pytest.mark.parametrize(("funded_minor", "expected_minor"), [(0, 0), (32, 32), (33, 33), (34, 33)])
def test_no_more_is_due_than_was_funded(funded_minor: int, expected_minor: int):
    assert due([a_rate(1, 3)], {MONDAY: 100}, funded_minor) == expected_minor


def test_each_day_earns_under_the_terms_in_force_on_it():
    terms = [a_rate(1, 3), Terms(2, MONDAY + timedelta(days=2), 5, 1, 20)]
    counted = {MONDAY + timedelta(days=n): 10 for n in range(4)}
    assert total_earnings(terms, counted, date.max) == Fraction(20, 3) + 40
    assert total_earnings(terms, counted, MONDAY + timedelta(days=1)) == Fraction(20, 3)


def test_a_late_version_from_the_same_day_replaces_the_one_before():
    terms = [a_rate(1, 1), Terms(2, MONDAY, 2, 1)]
    assert due(terms, {MONDAY: 10}, 100) == 20


def test_shares_of_a_charity_add_up_over_versions_of_the_terms():
    both = (Share("schools", 5_000), Share("libraries", 5_000))
    tuesday = MONDAY + timedelta(days=1)
    terms = [Terms(1, MONDAY, 1, 1, shares=both), Terms(2, tuesday, 1, 1, shares=(Share("libraries", 10_000),))]
    counted = {MONDAY: 3, tuesday: 4}
    assert shares_due(terms, counted, 100, tuesday) == {"schools": 2, "libraries": 5}
    assert shares_due(terms, counted, 5, tuesday) == {"schools": 2, "libraries": 3}
    assert shares_due(terms, counted, 100, MONDAY) == {"schools": 2, "libraries": 1}


def test_likes_of_a_day_before_the_first_terms_are_an_error_not_a_gift():
    with pytest.raises(LookupError):
        due([a_rate(1, 1)], {MONDAY - timedelta(days=1): 1}, 100)
