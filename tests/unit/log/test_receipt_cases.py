"""Every case of a receipt, as the command line decides it; `tests/browser` asks a browser the same."""

import pytest

from ledger.log import receipt
from ledger.log.note import parse_verifier_key
from receipt_cases import HOLDS, MALFORMED, WAITING, Case, cases

STEPS = ["like", "batch", "count", "signature", "log"]


def ending(case: Case) -> str:
    """Return how the check ends: the failing step's name, or a word for it."""
    try:
        steps = receipt.check(case.raw, parse_verifier_key(case.key))
    except receipt.NotLoggedYet:
        return WAITING
    except receipt.MalformedReceipt:
        return MALFORMED
    names = [step.name for step in steps]
    first = STEPS.index(names[0])
    assert names == STEPS[first : first + len(names)]
    failing = [step.name for step in steps if not step.holds]
    return failing[0] if failing else HOLDS


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.name)
def test_a_receipt_ends_at_the_step_that_is_false(case: Case) -> None:
    assert ending(case) == case.ends


def test_no_case_is_there_twice() -> None:
    names = [case.name for case in cases()]
    assert sorted(set(names)) == sorted(names)
