"""A plugin for pytest under libfaketime: the database server shares the clock, each test meets midnight.

The clock's offset is in the file that FAKETIME_TIMESTAMP_FILE names, for every process at once.
"""

import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from ops.clock import utc_now
from ops.embedded import privileges

FAKED = ("LD_PRELOAD", "FAKETIME_DONT_FAKE_MONOTONIC", "FAKETIME_NO_CACHE", "FAKETIME_TIMESTAMP_FILE")
_runner = privileges.runner


def _faked_runner(folder: Path, needed: Iterable[str]) -> privileges.Runner:
    """Return the server's user; setpriv itself must not load the library, whose semaphore would be root's."""
    runner = _runner(folder, needed)
    settings = [f"{name}={os.environ[name]}" for name in FAKED]
    return replace(runner, prefix=(*runner.prefix, "/usr/bin/env", *settings))


privileges.runner = _faked_runner


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """Set the clock before each test where EACH_TEST_BEGINS_AT has the moment, in seconds since 1970."""
    if "EACH_TEST_BEGINS_AT" in os.environ:
        _set_clock(float(os.environ["EACH_TEST_BEGINS_AT"]))


def _set_clock(moment_seconds: float) -> None:
    """Replace the offset whole: another process may read it at any time."""
    file = Path(os.environ["FAKETIME_TIMESTAMP_FILE"])
    offset_seconds = float(file.read_text(encoding="ascii")) + moment_seconds - utc_now().timestamp()
    draft = file.with_suffix(".draft")
    draft.write_text(f"{offset_seconds:+.3f}\n", encoding="ascii")
    draft.chmod(0o644)  # the server's user reads it too
    draft.replace(file)
