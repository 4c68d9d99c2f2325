"""The command line of settlements, on a real database: settled, approved with tokens, sent to a folder, exported."""

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import structlog
from typer.testing import CliRunner, Result

from campaigns.catalogue import cache
from campaigns.pledging import pledge
from ledger.payouts import sending
from ledger.reconciliation.statements.csv_table import COLUMNS
from ops import database
from ops.cli import app, runtime
from promises import SLUG, promise_toml, record
from settlements import likes_delivery

Command = Callable[..., Result]
KEY = "00" * 32
KEYS = {"LIKE_LEDGER_PSEUDONYM_KEY": KEY, "LIKE_LEDGER_WEBHOOK_KEY": "22" * 32}
ACCOUNT = "DE89370400440532013000"
PAYER = {
    "LIKE_LEDGER_PAYOUT_CHANNEL": "pain001",
    "LIKE_LEDGER_PAYER_NAME": "Example Foundation",
    "LIKE_LEDGER_PAYER_ACCOUNT": ACCOUNT,
}
PAST = [("2026-11-01", "2022-04-08"), ("2026-12-01", "2022-04-22")]


@pytest.fixture
def command(dsn: str, tmp_path: Path) -> Command:
    """Return what runs `like-ledger` on the fresh database."""

    def run(*words: str, typed: str | None = None, **environment: str) -> Result:
        variables = {"LIKE_LEDGER_DATABASE_URL": dsn, "LIKE_LEDGER_DATA_DIR": str(tmp_path / "data"), **KEYS, **PAYER}
        return CliRunner().invoke(app, words, env={**variables, **environment}, input=typed)

    return run


@pytest.fixture
def past(command: Command, dsn: str, tmp_path: Path) -> Command:
    """Return the same on a database with a campaign that past long ago, 300 likes on its second day."""
    path = tmp_path / "promise.toml"
    path.write_text(promise_toml(*PAST), encoding="utf-8")
    assert command("campaign", "apply", str(path)).exit_code == 0
    assert command("campaign", "fund", SLUG, "1000", "--reference", "first").exit_code == 0
    asyncio.run(_like(dsn))
    return command


async def _like(dsn: str) -> None:
    async with database.open_pool(dsn) as pool:
        await record(
            pool, [likes_delivery(SLUG, "2022-04-09T04:00:00Z", range(300))], datetime(2022, 4, 10, tzinfo=UTC)
        )
        async with pool.acquire() as conn:
            catalogue = await cache.load_catalogue(conn, bytes.fromhex(KEY))
        await pledge.run_tick(pool, catalogue.campaigns[SLUG])


def printed_json(result: Result) -> Any:
    assert (result.exit_code, result.stderr) == (0, ""), result.output
    return json.loads(result.stdout)


def refusal_of(result: Result) -> str:
    assert (result.exit_code, result.stdout) == (1, ""), result.output
    assert "Traceback" not in result.stderr
    return result.stderr


def test_from_settling_to_the_file_for_the_bank(past: Command, tmp_path: Path):
    (made,) = printed_json(past("settle", SLUG, "--json"))["settlements"]
    assert (made["period"], made["total"]["text"], made["payouts"]) == ("2022-04-18", "1.00", 2)
    assert past("settle").stdout == "nothing to settle\n"
    assert printed_json(past("settle", SLUG, "--period", "2022-04-18", "--json")) == {"settlements": []}
    (settlement,) = printed_json(past("payouts", "list", "--json"))["settlements"]
    assert (settlement["state"], settlement["approvals_missing"]) == ("open", 2)
    assert "needs 2 more approvals" in refusal_of(past("payouts", "send", made["id"]))
    assert past("payouts", "send").stdout == "nothing to send\n"
    for name in ("ann", "ben"):
        token = printed_json(past("token", "create", "--role", "finance", "--name", name, "--json"))["token"]
        approve = ("payouts", "approve", made["id"], "--as", name, "--json")
        assert "does not belong to" in refusal_of(past(*approve, "--hash", settlement["hash"], "--token", "llt_x"))
        settlement = printed_json(past(*approve, "--hash", settlement["hash"], "--token", token))
    assert settlement["state"] == "approved"
    (sent,) = printed_json(past("payouts", "send", "--json"))["settlements"]
    assert (sent["state"], {p["state"] for p in sent["payouts"]}) == ("sent", {"sent"})
    (file,) = (tmp_path / "data" / "outbox").glob("*.xml")
    (exported,) = printed_json(past("payouts", "export", made["id"], "--folder", str(tmp_path / "again"), "--json"))[
        "files"
    ]
    assert Path(exported["file"]).read_bytes() == file.read_bytes()
    assert {p["evidence"][0] for p in sent["payouts"]} == {exported["sha256"]}
    assert past("check").exit_code == 0


def test_a_call_that_fails_after_the_commit_ends_with_one_line_and_status_1(
    past: Command, dsn: str, monkeypatch: pytest.MonkeyPatch
):
    (made,) = printed_json(past("settle", SLUG, "--json"))["settlements"]
    (settlement,) = printed_json(past("payouts", "list", "--json"))["settlements"]
    for name in ("ann", "ben"):
        token = printed_json(past("token", "create", "--role", "finance", "--name", name, "--json"))["token"]
        approve = ("payouts", "approve", made["id"], "--as", name, "--json")
        printed_json(past(*approve, "--hash", settlement["hash"], "--token", token))

    async def fail(*_: Any) -> None:
        raise OSError(f"no answer from postgresql://clerk:hunter2@db and {dsn}")

    with monkeypatch.context() as broken:
        broken.setattr(sending, "resume_sending", fail)
        failed = past("payouts", "send", "--json")
    assert failed.exit_code == 1
    assert json.loads(failed.stdout)["settlements"][0]["state"] == "sending"
    assert failed.stderr == (
        f"settlement/{made['id']} is stored but not finished: OSError: no answer from *** and ***."
        " Run the command again to finish it.\n"
    )
    assert "hunter2" not in failed.output
    assert dsn not in failed.output
    (sent,) = printed_json(past("payouts", "send", "--json"))["settlements"]
    assert sent["state"] == "sent"


def test_the_logs_of_a_command_have_no_local_variables(past: Command, monkeypatch: pytest.MonkeyPatch):
    async def log_and_fail(_: str) -> None:
        password = f"hunter{1 + 1}"  # in no line of source, so only a variable has the value
        try:
            int("x" * len(password))
        except ValueError:
            structlog.get_logger().exception("broken")

    monkeypatch.setattr(runtime, "_require_migrated", log_and_fail)
    result = past("payouts", "list", "--json")
    assert json.loads(result.stdout) == {"settlements": []}
    assert ("broken" in result.stderr, "hunter2" in result.output) == (True, False)


def test_an_approval_asks_what_is_approved(past: Command):
    (made,) = printed_json(past("settle", "--json"))["settlements"]
    token = past("token", "create", "--role", "owner", "--name", "ann").stdout.strip()
    said_no = past("payouts", "approve", made["id"], "--as", "ann", typed=f"{token}\nn\n")
    assert (said_no.exit_code, token in said_no.output) == (1, False)
    assert printed_json(past("payouts", "list", "--json"))["settlements"][0]["approval_count"] == 0
    said_yes = past("payouts", "approve", made["id"], "--as", "ann", typed=f"{token}\ny\n")
    assert said_yes.exit_code == 0
    assert printed_json(past("payouts", "list", "--json"))["settlements"][0]["approval_count"] == 1


def test_the_next_period_takes_what_was_cancelled(past: Command):
    (made,) = printed_json(past("settle", "--json"))["settlements"]
    assert printed_json(past("payouts", "cancel", made["id"], "--json"))["state"] == "cancelled"
    assert "is cancelled. It can be cancelled only before any payout is sent" in refusal_of(
        past("payouts", "cancel", made["id"])
    )
    (campaign,) = printed_json(past("campaign", "list", "--json"))["campaigns"]
    assert (campaign["money"]["pledged"]["minor"], campaign["money"]["settled"]["minor"]) == (100, 0)
    (following,) = printed_json(past("settle", "--json"))["settlements"]
    assert following["period"] > made["period"]
    assert following["total"] == made["total"]


def test_by_hand_a_person_enters_what_the_bank_said(dsn: str, command: Command, tmp_path: Path):
    path, slip = tmp_path / "promise.toml", tmp_path / "slip.pdf"
    path.write_text(
        promise_toml(*PAST, ("[terms]", "[settlement]\nthreshold_minor = 100\n[terms]")), encoding="utf-8"
    )
    slip.write_bytes(b"the bank's slip")
    assert command("campaign", "apply", str(path)).exit_code == 0
    assert command("campaign", "fund", SLUG, "1000", "--reference", "first").exit_code == 0
    asyncio.run(_like(dsn))
    (made,) = printed_json(command("settle", "--json"))["settlements"]
    (sending,) = printed_json(command("payouts", "send", "--channel", "manual", "--json"))["settlements"]
    assert (sending["id"], sending["state"]) == (made["id"], "sending")
    first, second = (p["id"] for p in sending["payouts"])
    slipped = printed_json(
        command("payouts", "record-result", first, "--reference", "BANK-1", "--file", str(slip), "--json")
    )
    assert (slipped["payouts"][0]["state"], slipped["payouts"][0]["bank_reference"]) == ("sent", "BANK-1")
    assert slipped["payouts"][0]["evidence"] == [sha256(b"the bank's slip").hexdigest()]
    back = printed_json(command("payouts", "record-result", second, "--refusal-reason", "no such account", "--json"))
    assert back["payouts"][1]["returned_because"] == "no such account"
    assert back["payouts"][1]["return_code"] == "returned_by_bank"
    assert printed_json(command("payouts", "retry", second, "--json"))["payouts"][1]["attempt"] == 2
    assert command("payouts", "record-result", second).exit_code == 2


def test_who_settles_proves_it_by_a_token_and_cannot_approve(past: Command):
    token = printed_json(past("token", "create", "--role", "finance", "--name", "ann", "--json"))["token"]
    auditor = printed_json(past("token", "create", "--role", "auditor", "--name", "eve", "--json"))["token"]
    assert "does not belong to ben" in refusal_of(past("settle", "--as", "ben", "--token", token))
    assert "this needs one of finance, owner" in refusal_of(past("settle", "--as", "eve", "--token", auditor))
    assert printed_json(past("payouts", "list", "--json"))["settlements"] == []
    made = past("settle", "--as", "ann", "--json", typed=f"{token}\n")
    assert (made.exit_code, token in made.output) == (0, False)
    (settlement,) = printed_json(past("payouts", "list", "--json"))["settlements"]
    approve = ("payouts", "approve", settlement["id"], "--as", "ann", "--hash", settlement["hash"], "--token", token)
    assert "ann made" in refusal_of(past(*approve))
    (line,) = printed_json(past("audit", "list", "--by", "ann", "--json"))["audit"]
    assert (line["command"], line["entry_point"], line["role"]) == ("settlement.make", "command line", "finance")


@pytest.mark.parametrize("name", ["schedule", "Command Line", " payment service "])
def test_a_name_that_stands_for_no_person_gets_no_token(past: Command, name: str):
    assert "is reserved" in refusal_of(past("token", "create", "--role", "finance", "--name", name))


def test_a_line_that_no_rule_matches_is_matched_by_a_person(dsn: str, command: Command, tmp_path: Path):
    path, statement = tmp_path / "promise.toml", tmp_path / "statement.csv"
    path.write_text(
        promise_toml(*PAST, ("[terms]", "[settlement]\nthreshold_minor = 100\n[terms]")), encoding="utf-8"
    )
    assert command("campaign", "apply", str(path)).exit_code == 0
    assert command("campaign", "fund", SLUG, "1000", "--reference", "first").exit_code == 0
    asyncio.run(_like(dsn))
    assert command("settle").exit_code == 0
    (sending,) = printed_json(command("payouts", "send", "--channel", "manual", "--json"))["settlements"]
    rows = [
        ",".join(COLUMNS),
        f"{ACCOUNT},S,opening,2026-11-10,10.00,CNY,credit,,,,",
        f"{ACCOUNT},S,entry,2026-11-10,0.70,CNY,debit,,B-9,,a transfer",
        f"{ACCOUNT},S,closing,2026-11-10,9.30,CNY,credit,,,,",
    ]
    statement.write_text("\n".join(rows), encoding="utf-8")
    printed = printed_json(command("payouts", "import-statement", str(statement), "--json"))
    assert (printed["paid"], printed["lines"], printed["statuses"], printed["skipped"]) == (0, 1, 0, [])
    assert "1 known before" in command("payouts", "import-statement", str(statement)).stdout
    (line,) = printed_json(command("payouts", "unmatched", "--json"))["lines"]
    assert line["id"] in command("payouts", "unmatched").stdout
    token = printed_json(command("token", "create", "--role", "finance", "--name", "ann", "--json"))["token"]
    first, second = (payout["id"] for payout in sending["payouts"])
    match = ("--reason", "the bank's letter", "--as", "ann", "--token", token)
    assert "does not belong to" in refusal_of(command("payouts", "match", line["id"], first, *match[:-1], "llt_x"))
    for _ in range(2):
        assert printed_json(command("payouts", "match", line["id"], first, *match, "--json"))["state"] == "paid"
    assert "already belongs to" in refusal_of(command("payouts", "match", line["id"], second, *match))
    assert printed_json(command("payouts", "unmatched", "--json")) == {"lines": [], "statuses": []}
    assert command("check").exit_code == 0


@pytest.mark.parametrize(
    ("words", "environment", "why"),
    [
        (("settle", "nothing-here"), {}, "There is no campaign nothing-here."),
        (
            ("settle", SLUG, "--period", "2022-04-19"),
            {},
            "has no closed settlement period on 2022-04-19. The next period falls due on",
        ),
        (("payouts", "send", "stl_x"), {}, "There is no settlement"),
        (("payouts", "record-result", "pay_x", "--reference", "R"), {}, "There is no payout"),
        (("payouts", "send"), {"LIKE_LEDGER_PAYER_ACCOUNT": "DE00"}, "PAYER_ACCOUNT is not a valid account"),
        (("payouts", "send", "--channel", "pigeon"), {}, "unknown payout channel"),
        (("token", "create", "--role", "king", "--name", "ann"), {}, "role: Choose one of these"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(
    past: Command, words: tuple[str, ...], environment: dict[str, str], why: str
):
    assert why in refusal_of(past(*words, **environment))
