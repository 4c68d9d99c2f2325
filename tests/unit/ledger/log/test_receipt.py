"""Every receipt case as the command line decides it; `tests/browser` runs the same cases."""

import pytest

from receipt_cases import Case, cases, check_outcome


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.name)
def test_the_check_ends_at_the_first_false_step(case: Case) -> None:
    assert check_outcome(case.raw, case.key) == case.outcome


def test_case_names_are_unique() -> None:
    names = [case.name for case in cases()]
    assert sorted(set(names)) == sorted(names)
