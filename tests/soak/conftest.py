"""The accounts of the runs, printed at the end: rounds, acknowledged, lost, doubled."""

from collections.abc import Callable
from typing import Any

import pytest


@pytest.fixture
def report(request: pytest.FixtureRequest) -> Callable[[object], None]:
    """Return a function that keeps an account for the summary."""
    return lambda account: request.node.user_properties.append(("account", str(account)))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print the account of each test that passed."""
    for passed in terminalreporter.stats.get("passed", ()):
        for name, account in passed.user_properties:
            if name == "account":
                terminalreporter.write_line(f"{passed.nodeid.rpartition('::')[2]}: {account}")
