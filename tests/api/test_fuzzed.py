"""Every address of the API's description, tried by schemathesis (schemathesis.io) with every check that it has.

The same cases each time; others, or more of them, where the environment says FUZZ_SEED=7 FUZZ_EXAMPLES=50.
"""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from ops.http.endpoints import document
from stage import staged_service

HERE = Path(__file__).parent
SEED, EXAMPLES = os.environ.get("FUZZ_SEED", "20261127"), os.environ.get("FUZZ_EXAMPLES", "3")
NOT_TAKEN = {
    "POST /v1/admin/payouts/{payout}/retry",  # none has come back
    "POST /v1/admin/uploads/{upload}/stop",  # it may have ended by then
}

pytestmark = [pytest.mark.slow, pytest.mark.one_server]


async def fuzzed(stage: dict[str, Any], taken: Path) -> tuple[int, str]:
    """Run the fuzzer as a program of its own; return its status and what it said."""
    described = taken.parent / "openapi.json"  # as a file: the address that it came from would not be tried
    described.write_text(json.dumps(document()), encoding="utf-8")
    known = {"STAGE": json.dumps(stage), "TAKEN": str(taken), "PYTHONPATH": os.pathsep.join([str(HERE), *sys.path])}
    program = await asyncio.create_subprocess_exec(
        Path(sys.executable).parent / "st",
        f"--config-file={HERE / 'schemathesis.toml'}",
        *("run", described, "--url", stage["url"], "--no-color", "--seed", SEED, "--max-examples", EXAMPLES),
        cwd=taken.parent,
        env=os.environ | known,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await program.communicate()
    return program.returncode or 0, said.decode()


@pytest.mark.timeout(600)
async def test_the_service_is_what_its_description_says(dsn: str, tmp_path: Path) -> None:
    async with staged_service(dsn) as stage:
        status, said = await fuzzed(stage, tmp_path / "taken")
    assert status == 0, said
    taken = set((tmp_path / "taken").read_text(encoding="utf-8").splitlines())
    described = {f"{method.upper()} {path}" for path, own in document()["paths"].items() for method in own}
    assert described - taken <= NOT_TAKEN, "nothing of these was ever taken: they were tried at the door alone"
