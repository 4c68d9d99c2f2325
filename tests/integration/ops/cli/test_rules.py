"""The command line of rules, on a real database: apply a version, list, show and compare versions."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from campaigns.authenticity.ruleset import default_file
from judged_likes import farm, homes, judged_campaign, record_seen
from ops import database
from ops.cli import app
from promises import SLUG
from settlements import create_campaign
from sql import Pool

Command = Callable[..., Result]
KEYS = {"LIKE_LEDGER_PSEUDONYM_KEY": "00" * 32, "LIKE_LEDGER_WEBHOOK_KEY": "22" * 32}
SECOND = default_file().decode().replace("version = 1", "version = 2", 1)


@pytest.fixture
def command(dsn: str, tmp_path: Path) -> Command:
    """Return what runs `like-ledger` on the fresh database."""
    variables = {"LIKE_LEDGER_DATABASE_URL": dsn, "LIKE_LEDGER_DATA_DIR": str(tmp_path / "data"), **KEYS}
    return lambda *words: CliRunner().invoke(app, words, env=variables)


def on_database(dsn: str, work: Callable[[Pool], Awaitable[Any]]) -> Any:
    async def run() -> Any:
        async with database.open_pool(dsn) as pool:
            return await work(pool)

    return asyncio.run(run())


async def fill(pool: Pool) -> None:
    campaign = await judged_campaign(pool, default_file(), ('rules = "none"', 'rules = "standard"'))
    await record_seen(pool, campaign, [*farm(3), *homes(3)])


def test_a_version_is_applied_once_and_judges_again(command: Command, dsn: str, tmp_path: Path):
    on_database(dsn, fill)
    assert command("review", "run").exit_code == 0
    file = tmp_path / "rules.toml"
    file.write_text(SECOND, encoding="utf-8")
    words = ("rules", "apply", str(file), "--campaign", SLUG)
    assert "version 2 would apply to" in command(*words, "--dry-run").stdout
    assert "version 2 applies to" in command(*words).stdout
    assert "already has version 2" in command(*words).stdout

    async def count_unjudged(pool: Pool) -> int:
        return int(await pool.fetchval("SELECT count(*) FROM observations WHERE judged_at IS NULL"))

    assert on_database(dsn, count_unjudged) > 0
    listed = command("rules", "list", SLUG, "--json")
    assert [row["version"] for row in json.loads(listed.stdout)["versions"]] == [2, 1]
    assert command("rules", "show", SLUG).stdout == SECOND
    assert command("rules", "show", SLUG, "--version", "1").stdout == default_file().decode()
    assert command("rules", "show", SLUG, "--version", "9").exit_code == 1


def test_a_version_never_changes_and_rises(command: Command, dsn: str, tmp_path: Path):
    on_database(dsn, fill)
    file = tmp_path / "rules.toml"
    file.write_text(default_file().decode().replace("days = 7", "days = 8", 1), encoding="utf-8")
    refused = command("rules", "apply", str(file), "--campaign", SLUG)
    assert (refused.exit_code, "ruleset.version" in refused.output) == (1, True)
    file.write_text("[ruleset]\nversion = 0\n", encoding="utf-8")
    faulty = command("rules", "apply", str(file), "--campaign", SLUG)
    assert faulty.exit_code == 1
    assert all(path in faulty.output for path in ("ruleset.version", "ruleset.reason", "rules"))


def test_a_difference_says_whether_it_holds_more_or_less(command: Command, dsn: str, tmp_path: Path):
    on_database(dsn, fill)
    file = tmp_path / "rules.toml"
    file.write_text(SECOND.replace('mode = "live"', 'mode = "shadow"', 1), encoding="utf-8")
    shown = command("rules", "diff", SLUG, str(file)).stdout
    assert "shadow" in shown
    assert "looser" in shown
    assert command("rules", "diff", SLUG, "1", "1").stdout == "nothing differs\n"


def test_a_promise_without_rules_takes_none(command: Command, dsn: str, tmp_path: Path):
    async def create(pool: Pool) -> None:
        await create_campaign(pool)

    on_database(dsn, create)
    file = tmp_path / "rules.toml"
    file.write_text(default_file().decode(), encoding="utf-8")
    refused = command("rules", "apply", str(file), "--campaign", SLUG)
    assert (refused.exit_code, "says that no rules apply" in refused.output) == (1, True)
    assert command("rules", "apply", str(file), "--campaign", "nobody").exit_code == 1
