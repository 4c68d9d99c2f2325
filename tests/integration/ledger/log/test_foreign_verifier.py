"""golang.org/x/mod (sumdb/note, sumdb/tlog), from the system's package, verifies a served log."""

import asyncio
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from ledger.log.encoding import to_base64
from ledger.log.note import format_verifier_key
from ledger.publication.outbox import enqueue_leaf
from ledger.publication.store import newest_head
from running_service import DAY, LOG, RunningService, like, running_service
from sql import Connection

SOURCE = Path(__file__).parents[3] / "foreign" / "verifier.go"
PACKAGE = Path("/usr/share/gocode/src/golang.org/x/mod/sumdb")
MISSING = "Go and golang.org/x/mod are not here (Debian: golang-go, golang-golang-x-mod-dev)"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the verifier; skip where Go is missing, which is an error in CI."""
    if shutil.which("go") is None or not PACKAGE.is_dir():
        assert os.environ.get("CI") != "true", MISSING
        pytest.skip(MISSING)
    folder = tmp_path_factory.mktemp("go")
    environment = {"GO111MODULE": "off", "GOPATH": "/usr/share/gocode", "GOCACHE": str(folder), "GOFLAGS": ""}
    command = ["go", "build", "-o", str(folder / "verifier"), str(SOURCE)]
    subprocess.run(command, env=os.environ | environment, check=True, timeout=170)
    return folder / "verifier"


async def run_verifier(program: Path, to: RunningService, key: str) -> "subprocess.CompletedProcess[str]":
    command = [str(program), to.url, key]
    return await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=60, check=False)


async def test_golangs_tlog_and_note_accept_the_served_log(dsn: str, program: Path):
    key = format_verifier_key(LOG.verifier_key)
    async with running_service(dsn) as to:
        for leaves in (1, 254, 300):
            await to.send([like(f"{leaves}/{n}", at=DAY) for n in range(5)])
            async with to.service.pool.acquire() as conn, conn.transaction():
                for number in range(leaves):
                    text = {"campaign": "rural-education", "about": "correction", "text": f"{number} – 点赞\u2028"}
                    await enqueue_leaf(conn, "note", f"note/{leaves}/{number}", text)
            await to.sequence()
            async with to.service.pool.acquire() as conn:
                head = await newest_head(conn)
            assert head is not None
            process = await run_verifier(program, to, key)
            assert (process.returncode, process.stderr) == (0, "")
            assert process.stdout.split() == [str(head.size), to_base64(head.root)]


@pytest.mark.breaks_invariants
@pytest.mark.parametrize(
    ("tampering", "message"),
    [
        ("UPDATE leaf_queue SET body = body || ' '::bytea WHERE leaf_index = 1", "leaf 1: "),
        ("UPDATE log_tiles SET hashes = set_byte(hashes, 40, get_byte(hashes, 40) # 1)", "leaf"),
        (
            """UPDATE log_heads SET checkpoint =
            set_byte(checkpoint, length(checkpoint) - 9, get_byte(checkpoint, length(checkpoint) - 9) # 1)""",
            "checkpoint: ",
        ),
    ],
)
async def test_golangs_tlog_and_note_refuse_a_changed_log(
    dsn: str, program: Path, owner: Connection, tampering: str, message: str
):
    async with running_service(dsn) as to:
        await to.send([like(str(n)) for n in range(5)])
        await to.sequence()
        await owner.execute(f"SET session_replication_role = replica; {tampering}")
        process = await run_verifier(program, to, format_verifier_key(LOG.verifier_key))
    assert process.returncode == 1
    assert process.stderr.startswith(message)
