"""`like-ledger campaign preview`: the table, the sentences, JSON, and what it refuses."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from ops.cli import app
from promises import SLUG, promise_toml

Preview = Callable[..., Result]
KEYS = {"LIKE_LEDGER_PSEUDONYM_KEY": "11" * 32, "LIKE_LEDGER_WEBHOOK_KEY": "22" * 32}
TWO_WEEKS = (
    ("starts_at = 2026-11-01", "starts_at = 2030-12-01"),
    ("ends_at = 2026-12-01", "ends_at = 2030-12-15"),
)


@pytest.fixture
def preview(dsn: str, tmp_path: Path) -> Preview:
    """Return what previews a promise of two weeks on the fresh database."""
    path = tmp_path / "promise.toml"
    path.write_text(promise_toml(*TWO_WEEKS), encoding="utf-8")

    def run(*words: str) -> Result:
        variables = {"LIKE_LEDGER_DATABASE_URL": dsn, **KEYS}
        return CliRunner().invoke(app, ["campaign", "preview", str(path), *words], env=variables)

    return run


def printed_json(result: Result) -> Any:
    assert (result.exit_code, result.stderr) == (0, ""), result.output
    return json.loads(result.stdout)


def test_the_table_and_the_sentences(preview: Preview, tmp_path: Path):
    curve = tmp_path / "curve.csv"
    curve.write_text("day,likes\n2030-12-01,0\n2030-12-11,3000\n", encoding="utf-8")
    output = preview("--budget", "5000", "--curve", str(curve))
    assert (output.exit_code, output.stderr) == (0, "")
    lines = output.stdout.splitlines()
    assert sum(line.startswith("│ 2030-12-") for line in lines) == 14
    (sixth,) = [line for line in lines if "2030-12-07" in line]
    assert [cell.strip() for cell in sixth.strip("│").split("│")] == [
        *("2030-12-07", "1,800", "5.00", "1.00", "5.00", "20.00", "30.00", "daily cap"),
    ]
    assert lines[-4:] == [
        "50.00 CNY of 50.00 CNY would be pledged",
        "the budget ends on 2030-12-13",
        "the daily cap binds on 7 of 14 days, the budget on 1",
        "10,500 of 25,500 counted likes earn nothing",
    ]


def test_figures_for_programs(preview: Preview):
    figures = printed_json(preview("--budget", "10000", "--likes-per-day", "1000", "--fakes-bp", "300", "--json"))
    assert figures["likes"]["received"] == 14_000
    assert (figures["likes"]["fakes"], figures["likes"]["counted"]) == (420, 13_580)
    assert figures["money"]["pledged"] == {"minor": 4_526, "text": "45.26"}  # 13,580 thirds
    assert figures["days_bound"] == {"none": 14, "daily_cap": 0, "budget": 0}
    assert [share["amount"]["text"] for share in figures["beneficiaries"]] == ["31.68", "13.58"]
    words = preview("--budget", "10000", "--likes-per-day", "1000", "--fakes-bp", "300").stdout
    assert "420 of 14,000 likes are fakes" in words
    assert "the budget lasts: 54.74 CNY remain at the end" in words


def test_nothing_is_left_behind(preview: Preview, dsn: str):
    printed_json(preview("--budget", "1", "--likes-per-day", "1", "--json"))
    listed = CliRunner().invoke(app, ["campaign", "list", "--json"], env={"LIKE_LEDGER_DATABASE_URL": dsn, **KEYS})
    assert printed_json(listed) == {"campaigns": []}


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("--likes-per-day", "1"), "funded_minor: The campaign does not exist yet. Enter a budget."),
        (("--budget", "1", "--like", SLUG), "forecast.like_campaign: There is no campaign of that name."),
    ],
)
def test_what_is_refused_ends_with_status_1_and_one_line(preview: Preview, words: tuple[str, ...], line: str):
    refused = preview(*words)
    assert (refused.exit_code, refused.stdout, refused.stderr) == (1, "", line + "\n")


def test_wrong_usage_ends_with_status_2(preview: Preview, tmp_path: Path):
    wrong = [
        ("--budget", "1"),
        ("--budget", "-1", "--likes-per-day", "1"),
        ("--budget", "1", "--likes-per-day", "1", "--like", SLUG),
        ("--budget", "1", "--likes-per-day", "1", "--fakes-bp", "10001"),
        ("--budget", "1", "--curve", str(tmp_path / "nothing.csv")),
    ]
    assert [preview(*words).exit_code for words in wrong] == [2] * len(wrong)
