"""The version of the promise in force on a day."""

from datetime import date, timedelta
from fractions import Fraction

import pytest

from campaigns.promise.terms import Terms, terms_on_day, versions_in_force

MONDAY = date(2026, 11, 23)


def version(number: int, from_day: int) -> Terms:
    return Terms(number, MONDAY + timedelta(days=from_day), 1, 1)


@pytest.mark.parametrize(
    ("versions", "in_force"),
    [
        ([(1, 0)], [1]),
        ([(1, 0), (2, 3)], [1, 2]),
        ([(1, 0), (2, 3), (3, 3)], [1, 3]),  # of one day the newest wins
        ([(1, 0), (3, 3), (2, 3)], [1, 3]),  # in any order
        ([(1, 0), (2, 5), (3, 3)], [1, 3, 2]),
        ([], []),
    ],
)
def test_versions_that_are_ever_in_force(versions: list[tuple[int, int]], in_force: list[int]):
    assert [terms.version for terms in versions_in_force([version(*numbers) for numbers in versions])] == in_force


@pytest.mark.parametrize(("day", "expected"), [(0, 1), (2, 1), (3, 2), (4, 2), (7, 3), (9_999, 3)])
def test_a_version_holds_from_its_day_until_the_next(day: int, expected: int):
    versions = versions_in_force([version(1, 0), version(2, 3), version(3, 7)])
    assert terms_on_day(versions, MONDAY + timedelta(days=day)).version == expected


@pytest.mark.parametrize("versions", [[], [version(1, 0)]])
def test_before_the_first_version_nothing_is_promised(versions: list[Terms]):
    with pytest.raises(LookupError, match="no terms are in force on 2026-11-22"):
        terms_on_day(versions, MONDAY - timedelta(days=1))


def test_a_rate_is_an_exact_ratio():
    assert Terms(1, MONDAY, 2, 6).rate == Fraction(1, 3)
