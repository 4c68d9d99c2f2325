"""What the embedded server's last words are turned into, and who can pass through which folders."""

from pathlib import Path

import pytest

from ops.embedded.privileges import reachable
from ops.embedded.refusal import explained


@pytest.mark.parametrize(
    ("log", "advice"),
    [
        ("LOG: ready\nPANIC: could not write: No space left on device\nLOG: aborting", "the disk is full: make room"),
        (
            "FATAL: pre-existing shared memory block (key 1, ID 2) is still in use\nHINT: end it",
            "another PostgreSQL works",
        ),
        (
            "initdb: error: could not look up effective user ID 5: none",
            "this user has no name: add it to /etc/passwd",
        ),
        ("postgres: error while loading shared libraries: libz.so.1", "a system library is missing"),
        ("LOG: one\nFATAL: something new\nLOG: two", "FATAL: something new"),
        ("only this\n\n", "only this"),
        ("", "it wrote nothing"),
    ],
)
def test_last_words_become_advice(log: str, advice: str) -> None:
    assert explained(log).startswith(advice)


@pytest.mark.parametrize(
    ("mode", "uid_offset", "passes"),
    [(0o700, 0, True), (0o700, 1, False), (0o711, 1, True), (0o011, 0, False), (0o754, 1, False)],
)
def test_a_folder_is_passed_by_its_owner_or_where_others_may(
    tmp_path: Path, mode: int, uid_offset: int, passes: bool
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir(mode=0o755)
    owner = folder.stat().st_uid
    around = reachable(folder, owner + uid_offset)
    folder.chmod(mode)
    try:
        assert reachable(folder / "file", owner + uid_offset) == (passes and around)
    finally:
        folder.chmod(0o755)
