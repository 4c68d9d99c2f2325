"""A small disk for a database: a tmpfs that the test mounts, as root."""

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ops.embedded_postgres import privileges

DISK_BYTES = 96 << 20
_CHUNK = b"\0" * (1 << 20)


@contextmanager
def mounted_disk(server_folder: Path) -> Iterator[Path]:
    """Yield a folder on a small disk of its own, which the server's user owns."""
    with tempfile.TemporaryDirectory(prefix="small-disk-") as name:
        folder = Path(name)
        command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", name]
        mounted = subprocess.run(command, capture_output=True, text=True, check=False)
        if mounted.returncode:
            message = f"a small disk cannot be mounted: {mounted.stderr.strip()}; run the tests as root"
            pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)
        try:
            folder.chmod(0o755)
            tablespace = folder / "tablespace"
            tablespace.mkdir()
            privileges.server_user(server_folder, "/").take(tablespace)
            yield folder
        finally:
            subprocess.run(["umount", "--lazy", name], check=True)


@contextmanager
def filled_disk(folder: Path) -> Iterator[None]:
    """Leave no byte free on the disk until the block ends."""
    ballast = folder / "ballast"
    try:
        with ballast.open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(_CHUNK)
            except OSError:  # no space is left
                pass
        yield
    finally:
        ballast.unlink()
