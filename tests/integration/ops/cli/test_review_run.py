"""The command line of judging, on a real database: judge now, settle what is judged, close what is decided."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from judged_likes import Seen, at, device_file, farm, homes, judged_campaign, open_cases, record_seen
from ops import database
from ops.cli import app
from promises import SLUG
from sql import Pool

Command = Callable[..., Result]
KEYS = {"LIKE_LEDGER_PSEUDONYM_KEY": "00" * 32, "LIKE_LEDGER_WEBHOOK_KEY": "22" * 32}


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
    campaign = await judged_campaign(pool, device_file())
    await record_seen(pool, campaign, [*farm(3), *homes(3)])


async def fill_with_a_class(pool: Pool) -> None:
    """Record a class of established people who share a device, among others."""
    campaign = await judged_campaign(pool, device_file(established="hold", days=3, likes=3))
    people = [(number, "school" if number < 25 else f"phone {number}") for number in range(60)]
    likes = [Seen(f"p{number}", f"c{day}", at(day), device) for day in (2, 3, 4) for number, device in people]
    await record_seen(pool, campaign, likes)


def counts(result: Result) -> dict[str, Any]:
    assert result.exit_code == 0, result.output
    [row] = json.loads(result.stdout)["campaigns"]
    return {name: row[name] for name in ("judged", "held", "cleared", "new_cases")}


def test_review_run_judges_what_arrived_and_nothing_twice(command: Command, dsn: str):
    on_database(dsn, fill)
    assert counts(command("review", "run", "--json")) == {"judged": 12, "held": 6, "cleared": 0, "new_cases": 1}
    assert counts(command("review", "run", SLUG, "--json")) == {"judged": 0, "held": 0, "cleared": 0, "new_cases": 0}


def test_a_dry_run_says_what_would_be_held_and_changes_nothing(command: Command, dsn: str):
    on_database(dsn, fill)
    words = "review", "run", SLUG, "--upto", "2026-11-05"
    for options in (["--dry-run"], ["--dry-run"], []):
        assert counts(command(*words, *options, "--json"))["held"] == 6
    assert counts(command(*words, "--json")) == {"judged": 0, "held": 0, "cleared": 0, "new_cases": 0}
    table = command(*words, "--dry-run")
    assert (table.exit_code, "nothing was changed" in table.stdout) == (0, True)


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (["--dry-run"], 2, "needs --upto"),
        (["no-such"], 1, "There is no campaign no-such"),
        ([SLUG, "--upto", "yesterday"], 2, "does not match"),
    ],
)
def test_a_wrong_use_says_what_is_wrong(command: Command, dsn: str, words: list[str], status: int, message: str):
    on_database(dsn, fill)
    result = command("review", "run", *words)
    assert (result.exit_code, message in result.output) == (status, True), result.output


def test_a_settlement_names_the_case_that_it_waits_for(command: Command, dsn: str):
    on_database(dsn, fill_with_a_class)
    for _ in range(2):
        refused = command("settle", SLUG)
        cases = on_database(dsn, lambda pool: pool.fetch("SELECT case_id FROM cases WHERE closed_at IS NULL"))
        assert len(cases) == 1
        assert refused.exit_code == 1
        assert "waits for a reviewer" in refused.output
        assert cases[0]["case_id"] in refused.output


def test_close_judges_every_like_and_waits_for_its_cases(command: Command, dsn: str):
    on_database(dsn, fill)
    refused = command("campaign", "close", SLUG, "--reason", "over", "--yes")
    assert (refused.exit_code, "1 cases are open" in refused.output) == (1, True), refused.output
    assert len(on_database(dsn, open_cases)) == 1
