"""Every case of a receipt, as the command line decides it; `tests/browser` asks a browser the same."""

import pytest

from receipt_cases import Case, cases, check_outcome


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.name)
def test_a_receipt_ends_at_the_step_that_is_false(case: Case) -> None:
    assert check_outcome(case.raw, case.key) == case.outcome


def test_no_case_is_there_twice() -> None:
    names = [case.name for case in cases()]
    assert sorted(set(names)) == sorted(names)
