"""Independent pieces of work.

An error stops none of the others, and all errors are raised together.
"""

import pytest

from ledger.error_collector import ErrorCollector


def test_isolated_errors_are_raised_together_at_the_end():
    collector, done = ErrorCollector(), []
    for number in range(4):
        with collector.isolate():
            done.append(number)
            _ = 1 / (number % 2)
    with pytest.raises(ExceptionGroup, match="some of it") as raised:
        collector.raise_if_any("some of it")
    assert (done, len(raised.value.exceptions)) == ([0, 1, 2, 3], 2)


def test_without_an_error_nothing_is_raised():
    ErrorCollector().raise_if_any("nothing")
