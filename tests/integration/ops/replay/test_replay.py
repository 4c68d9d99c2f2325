"""`like-ledger replay` against a running service; its sender against a failing one."""

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from campaigns.catalogue.webhook_secrets import format_secret
from campaigns.intake.signature import VerificationKey, verify_delivery
from ops.clock import utc_now
from ops.replay.batches import Batch
from ops.replay.secret import parse_secret
from ops.replay.sender import DeliveryFailed, DeliveryTally, Sender, send_all
from running_service import DAY, KEYS, SLUG, RunningService, like, promise, running_service

ROOT = Path(__file__).resolve().parents[4]
LIKES = [like(f"person-{n % 9}", f"video-{n // 9}", at=DAY + timedelta(seconds=n)) for n in range(45)] + [
    like("person-0", f"video-{n}", at=DAY + timedelta(minutes=n)) for n in range(5)
]
# Nine people like five videos each and four count. One of them likes all five again.
FIGURES = {"counted": 36, "over_limit": 9, "duplicate": 5}
SECRET = b"s" * 32


@pytest.fixture
async def service(dsn: str) -> AsyncIterator[RunningService]:
    async with running_service(dsn, promise(terms={"likes_per_person_per_day": 4})) as running:
        yield running


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return write_lines(tmp_path / "likes.ndjson", [json.dumps(event) for event in LIKES])


def write_lines(file: Path, lines: list[str], end: str = "\n") -> Path:
    file.write_text("\n".join(lines) + end, encoding="utf-8")
    return file


@dataclass
class ReplayRun:
    """The end of a run: exit status, JSON output, error output."""

    status: int
    output: Any
    errors: str


def replay_command(service: RunningService, file: Path, *options: str) -> list[str]:
    target = ("--platform", service.platform, "--campaign", SLUG, "--url", service.url)
    return [sys.executable, "-m", "ops.cli", "replay", str(file), *target, *options]


async def start_replay(
    service: RunningService, file: Path, *options: str, **environment: str
) -> asyncio.subprocess.Process:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("LIKE_LEDGER_")}
    return await asyncio.create_subprocess_exec(
        *replay_command(service, file, *options),
        cwd=ROOT,
        env={"REPLAY_SECRET": service.secret} | inherited | environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def replay(service: RunningService, file: Path, *options: str, **environment: str) -> ReplayRun:
    process = await start_replay(service, file, "--json", *options, **environment)
    out, err = await process.communicate()
    return ReplayRun(process.returncode or 0, json.loads(out) if out else None, err.decode())


@pytest.mark.parametrize(("batch", "senders"), [("1", "8"), ("20", "1")])
async def test_a_file_sent_three_times_counts_once(service: RunningService, file: Path, batch: str, senders: str):
    runs = [await replay(service, file, "--batch", batch, "--senders", senders) for _ in range(3)]
    assert [run.status for run in runs] == [0, 0, 0], runs[0].errors
    assert [run.output for run in runs[1:]] == [runs[0].output] * 2
    assert (runs[0].output["likes"], runs[0].output["complete"], runs[0].output["through_line"]) == (50, True, 50)
    assert (await service.day_counts(), await service.pledged_minor()) == (FIGURES, 12)


@pytest.mark.parametrize("options", [("--batch", "25"), ("--label", "again")])
async def test_under_new_ids_every_like_is_a_duplicate(service: RunningService, file: Path, options: tuple[str, str]):
    await replay(service, file, "--batch", "20")
    again = await replay(service, file, "--batch", "20", *options)
    assert (again.status, again.output["outcomes"]) == (0, {"duplicate": 50})
    assert await service.day_counts() == FIGURES | {"duplicate": 55}


async def test_the_files_name_and_folder_make_no_difference(service: RunningService, file: Path, tmp_path: Path):
    await replay(service, file)
    moved = write_lines(tmp_path / "other-name", [json.dumps(event) for event in LIKES])
    assert (await replay(service, moved)).status == 0
    assert await service.day_counts() == FIGURES


@pytest.mark.parametrize("stop", ["kill", "terminate"])
async def test_an_interrupted_run_continues_when_restarted(service: RunningService, file: Path, stop: str):
    process = await start_replay(service, file, "--batch", "5", "--senders", "1", "--rate", "10")
    while await service.service.pool.fetchval("SELECT count(*) FROM deliveries") < 2:
        await asyncio.sleep(0.02)
    getattr(process, stop)()
    _, errors = await process.communicate()
    assert process.returncode == (-9 if stop == "kill" else 1), errors
    assert 10 <= (await service.day_counts())["counted"] < 36
    again = await replay(service, file, "--batch", "5", "--senders", "1")
    assert (again.status, again.output["likes"]) == (0, 50)
    assert await service.day_counts() == FIGURES


async def test_a_bad_line_stops_the_run_or_is_skipped(service: RunningService, tmp_path: Path):
    lines = [json.dumps(event) for event in LIKES]
    whole = write_lines(tmp_path / "whole", lines)
    spoilt = write_lines(tmp_path / "spoilt", [*lines[:30], lines[30].replace('"like"', '"love"'), *lines[31:]])
    stopped = await replay(service, spoilt, "--batch", "20")
    assert (stopped.status, stopped.output["likes"], stopped.output["through_line"]) == (1, 30, 30)
    assert "line 31: action: Input should be 'like' or 'unlike'" in stopped.errors
    went_on = await replay(service, spoilt, "--batch", "20", "--on-error", "skip")
    assert (went_on.status, went_on.output["likes"], went_on.output["bad_lines"]) == (1, 49, 1)
    assert [bad["line"] for bad in went_on.output["first_bad_lines"]] == [31]
    assert (await replay(service, whole)).status == 0
    counts = await service.day_counts()
    assert (counts["counted"], counts["over_limit"]) == (36, 9)


async def test_a_truncated_file_is_sent_up_to_its_end_and_reported(service: RunningService, tmp_path: Path):
    lines = [json.dumps(event) for event in LIKES]
    ended = await replay(service, write_lines(tmp_path / "cut", [*lines[:49], lines[49][:-40]], end=""))
    assert (ended.status, ended.output["likes"]) == (1, 49)
    assert "line 50: the file is truncated here: not JSON" in ended.errors


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ("user_id,video_id,mood", "line 1: unknown column 'mood'"),
        ("user_id,video_id", "line 1: missing column 'time_ms'"),
    ],
)
async def test_a_table_with_other_columns_is_not_sent(
    service: RunningService, tmp_path: Path, header: str, reason: str
):
    ended = await replay(service, write_lines(tmp_path / "table", [header, "1,2,3"]), "--format", "kuairand")
    assert (ended.status, ended.output["failure"], ended.output["deliveries"]) == (1, reason, 0)
    assert await service.day_counts() == {}


async def test_a_dry_run_reports_every_bad_line_and_sends_nothing(service: RunningService, tmp_path: Path):
    lines = [json.dumps(event) for event in LIKES]
    ended = await replay(service, write_lines(tmp_path / "file", ["x", *lines, "y"]), "--dry-run")
    assert (ended.status, ended.output["likes"]) == (1, 50)
    assert [bad["line"] for bad in ended.output["first_bad_lines"]] == [1, 52]
    assert await service.service.pool.fetchval("SELECT count(*) FROM deliveries") == 0


async def test_without_a_secret_it_is_derived_with_the_database(service: RunningService, file: Path, dsn: str):
    ended = await replay(
        service,
        file,
        REPLAY_SECRET="",
        LIKE_LEDGER_DATABASE_URL=dsn,
        LIKE_LEDGER_PSEUDONYM_KEY=KEYS.pseudonym.hex(),
        LIKE_LEDGER_WEBHOOK_KEY=KEYS.webhook.hex(),
    )
    assert (ended.status, ended.output["likes"]) == (0, 50), ended.errors
    assert await service.day_counts() == FIGURES


@pytest.mark.parametrize(
    ("options", "environment", "status", "message"),
    [
        ((), {"REPLAY_SECRET": "whsec_" + "A" * 44}, 1, "The service rejected the delivery: 401"),
        ((), {"REPLAY_SECRET": "hunter2!"}, 1, "REPLAY_SECRET is not a webhook secret"),
        (("--batch", "1001"), {}, 2, "--batch"),
        (("--url", "nowhere"), {}, 2, "--url"),
        (("--format", "xml"), {}, 2, "xml"),
        (
            ("--tries", "1", "--url", "http://127.0.0.1:9"),
            {},
            1,
            "not accepted in 1 attempts. Last failure: ClientConnectorError",
        ),
    ],
    ids=["another secret", "no secret", "too large a batch", "no address", "no such format", "nobody there"],
)
async def test_a_run_that_cannot_succeed_is_refused(
    service: RunningService,
    file: Path,
    options: tuple[str, ...],
    environment: dict[str, str],
    status: int,
    message: str,
):
    ended = await replay(service, file, *options, **environment)
    assert ended.status == status
    assert message in ended.errors
    assert "Traceback" not in ended.errors
    assert "hunter2" not in ended.errors
    assert await service.day_counts() == {}


@dataclass
class FailingService:
    """A service that fails the first attempts of each webhook."""

    failures: list[web.Response | None]
    tries: list[tuple[str, str, bytes]] = field(default_factory=list)  # id, timestamp, body
    arrived: list[str] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.Response:
        body = await request.read()
        assert verify_delivery(request.headers, body, [VerificationKey("v1", SECRET)], utc_now()) is not None
        webhook_id = request.headers["webhook-id"]
        attempts = sum(webhook_id == sent_id for sent_id, *_ in self.tries)
        self.tries.append((webhook_id, request.headers["webhook-timestamp"], body))
        if attempts < len(self.failures):
            failure = self.failures[attempts]
            if failure is None:
                assert request.transport is not None
                request.transport.abort()
                return web.Response()
            return web.Response(status=failure.status, headers=failure.headers, body=failure.body)
        self.arrived.append(webhook_id)
        return web.json_response({"delivery": webhook_id, "outcomes": {"counted": 1}})


@contextlib.asynccontextmanager
async def sender_to(failing: FailingService, tries_max: int = 4) -> AsyncIterator[Sender]:
    service = web.Application()
    service.router.add_post("/", failing.answer)
    async with TestServer(service) as server, aiohttp.ClientSession() as session:
        yield Sender(session, str(server.make_url("/")), SECRET, utc_now, lambda: 0.0, tries_max)


BATCHES = [Batch(n, f"id-{n}", b"body %d" % n, 1, n + 1) for n in range(6)]
FAILURES: dict[str, web.Response | None] = {
    "503": web.Response(status=503, headers={"Retry-After": "0"}),
    "429": web.Response(status=429, headers={"Retry-After": "0"}),
    "500 without a body": web.Response(status=500, headers={"Retry-After": "0"}),
    "disconnected": None,
}


@pytest.mark.parametrize("failure", FAILURES.values(), ids=FAILURES.keys())
async def test_failed_deliveries_are_repeated_unchanged_and_in_order(failure: web.Response | None):
    failing, tally = FailingService([failure] * 2), DeliveryTally()
    async with sender_to(failing) as sender:
        await send_all(sender, iter(BATCHES[:3]), tally)
    assert failing.arrived == ["id-0", "id-1", "id-2"]
    assert len({(webhook_id, body) for webhook_id, _, body in failing.tries}) == 3
    assert (len(failing.tries), tally.retries, tally.through_line, tally.outcomes) == (9, 6, 3, {"counted": 3})


async def test_it_waits_as_long_as_retry_after_says():
    failing = FailingService([web.Response(status=503, headers={"Retry-After": "1"})])
    started_at = asyncio.get_running_loop().time()
    async with sender_to(failing) as sender:
        await send_all(sender, iter(BATCHES[:1]), DeliveryTally())
    assert 1 <= asyncio.get_running_loop().time() - started_at < 5


async def test_it_gives_up_and_reports_its_progress():
    failing, tally = FailingService([web.Response(status=503, headers={"Retry-After": "0"})] * 9), DeliveryTally()
    async with sender_to(failing, tries_max=3) as sender:
        with pytest.raises(DeliveryFailed) as failed:
            await send_all(sender, iter(BATCHES), tally)
    assert (failed.value.code, failed.value.params) == (
        "delivery_not_accepted",
        {"attempts_number": 3, "cause": "503"},
    )
    assert (failing.arrived, len(failing.tries), tally.through_line) == ([], 3, 0)


@pytest.mark.parametrize("senders", [1, 4])
async def test_it_stops_at_a_rejection_and_shows_the_detail(senders: int):
    refusal = web.json_response({"detail": "This webhook-id was used before."}, status=409)
    failing, tally = FailingService([refusal] * 9), DeliveryTally()
    async with sender_to(failing) as sender:
        with pytest.raises(DeliveryFailed) as failed:
            await send_all(sender, iter(BATCHES), tally, senders=senders)
    assert failed.value.code == "delivery_rejected"
    assert failed.value.params["answer"] == "409 This webhook-id was used before."
    assert len(failing.tries) <= senders


@pytest.mark.parametrize("body", [b"<h1>Welcome</h1>", b"[]", b"{}", b'{"delivery":"other","outcomes":{}}', b"\xff"])
async def test_a_foreign_200_is_not_a_delivery(body: bytes):
    failing = FailingService([web.Response(status=200, body=body)])
    async with sender_to(failing) as sender:
        with pytest.raises(DeliveryFailed, match=r"^delivery_answer_malformed$"):
            await send_all(sender, iter(BATCHES), DeliveryTally())


async def test_several_senders_share_the_batches():
    failing, tally = FailingService([web.Response(status=503, headers={"Retry-After": "0"})]), DeliveryTally()
    async with sender_to(failing) as sender:
        await send_all(sender, iter(BATCHES), tally, senders=4)
    assert sorted(failing.arrived) == [batch.webhook_id for batch in BATCHES]
    assert (tally.deliveries, tally.through_line) == (6, 6)


def test_a_secret_is_parsed_as_it_is_printed():
    assert parse_secret(f" {format_secret(SECRET)}\n") == SECRET
