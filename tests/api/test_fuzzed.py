"""Every operation of the OpenAPI document, called by schemathesis with all its checks.

The cases are the same in every run; FUZZ_SEED=7 FUZZ_EXAMPLES=50 gives others, and more of them.
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

FOLDER = Path(__file__).parent
SEED, EXAMPLES = os.environ.get("FUZZ_SEED", "20261127"), os.environ.get("FUZZ_EXAMPLES", "3")
MAY_BE_REFUSED = {
    "GET /v1/platforms/{platform}/likes",  # the staged platform asks for no challenge
    "POST /v1/admin/payouts/{payout}/retry",  # no payout has been returned
    "POST /v1/admin/uploads/{upload}/stop",  # the upload may have ended
}

pytestmark = [pytest.mark.slow, pytest.mark.one_server]


async def run_fuzzer(stage: dict[str, Any], accepted_file: Path) -> tuple[int, str]:
    """Run the fuzzer as a process; return its exit status and its output."""
    # The document comes from a file: the fuzzer would not call the address that it came from.
    document_file = accepted_file.parent / "openapi.json"
    document_file.write_text(json.dumps(document()), encoding="utf-8")
    environment = {
        "STAGE": json.dumps(stage),
        "ACCEPTED_FILE": str(accepted_file),
        "PYTHONPATH": os.pathsep.join([str(FOLDER), *sys.path]),
    }
    process = await asyncio.create_subprocess_exec(
        Path(sys.executable).parent / "st",
        f"--config-file={FOLDER / 'schemathesis.toml'}",
        *("run", document_file, "--url", stage["url"], "--no-color", "--seed", SEED, "--max-examples", EXAMPLES),
        cwd=accepted_file.parent,
        env=os.environ | environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    return process.returncode or 0, output.decode()


@pytest.mark.timeout(600)
async def test_the_service_agrees_with_its_openapi_document(dsn: str, tmp_path: Path) -> None:
    accepted_file = tmp_path / "accepted"
    async with staged_service(dsn) as stage:
        status, output = await run_fuzzer(stage, accepted_file)
    assert status == 0, output
    accepted = set(accepted_file.read_text(encoding="utf-8").splitlines())
    described = {f"{method.upper()} {path}" for path, methods in document()["paths"].items() for method in methods}
    assert described - accepted <= MAY_BE_REFUSED, "no case of these was accepted, so only refusals were tested"
