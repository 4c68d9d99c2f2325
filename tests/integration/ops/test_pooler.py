"""A real pgbouncer between the service and PostgreSQL: refused with the reason, in every mode."""

import asyncio
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from ops.pooler import PoolerRefused, require_sessions
from pgbouncer import PROGRAM, running_pgbouncer
from processes import ROOT
from running_service import environment
from sql import Connection

pytestmark = pytest.mark.one_server
LENIENT = {"ignore_startup_parameters": "role,plan_cache_mode,extra_float_digits,jit,search_path"}
CASES = [
    ("transaction", {}, "refuses the session's settings"),
    ("session", {}, "refuses the session's settings"),
    ("transaction", LENIENT, "drops the session's settings"),
    ("session", LENIENT, "drops the session's settings"),
    ("statement", LENIENT, "allows no transactions"),
]


@pytest.fixture
def folder() -> Iterator[Path]:
    """Yield a folder with a path that is short enough for a socket."""
    if not Path(PROGRAM).exists():
        message = "pgbouncer is missing: apt-get install pgbouncer"
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)
    with tempfile.TemporaryDirectory(prefix="pgb-") as path:
        yield Path(path)


@pytest.mark.parametrize(("mode", "options", "reason"), CASES)
async def test_a_pooler_is_refused_with_the_reason(
    dsn: str, folder: Path, mode: str, options: dict[str, str], reason: str
) -> None:
    async with running_pgbouncer(dsn, folder, mode, **options) as address:
        with pytest.raises(PoolerRefused, match=reason) as refused:
            await require_sessions(address)
    assert "LIKE_LEDGER_DATABASE_URL" in str(refused.value)


@pytest.mark.parametrize("size", [1, 5])
async def test_sessions_shared_by_transaction_are_found_even_if_the_settings_hold(
    dsn: str, folder: Path, size: int, owner: Connection
) -> None:
    await owner.execute("ALTER ROLE postgres SET plan_cache_mode = force_generic_plan")
    try:
        async with running_pgbouncer(dsn, folder, "transaction", default_pool_size=size, **LENIENT) as address:
            with pytest.raises(PoolerRefused, match="shares out sessions by transaction"):
                await require_sessions(address)
    finally:
        await owner.execute("ALTER ROLE postgres RESET plan_cache_mode")


async def test_postgresql_itself_is_accepted(dsn: str) -> None:
    await require_sessions(dsn)


@pytest.mark.parametrize("command", ["serve", "serve --no-migrate", "doctor", "check", "migrate --dry-run"])
async def test_each_command_ends_with_one_line(dsn: str, folder: Path, command: str) -> None:
    async with running_pgbouncer(dsn, folder, "transaction") as address:
        result = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-m", "ops.cli", *command.split()],
            cwd=ROOT,
            env=os.environ | environment(address) | {"LIKE_LEDGER_PORT": "0"},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
    output = result.stdout + result.stderr
    assert (result.returncode, "Traceback" in output, output.count("pgbouncer")) == (1, False, 1), output
    assert "Let LIKE_LEDGER_DATABASE_URL name PostgreSQL itself" in output
