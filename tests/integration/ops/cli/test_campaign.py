"""The command line, on a real database: what it prints, and with which status it ends."""

import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from typer.testing import CliRunner, Result

from ops.cli import app
from ops.clock import utc_now
from promises import PROMISE, SLUG, promise_toml, span_around

Command = Callable[..., Result]
Written = Callable[..., str]
KEYS = {"LIKE_LEDGER_PSEUDONYM_KEY": "11" * 32, "LIKE_LEDGER_WEBHOOK_KEY": "22" * 32}


@pytest.fixture
def command(dsn: str) -> Command:
    """Return what runs `like-ledger` on the fresh database."""

    def run(*words: str, typed: str | None = None, **environment: str) -> Result:
        variables = {"LIKE_LEDGER_DATABASE_URL": dsn, **KEYS, **environment}
        return CliRunner().invoke(app, words, env=variables, input=typed)

    return run


@pytest.fixture
def file(tmp_path: Path) -> Written:
    """Return what writes the promise, some of it changed, to a file."""

    def write(*changes: tuple[str, str]) -> str:
        path = tmp_path / "promise.toml"
        path.write_text(promise_toml(*changes), encoding="utf-8")
        return str(path)

    return write


def printed_json(result: Result) -> Any:
    """Return the JSON that a command printed."""
    assert (result.exit_code, result.stderr) == (0, ""), result.output
    return json.loads(result.stdout)


def refusal_of(result: Result) -> str:
    """Return what a refused command said: on standard error alone, and without a traceback."""
    assert (result.exit_code, result.stdout) == (1, ""), result.output
    assert "Traceback" not in result.stderr
    return result.stderr


def test_a_campaign_from_its_promise_to_its_close(command: Command, file: Written):
    created = command("campaign", "apply", file(("floor_minor = 0", "floor_minor = 500")))
    assert created.exit_code == 0
    assert "terms.rate.per_likes" in created.stdout
    assert "created the campaign: version 1 of the terms, in force from 2026-11-01" in created.stdout
    funding = printed_json(command("campaign", "fund", SLUG, "700000", "--reference", "bank 1", "--json"))
    assert funding == {
        "campaign": SLUG,
        "amount": {"minor": 700000, "text": "7000.00"},
        "new": True,
        "pledged": {"minor": 0, "text": "0.00"},
    }
    assert "before; nothing changed" in command("campaign", "fund", SLUG, "700000", "--reference", "bank 1").stdout
    closing = printed_json(command("campaign", "close", SLUG, "--reason", "the wells are dug", "--yes", "--json"))
    assert (closing["new"], closing["floor_top_up"]["text"], closing["returned"]["text"]) == (True, "5.00", "6995.00")
    assert "before, at" in command("campaign", "close", SLUG, "--reason", "again", "--yes").stdout
    [listed] = printed_json(command("campaign", "list", "--json"))["campaigns"]
    assert (listed["campaign"], listed["state"]) == (SLUG, "closed")
    assert {name: amount["minor"] for name, amount in listed["money"].items()} == {
        "funded": 500,
        "pledged": 500,
        "settled": 0,
        "in_flight": 0,
        "paid": 0,
        "remaining": 0,
    }


async def count_rows(dsn: str) -> list[int]:
    conn = await asyncpg.connect(dsn)
    try:
        tables = "campaigns", "terms", "leaf_queue", "accounts", "transfers"
        counts = [await conn.fetchval(f"SELECT count(*) FROM {table}") for table in tables]
        return [*counts, await conn.fetchval("SELECT version FROM catalogue_version")]
    finally:
        await conn.close()


async def test_a_dry_run_prints_the_difference_and_leaves_no_trace(dsn: str, tmp_path: Path):
    path = tmp_path / "promise.toml"
    path.write_text(PROMISE, encoding="utf-8")
    before = await count_rows(dsn)
    program = [sys.executable, "-m", "ops.cli", "campaign", "apply", str(path), "--dry-run"]
    done = subprocess.run(  # noqa: ASYNC221 - the test has nothing else to do
        program, env={"LIKE_LEDGER_DATABASE_URL": dsn, **KEYS}, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "would create the campaign: version 1" in done.stdout
    assert await count_rows(dsn) == before


def test_applying_again_says_that_nothing_differs(command: Command, file: Written):
    plan = printed_json(command("campaign", "apply", file(), "--json"))
    assert (plan["action"], plan["done"], plan["terms_version"]) == ("create", True, 1)
    assert {"path": "campaign.currency", "before": None, "after": "CNY"} in plan["changes"]
    again = printed_json(command("campaign", "apply", file(), "--json"))
    assert (again["action"], again["changes"]) == ("nothing", [])


def test_a_wrong_promise_is_refused_with_every_fault(command: Command, file: Written):
    wrong = command("campaign", "apply", file(('"CNY"', '"XXX"'), ("share_bp = 3000", "share_bp = 1")))
    assert refusal_of(wrong).splitlines() == [
        "campaign.currency: This is not an ISO 4217 currency with a minor unit. Enter a code such as CNY.",
        "terms.beneficiaries: The shares add up to 70.01%. They must add up to 100%.",
    ]
    printed_json(command("campaign", "apply", file(), "--json"))
    fixed = refusal_of(command("campaign", "apply", file(("floor_minor = 0", "floor_minor = 1"))))
    assert fixed.startswith("campaign.floor_minor: This is CN¥0.00 and cannot change")


def test_a_campaign_is_shown_as_the_public_api_shows_it(command: Command, file: Written):
    command("campaign", "apply", file())
    output = printed_json(command("campaign", "show", SLUG, "--json"))
    assert output["campaign"]["slug"] == SLUG
    assert [terms["from_day"] for terms in output["terms"]] == ["2026-11-01"]
    assert output["totals"]["money"]["remaining"] == {"minor": 0, "text": "0.00"}
    pages = command("campaign", "show", SLUG).stdout
    assert "乡村教育" in pages
    assert "village-schools 7000, mobile-libraries 3000" in pages


def test_a_close_is_asked_about_first(command: Command, file: Written):
    command("campaign", "apply", file())
    assert command("campaign", "close", SLUG, "--reason", "done", typed="n\n").exit_code == 1
    assert printed_json(command("campaign", "list", "--json"))["campaigns"][0]["state"] != "closed"
    assert command("campaign", "close", SLUG, "--reason", "done", typed="y\n").exit_code == 0
    assert printed_json(command("campaign", "list", "--json"))["campaigns"][0]["state"] == "closed"


def test_a_close_says_why(command: Command, file: Written, dsn: str):
    command("campaign", "apply", file(*span_around(utc_now())))
    for more in ((), ("--json",)):
        unsaid = command("campaign", "close", SLUG, "--yes", *more)
        assert (unsaid.exit_code, "--reason TEXT" in unsaid.stderr) == (2, True)
    assert "Give a reason in words" in refusal_of(command("campaign", "close", SLUG, "--reason", "  ", "--yes"))
    terminal, child = pty.openpty()
    variables = {**os.environ, "LIKE_LEDGER_DATABASE_URL": dsn, **KEYS}
    words = [sys.executable, "-m", "ops.cli", "campaign", "close", SLUG]
    with subprocess.Popen(words, stdin=child, stderr=subprocess.PIPE, env=variables) as process:
        os.write(terminal, b"\nthe wells are dug\ny\n")  # nothing is no answer: it asks again
        _, prompts = process.communicate()
    os.close(terminal)
    os.close(child)
    assert (process.returncode, prompts.count(b"Reason, for the public log")) == (0, 2)
    [line] = printed_json(command("audit", "list", "--contains", "the wells are dug", "--json"))["audit"]
    assert (line["command"], line["after"]["reason"]) == ("campaign.close", "the wells are dug")


def test_a_close_of_what_has_ended_needs_no_reason(command: Command, file: Written):
    command("campaign", "apply", file(("starts_at = 2026", "starts_at = 2022"), ("ends_at = 2026", "ends_at = 2022")))
    assert command("campaign", "close", SLUG, "--yes").exit_code == 0
    [line] = printed_json(command("audit", "list", "--contains", "its period has ended", "--json"))["audit"]
    assert line["command"] == "campaign.close"


def test_content_is_enrolled_from_words_and_files(command: Command, file: Written, tmp_path: Path):
    command("campaign", "apply", file())
    contents = tmp_path / "contents.txt"
    contents.write_text("a\r\n\n b \n", encoding="utf-8")
    enrolled = printed_json(command("campaign", "enrol", SLUG, "c", "--file", str(contents), "--json"))
    assert enrolled == {"campaign": SLUG, "contents": 3, "enrolled": 3}
    assert command("campaign", "enrol", SLUG, "c", "d").stdout == f"{SLUG}: 1 enrolled, 1 unchanged\n"
    assert command("campaign", "enrol", SLUG, "a", "--remove").stdout == f"{SLUG}: 1 removed, 0 unchanged\n"
    contents.write_bytes(b"\xff")
    assert (
        refusal_of(command("campaign", "enrol", SLUG, "--file", str(contents)))
        == "contents.txt is not UTF-8. Save it as UTF-8 and try again.\n"
    )


def test_a_platform_s_secret_is_printed_alone(command: Command):
    added = command("platform", "add", "video")
    assert (added.exit_code, added.stdout[:6], len(added.stdout.splitlines())) == (0, "whsec_", 1)
    rotated = printed_json(command("platform", "rotate", "video", "--json"))
    assert rotated["secret"].startswith("whsec_")
    assert rotated["secret"] != added.stdout.strip()
    listing = command("platform", "list", "--json")
    assert [key["scheme"] for key in printed_json(listing)["platforms"][0]["keys"]] == ["v1", "v1"]
    assert "whsec_" not in listing.stdout
    assert printed_json(command("platform", "rotate", "video", "--drop-old", "--json")) == {
        "platform": "video",
        "dropped": 1,
    }
    assert "v1 since" in command("platform", "list").stdout


UNKNOWN = f"There is no campaign {SLUG}.\n"


def test_what_is_refused_ends_with_status_1_and_one_line(command: Command):
    for words in (
        ("show", SLUG),
        ("close", SLUG, "--reason", "done", "--yes"),
        ("fund", SLUG, "1", "--reference", "a"),
        ("enrol", SLUG, "c"),
    ):
        assert refusal_of(command("campaign", *words)) == UNKNOWN
    assert refusal_of(command("platform", "rotate", "nobody")) == "There is no platform named nobody.\n"
    assert "whpk_" in refusal_of(command("platform", "add", "video", "--public-key", "x"))
    assert printed_json(command("platform", "list", "--json")) == {"platforms": []}


def test_wrong_usage_ends_with_status_2(command: Command, tmp_path: Path):
    wrong = [
        ("campaign", "apply", str(tmp_path / "nothing.toml")),
        ("campaign", "fund", SLUG, "0", "--reference", "a"),
        ("campaign", "fund", SLUG, "1.5", "--reference", "a"),
        ("campaign", "fund", SLUG, "1"),
        ("campaign", "enrol", SLUG),
        ("campaign", "shut", SLUG),
        ("platform", "rotate", "video", "--drop-old", "--public-key", "whpk_"),
    ]
    assert [command(*words).exit_code for words in wrong] == [2] * len(wrong)


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"LIKE_LEDGER_DATABASE_URL": "postgresql://u:geheim@127.0.0.1:1/x"}, "The database cannot be reached"),
        ({"LIKE_LEDGER_DATABASE_URL": "mysql://u:geheim@127.0.0.1:1/x"}, "is not an address of PostgreSQL"),
        ({"LIKE_LEDGER_PSEUDONYM_KEY": ""}, "LIKE_LEDGER_PSEUDONYM_KEY must be 32 bytes in hex"),
        ({"LIKE_LEDGER_COLOUR": "red"}, "Unknown settings: LIKE_LEDGER_COLOUR"),
    ],
)
def test_a_wrong_configuration_is_one_clear_line_without_a_password(environment: dict[str, str], words: str):
    variables = {"LIKE_LEDGER_DATABASE_URL": "postgresql://127.0.0.1:1/x", **KEYS, **environment}
    message = refusal_of(CliRunner().invoke(app, ["platform", "list"], env=variables))
    assert words in message
    assert len(message.splitlines()) == 1
    assert "geheim" not in message


def commands() -> list[list[str]]:
    names = ["apply", "show", "list", "fund", "close", "enrol"]
    return [["campaign", name] for name in names] + [["platform", name] for name in ("add", "rotate", "list")]


def test_every_command_explains_itself():
    for words in commands():
        helped = CliRunner().invoke(app, [*words, "--help"])
        assert helped.exit_code == 0
        assert "--json" in helped.stdout
