"""The folders that a user may pass."""

from pathlib import Path

import pytest

from ops.embedded_postgres.privileges import is_reachable


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
    around = is_reachable(folder, owner + uid_offset)
    folder.chmod(mode)
    try:
        assert is_reachable(folder / "file", owner + uid_offset) == (passes and around)
    finally:
        folder.chmod(0o755)
