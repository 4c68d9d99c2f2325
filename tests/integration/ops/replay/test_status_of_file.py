"""`like-ledger likes status` and `replay --results` against a running service."""

import asyncio
import csv
import json
import os
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from campaigns.intake.like_state import LikeVerdict
from running_service import DAY, SLUG, RunningService, like, promise, running_service
from verdicts import decide

ROOT = Path(__file__).resolve().parents[4]
LIKES = [like(f"person-{n}", at=DAY + timedelta(seconds=n)) for n in range(2_500)]
HEADER = (
    "user_id,video_id,time_ms,play_time_ms,duration_ms,comment_stay_time,is_follow,is_comment,is_forward,"
    "is_profile_enter"
)


@dataclass
class Run:
    """The end of a command: exit status, output, error output."""

    status: int
    output: str
    errors: str


@pytest.fixture
async def service(dsn: str) -> AsyncIterator[RunningService]:
    async with running_service(dsn, promise(rules="standard")) as running:
        yield running


async def run(service: RunningService, *arguments: str, **environment: str) -> Run:
    target = ("--platform", service.platform, "--campaign", SLUG, "--url", service.url)
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("LIKE_LEDGER_")}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "ops.cli", *arguments, *target, cwd=ROOT,
        env={"REPLAY_SECRET": service.secret} | inherited | environment,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await process.communicate()
    return Run(process.returncode or 0, out.decode(), err.decode())


def write_lines(file: Path, lines: list[str]) -> Path:
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return file


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(text.splitlines()))


async def test_each_line_gets_a_row_with_the_receipt_of_its_delivery(service: RunningService, tmp_path: Path):
    lines = [json.dumps(event) for event in LIKES]
    file = write_lines(tmp_path / "likes.ndjson", [*lines, lines[7], json.dumps(like("never sent"))])
    sent = await run(service, "replay", str(write_lines(tmp_path / "sent", lines)), "--results", str(tmp_path / "to"))
    assert sent.status == 0, sent.errors
    results = [json.loads(line) for line in (tmp_path / "to").read_text().splitlines()]
    assert [row["line"] for row in results] == list(range(1, 2_501))
    assert [row["index"] for row in results[498:502]] == [498, 499, 0, 1]
    assert {row["outcome"] for row in results} == {"counted"}
    await decide(service, LikeVerdict.HELD, [("3431182", "person-7")], families=("pace", "device"))
    ended = await run(service, "likes", "status", str(file), "--out", str(tmp_path / "out.csv"))
    assert (ended.status, ended.output) == (0, ""), ended.errors
    text = (tmp_path / "out.csv").read_text()
    assert text.startswith("line,state,day,families,ruleset,receipt\n")
    rows = rows_of(text)
    assert [row["line"] for row in rows] == [str(n) for n in range(1, 2_503)]
    assert [row["receipt"] for row in rows[:2_500]] == [row["receipt"] for row in results]
    held_row = {"state": "quarantined", "day": "2022-04-10", "families": "device pace", "ruleset": "1"}
    assert all(row == row | held_row for row in (rows[7], rows[2_500]))
    unknown = {"state": "unknown", "day": "", "families": "", "ruleset": "", "receipt": ""}
    assert rows[2_501] == {"line": "2502", **unknown}
    assert {row["state"] for row in rows[8:2_500]} == {"counted"}


async def test_a_table_is_asked_about_on_standard_output(service: RunningService, tmp_path: Path):
    time_ms = int(DAY.timestamp() * 1000)
    table = write_lines(tmp_path / "table", [HEADER, f"5,77,{time_ms},900,1000,0,0,0,0,0"])
    await run(service, "replay", str(table), "--format", "kuairand")
    ended = await run(service, "likes", "status", str(table), "--format", "kuairand")
    assert [(row["line"], row["state"]) for row in rows_of(ended.output)] == [("2", "counted")]


async def test_a_line_that_is_not_a_like_is_invalid_and_the_others_are_asked(service: RunningService, tmp_path: Path):
    file = write_lines(tmp_path / "likes", ["{", json.dumps(like("ann")), "[]"])
    await service.send([like("ann")])
    ended = await run(service, "likes", "status", str(file))
    assert ended.status == 1
    states = [(row["line"], row["state"]) for row in rows_of(ended.output)]
    assert states == [("1", "invalid"), ("2", "counted"), ("3", "invalid")]
    assert "line 1: not JSON" in ended.errors


FAULTS = [
    ("another secret", (), {"REPLAY_SECRET": "whsec_c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"}, "No enabled platform signed"),
    ("a malformed secret", (), {"REPLAY_SECRET": "x"}, "REPLAY_SECRET"),
    ("another format", ("--format", "kuairand"), {}, "unknown column"),
    ("no such folder", ("--out", "/nowhere/out.csv"), {}, "/nowhere"),
]


@pytest.mark.parametrize(
    ("options", "environment", "sentence"), [case[1:] for case in FAULTS], ids=[case[0] for case in FAULTS]
)
async def test_a_run_that_fails_says_why_and_writes_no_file(
    service: RunningService, tmp_path: Path, options: tuple[str, ...], environment: dict[str, str], sentence: str
):
    file = write_lines(tmp_path / "likes", [json.dumps(like("ann"))])
    ended = await run(service, "likes", "status", str(file), "--out", str(tmp_path / "out"), *options, **environment)
    assert ended.status == 1
    assert sentence in ended.errors
    assert "Traceback" not in ended.errors
    assert [path.name for path in tmp_path.iterdir()] == ["likes"]  # noqa: ASYNC240 - a folder of the test


async def test_results_tell_the_outcome_and_a_receipt_of_a_like_that_is_held(service: RunningService, tmp_path: Path):
    signals = {"watch_ms": 0, "duration_ms": 9_000, "account_age_days": 0}
    events = [like("ann"), like("ann"), like("new", signals=signals), like("bob", at=DAY - timedelta(days=90))]
    file = write_lines(tmp_path / "likes", ["", *map(json.dumps, events)])
    for name in ("first", "again"):
        assert (await run(service, "replay", str(file), "--results", str(tmp_path / name))).status == 0
    assert (tmp_path / "first").read_text() == (tmp_path / "again").read_text()
    rows = [json.loads(line) for line in (tmp_path / "first").read_text().splitlines()]
    assert [(row["line"], row["index"], row["outcome"], row["receipt"] is not None) for row in rows] == [
        (2, 0, "counted", True), (3, 1, "duplicate", False),
        (4, 2, "quarantined", True), (5, 3, "not_running", False),
    ]  # fmt: skip
    assert len({row["delivery"] for row in rows}) == 1
