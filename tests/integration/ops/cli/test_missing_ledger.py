"""Commands on a ledger that does not exist: nothing is created, and the message says what to do."""

import asyncio
import socket
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ops import __version__, database
from ops.cli import app

KEYS = {f"LIKE_LEDGER_{name}_KEY": "11" * 32 for name in ("PSEUDONYM", "WEBHOOK", "LOG")}
COMMANDS = [
    "campaign list",
    "payouts list",
    "check",
    "doctor",
    "settle",
    "log init",
    "log export out",
    "audit list",
    "platform add kuaishou",
    "token create --role owner --name ann",
    "migrate --dry-run",
]
FOUND_BY_DRY_RUN = {"doctor", "migrate --dry-run"}  # they say themselves that migrations are pending


@pytest.mark.parametrize("command", COMMANDS)
def test_no_command_creates_a_ledger_in_an_empty_folder(command: str, tmp_path: Path):
    result = CliRunner().invoke(app, command.split(), env={"LIKE_LEDGER_DATA_DIR": str(tmp_path / "data")})
    assert result.exit_code == 1
    assert f"There is no ledger in {tmp_path / 'data'}" in result.output
    assert "LIKE_LEDGER_DATA_DIR" in result.output
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", [command for command in COMMANDS if command not in FOUND_BY_DRY_RUN])
def test_no_command_creates_tables_in_an_empty_database(command: str, empty_dsn: str, tmp_path: Path):
    environment = {
        "LIKE_LEDGER_DATABASE_URL": empty_dsn,
        "LIKE_LEDGER_DATA_DIR": str(tmp_path),
        "LIKE_LEDGER_LOG_ORIGIN": "example.org/log",
        **KEYS,
    }
    result = CliRunner().invoke(app, command.split(), env=environment)
    assert result.exit_code == 1
    assert "There is no ledger in this database. `like-ledger migrate` creates one" in result.output
    assert asyncio.run(count_tables(empty_dsn)) == 0


async def count_tables(dsn: str) -> int:
    async with database.open_pool(dsn, 1) as pool, pool.acquire() as conn:
        return int(await conn.fetchval("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"))


def test_a_port_that_is_taken_is_named_in_one_line(tmp_path: Path, dsn: str):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        environment = {
            "LIKE_LEDGER_DATABASE_URL": dsn,
            "LIKE_LEDGER_DATA_DIR": str(tmp_path),
            "LIKE_LEDGER_LOG_ORIGIN": "example.org/log",
            "LIKE_LEDGER_PORT": str(port),
            **KEYS,
        }
        assert CliRunner().invoke(app, ["log", "init"], env=environment).exit_code == 0
        result = CliRunner().invoke(app, ["serve"], env=environment)
    assert result.exit_code == 1
    (line,) = [line for line in result.output.splitlines() if "cannot listen" in line]
    assert str(port) in line
    assert "LIKE_LEDGER_PORT" in line


def test_the_version_is_printed():
    result = CliRunner().invoke(app, ["--version"])
    assert (result.exit_code, result.output) == (0, f"like-ledger {__version__}\n")
