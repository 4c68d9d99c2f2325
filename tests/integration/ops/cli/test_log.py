"""`like-ledger log` and the service's start: no log without its key, and no key on another's log."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[4]
KEYS = {"LIKE_LEDGER_PSEUDONYM_KEY": "70" * 32, "LIKE_LEDGER_WEBHOOK_KEY": "77" * 32}
ORIGIN = {"LIKE_LEDGER_LOG_ORIGIN": "ledger.example.org/log"}


def run(dsn: str, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = "LIKE_LEDGER_DATA_DIR"  # each test has its own
    clean = {name: value for name, value in os.environ.items() if not name.startswith("LIKE_LEDGER_") or name == kept}
    return subprocess.run(
        [sys.executable, "-m", "ops.cli", *words],
        cwd=ROOT,
        env=clean | KEYS | {"LIKE_LEDGER_DATABASE_URL": dsn} | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


async def test_init_makes_a_key_and_the_first_checkpoint_once(dsn: str, tmp_path: Path):
    first = run(dsn, "log", "init", **ORIGIN)
    assert first.returncode == 0, first.stderr
    key_line, verifier_key = first.stdout.splitlines()
    name, _, key = key_line.partition("=")
    assert (name, len(bytes.fromhex(key))) == ("LIKE_LEDGER_LOG_KEY", 32)
    assert verifier_key.startswith("ledger.example.org/log+")
    again = run(dsn, "log", "init", **ORIGIN, LIKE_LEDGER_LOG_KEY=key)
    assert (again.returncode, again.stdout.strip()) == (0, verifier_key)
    other = run(dsn, "log", "init", **ORIGIN, LIKE_LEDGER_LOG_KEY="00" * 32)
    assert other.returncode == 1
    assert verifier_key in other.stderr
    exported = run(dsn, "log", "export", str(tmp_path))
    assert exported.returncode == 0, exported.stderr
    assert (tmp_path / "checkpoint").read_text().startswith("ledger.example.org/log\n0\n")


@pytest.mark.parametrize(
    ("environment", "says"),
    [
        ({}, "LIKE_LEDGER_LOG_ORIGIN is missing"),
        (ORIGIN, "LIKE_LEDGER_LOG_KEY is missing"),
        (ORIGIN | {"LIKE_LEDGER_LOG_KEY": "ab"}, "LIKE_LEDGER_LOG_KEY must be 32 bytes"),
        ({"LIKE_LEDGER_LOG_ORIGIN": "two words", "LIKE_LEDGER_LOG_KEY": "00" * 32}, "LIKE_LEDGER_LOG_ORIGIN"),
        (ORIGIN | {"LIKE_LEDGER_LOG_KEY": "00" * 32}, "like-ledger log init"),
    ],
)
async def test_the_service_does_not_start_without_its_log(dsn: str, environment: dict[str, str], says: str):
    completed = run(dsn, "serve", "--port", "0", **environment)
    assert completed.returncode == 1
    assert says in completed.stderr
    assert "Traceback" not in completed.stderr


async def test_the_service_does_not_start_on_another_keys_log(dsn: str):
    assert run(dsn, "log", "init", **ORIGIN, LIKE_LEDGER_LOG_KEY="11" * 32).returncode == 0
    completed = run(dsn, "serve", "--port", "0", **ORIGIN, LIKE_LEDGER_LOG_KEY="22" * 32)
    assert completed.returncode == 1
    assert "signed by ledger.example.org/log+" in completed.stderr


async def test_forgetting_somebody_in_a_campaign_that_is_not_there_is_refused(dsn: str):
    completed = run(dsn, "person", "forget", "4854", "--campaign", "nobody", "--platform", "kuai")
    assert (completed.returncode, completed.stderr.strip()) == (1, "There is no campaign nobody.")


async def test_a_successor_is_started_once_and_only_when_confirmed(dsn: str, data_dir: Path):
    old = ORIGIN | {"LIKE_LEDGER_LOG_KEY": "6c" * 32}
    assert run(dsn, "log", "init", **old).returncode == 0
    words = ("log", "succeed", "--origin", "ledger.example.org/log2")
    planned = run(dsn, *words, "--dry-run", **old)
    assert (planned.returncode, planned.stdout) == (0, "")
    assert "ledger.example.org/log2 succeeds it" in planned.stderr
    assert run(dsn, *words, **old).returncode == 1  # nobody answers the question
    assert run(dsn, "log", "init", **old).returncode == 0
    same = run(dsn, *words[:-1], "ledger.example.org/log", "--yes", **old)
    assert (same.returncode, "another origin" in same.stderr) == (1, True)
    started = run(dsn, *words, "--yes", **old)
    assert started.returncode == 0, started.stderr
    new = dict(line.split("=", 1) for line in started.stdout.splitlines()[:2])
    assert new["LIKE_LEDGER_LOG_ORIGIN"] == "ledger.example.org/log2"
    again = run(dsn, *words, "--yes", **new)
    assert (again.returncode, again.stdout.splitlines()[0]) == (0, started.stdout.splitlines()[2])
    assert "log.succeed" in run(dsn, "audit", "list", **new).stdout
    assert run(dsn, "doctor", **new).stdout.count("ok  log:") == 1
