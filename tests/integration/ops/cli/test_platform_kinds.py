"""The command line of platforms that issue their own secrets, on a real database."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from campaigns.intake.kinds.registry import KINDS
from ops.cli import app

Command = Callable[..., Result]
KEYS = {"LIKE_LEDGER_PSEUDONYM_KEY": "00" * 32, "LIKE_LEDGER_WEBHOOK_KEY": "22" * 32}
PRIVATE = "issued-by-the-platform"


@pytest.fixture
def command(dsn: str, tmp_path: Path) -> Command:
    """Return what runs `like-ledger` on the fresh database."""
    variables = {"LIKE_LEDGER_DATABASE_URL": dsn, "LIKE_LEDGER_DATA_DIR": str(tmp_path / "data"), **KEYS}
    return lambda *words: CliRunner().invoke(app, words, env=variables)


def secret_file(folder: Path, content: object) -> str:
    file = folder / "secret.json"
    file.write_text(json.dumps(content), encoding="utf-8")
    return str(file)


@pytest.mark.parametrize("kind", KINDS)
def test_a_platform_of_each_kind_is_added_rotated_and_never_shows_its_secret(
    command: Command, tmp_path: Path, kind: str
):
    file = secret_file(tmp_path, dict.fromkeys(KINDS[kind].secrets, PRIVATE))
    results = [
        command("platform", "add", "theirs", "--kind", kind, "--secret-file", file),
        command("platform", "rotate", "theirs", "--secret-file", file),
        command("platform", "rotate", "theirs", "--drop-old"),
        command("platform", "list", "--json"),
        command("platform", "unread", "theirs"),
        command("audit", "list"),
    ]
    assert [result.exit_code for result in results[:5]] == [0] * 5, [result.output for result in results]
    assert f'"kind": "{kind}"' in results[3].stdout
    assert all(PRIVATE not in result.output for result in results)


@pytest.mark.parametrize(
    ("words", "content", "sentence"),
    [
        (["add", "a", "--kind", "nothing"], {"secret": "x"}, "There is no kind nothing"),
        (["add", "a", "--kind", "facebook-page"], {"secret": "x"}, "has a secret of these values"),
        (["add", "a", "--kind", "github-star"], {"secret": ""}, "has a secret of these values"),
        (["add", "a", "--kind", "github-star", "--reactions", "heart"], {"secret": "x"}, "one kind of like"),
        (["add", "a"], {"secret": "x"}, "is made by this service"),
        (["add", "a", "--kind", "github-star"], ["secret"], "is not a JSON object of texts"),
    ],
)
def test_a_wrong_secret_or_kind_is_refused(
    command: Command, tmp_path: Path, words: list[str], content: object, sentence: str
):
    refused = command("platform", *words, "--secret-file", secret_file(tmp_path, content))
    assert refused.exit_code in (1, 2)
    assert sentence in " ".join(refused.output.replace("│", " ").split())


def test_the_kinds_are_listed_with_what_each_needs(command: Command):
    listed = command("platform", "kinds", "--json")
    assert [row["kind"] for row in json.loads(listed.stdout)["kinds"]] == list(KINDS)
    assert all(kind in command("platform", "kinds").stdout for kind in KINDS)
