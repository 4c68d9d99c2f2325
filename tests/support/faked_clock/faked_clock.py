"""A plugin for pytest under libfaketime: the database server shares the clock, each test meets midnight.

The clock's offset is in the file that FAKETIME_TIMESTAMP_FILE names, for every process at once.
"""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from ops.clock import utc_now
from ops.embedded_postgres import server
from ops.embedded_postgres.privileges import ServerUser

FAKED = ("LD_PRELOAD", "FAKETIME_DONT_FAKE_MONOTONIC", "FAKETIME_NO_CACHE", "FAKETIME_TIMESTAMP_FILE")
_server_user = server.server_user


def _server_user_with_faked_clock(folder: Path, program: str) -> ServerUser:
    """Return the server's user; setpriv itself must not load the library, whose semaphore would be root's."""
    user = _server_user(folder, program)
    settings = [f"{name}={os.environ[name]}" for name in FAKED]
    return replace(user, prefix=(*user.prefix, "/usr/bin/env", *settings))


server.server_user = _server_user_with_faked_clock


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
