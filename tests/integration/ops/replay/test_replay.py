"""`like-ledger replay` against a running service on a real database; its sender against one that fails on purpose."""

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
from serving import DAY, KEYS, SLUG, RunningService, like, promise, running_service

ROOT = Path(__file__).resolve().parents[4]
LIKES = [like(f"person-{n % 9}", f"video-{n // 9}", at=DAY + timedelta(seconds=n)) for n in range(45)] + [
    like("person-0", f"video-{n}", at=DAY + timedelta(minutes=n)) for n in range(5)
]
# Nine people like five videos each, four of which count; one of them likes all five again.
FIGURES = {"counted": 36, "over_limit": 9, "duplicate": 5}
SECRET = b"s" * 32


@pytest.fixture
async def service(dsn: str) -> AsyncIterator[RunningService]:
    async with running_service(dsn, promise(terms={"likes_per_person_per_day": 4})) as made:
        yield made


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return written(tmp_path / "likes.ndjson", [json.dumps(each) for each in LIKES])


def written(file: Path, lines: list[str], end: str = "\n") -> Path:
    file.write_text("\n".join(lines) + end, encoding="utf-8")
    return file


@dataclass
class Ended:
    """How a run ended."""

    status: int
    told: Any
    said: str


def words(service: RunningService, file: Path, *options: str) -> list[str]:
    own = ("--platform", service.platform, "--campaign", SLUG, "--url", service.url)
    return [sys.executable, "-m", "ops.cli", "replay", str(file), *own, *options]


async def started(
    service: RunningService, file: Path, *options: str, **environment: str
) -> asyncio.subprocess.Process:
    own = {name: value for name, value in os.environ.items() if not name.startswith("LIKE_LEDGER_")}
    return await asyncio.create_subprocess_exec(
        *words(service, file, *options),
        cwd=ROOT,
        env={"REPLAY_SECRET": service.secret} | own | environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def replay(service: RunningService, file: Path, *options: str, **environment: str) -> Ended:
    process = await started(service, file, "--json", *options, **environment)
    out, err = await process.communicate()
    return Ended(process.returncode or 0, json.loads(out) if out else None, err.decode())


@pytest.mark.parametrize(("batch", "senders"), [("1", "8"), ("20", "1")])
async def test_a_file_that_is_sent_three_times_counts_once(
    service: RunningService, file: Path, batch: str, senders: str
):
    runs = [await replay(service, file, "--batch", batch, "--senders", senders) for _ in range(3)]
    assert [run.status for run in runs] == [0, 0, 0], runs[0].said
    assert [run.told for run in runs[1:]] == [runs[0].told] * 2
    assert (runs[0].told["likes"], runs[0].told["complete"], runs[0].told["through_line"]) == (50, True, 50)
    assert (await service.day_counts(), await service.pledged_minor()) == (FIGURES, 12)


@pytest.mark.parametrize("options", [("--batch", "25"), ("--label", "again")])
async def test_under_new_ids_every_like_is_a_duplicate(service: RunningService, file: Path, options: tuple[str, str]):
    await replay(service, file, "--batch", "20")
    again = await replay(service, file, "--batch", "20", *options)
    assert (again.status, again.told["outcomes"]) == (0, {"duplicate": 50})
    assert await service.day_counts() == FIGURES | {"duplicate": 55}


async def test_the_files_name_and_place_make_no_difference(service: RunningService, file: Path, tmp_path: Path):
    await replay(service, file)
    moved = written(tmp_path / "other-name", [json.dumps(each) for each in LIKES])
    assert (await replay(service, moved)).status == 0
    assert await service.day_counts() == FIGURES


@pytest.mark.parametrize("how", ["kill", "terminate"])
async def test_a_run_that_was_ended_goes_on_when_started_again(service: RunningService, file: Path, how: str):
    process = await started(service, file, "--batch", "5", "--senders", "1", "--rate", "10")
    while await service.service.pool.fetchval("SELECT count(*) FROM deliveries") < 2:
        await asyncio.sleep(0.02)
    getattr(process, how)()
    _, said = await process.communicate()
    assert process.returncode == (-9 if how == "kill" else 1), said
    assert 10 <= (await service.day_counts())["counted"] < 36
    again = await replay(service, file, "--batch", "5", "--senders", "1")
    assert (again.status, again.told["likes"]) == (0, 50)
    assert await service.day_counts() == FIGURES


async def test_at_a_bad_line_it_stops_or_goes_on_as_asked(service: RunningService, tmp_path: Path):
    lines = [json.dumps(each) for each in LIKES]
    whole = written(tmp_path / "whole", lines)
    spoilt = written(tmp_path / "spoilt", [*lines[:30], lines[30].replace('"like"', '"love"'), *lines[31:]])
    stopped = await replay(service, spoilt, "--batch", "20")
    assert (stopped.status, stopped.told["likes"], stopped.told["through_line"]) == (1, 30, 30)
    assert "line 31: action: Input should be 'like' or 'unlike'" in stopped.said
    went_on = await replay(service, spoilt, "--batch", "20", "--on-error", "skip")
    assert (went_on.status, went_on.told["likes"], went_on.told["bad_lines"]) == (1, 49, 1)
    assert [bad["line"] for bad in went_on.told["first_bad_lines"]] == [31]
    assert (await replay(service, whole)).status == 0
    counts = await service.day_counts()
    assert (counts["counted"], counts["over_limit"]) == (36, 9)


async def test_a_file_that_breaks_off_is_told_and_sent_up_to_there(service: RunningService, tmp_path: Path):
    lines = [json.dumps(each) for each in LIKES]
    ended = await replay(service, written(tmp_path / "cut", [*lines[:49], lines[49][:-40]], end=""))
    assert (ended.status, ended.told["likes"]) == (1, 49)
    assert "line 50: the file breaks off here: not JSON" in ended.said


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
    ended = await replay(service, written(tmp_path / "table", [header, "1,2,3"]), "--format", "kuairand")
    assert (ended.status, ended.told["failure"], ended.told["deliveries"]) == (1, reason, 0)
    assert await service.day_counts() == {}


async def test_a_dry_run_names_every_bad_line_and_sends_nothing(service: RunningService, tmp_path: Path):
    lines = [json.dumps(each) for each in LIKES]
    ended = await replay(service, written(tmp_path / "file", ["x", *lines, "y"]), "--dry-run")
    assert (ended.status, ended.told["likes"]) == (1, 50)
    assert [bad["line"] for bad in ended.told["first_bad_lines"]] == [1, 52]
    assert await service.service.pool.fetchval("SELECT count(*) FROM deliveries") == 0


async def test_without_a_secret_it_is_derived_where_the_database_is_at_hand(
    service: RunningService, file: Path, dsn: str
):
    ended = await replay(
        service,
        file,
        REPLAY_SECRET="",
        LIKE_LEDGER_DATABASE_URL=dsn,
        LIKE_LEDGER_PSEUDONYM_KEY=KEYS.pseudonym.hex(),
        LIKE_LEDGER_WEBHOOK_KEY=KEYS.webhook.hex(),
    )
    assert (ended.status, ended.told["likes"]) == (0, 50), ended.said
    assert await service.day_counts() == FIGURES


@pytest.mark.parametrize(
    ("options", "environment", "status", "said"),
    [
        ((), {"REPLAY_SECRET": "whsec_" + "A" * 44}, 1, "the service refused it: 401"),
        ((), {"REPLAY_SECRET": "hunter2!"}, 1, "REPLAY_SECRET holds no secret"),
        (("--batch", "1001"), {}, 2, "--batch"),
        (("--url", "nowhere"), {}, 2, "--url"),
        (("--format", "xml"), {}, 2, "xml"),
        (("--tries", "1", "--url", "http://127.0.0.1:9"), {}, 1, "gave up after 1 tries: ClientConnectorError"),
    ],
    ids=["another secret", "no secret", "too large a batch", "no address", "no such format", "nobody there"],
)
async def test_what_cannot_be_done_is_told(
    service: RunningService, file: Path, options: tuple[str, ...], environment: dict[str, str], status: int, said: str
):
    ended = await replay(service, file, *options, **environment)
    assert ended.status == status
    assert said in ended.said
    assert "Traceback" not in ended.said
    assert "hunter2" not in ended.said
    assert await service.day_counts() == {}


@dataclass
class Failing:
    """A service that answers the first tries of each webhook with what it is told to."""

    failures: list[web.Response | None]
    tries: list[tuple[str, str, bytes]] = field(default_factory=list)  # id, timestamp, body
    arrived: list[str] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.Response:
        body = await request.read()
        assert verify_delivery(request.headers, body, [VerificationKey("v1", SECRET)], utc_now()) is not None
        webhook_id = request.headers["webhook-id"]
        before = sum(webhook_id == known for known, *_ in self.tries)
        self.tries.append((webhook_id, request.headers["webhook-timestamp"], body))
        if before < len(self.failures):
            failure = self.failures[before]
            if failure is None:
                assert request.transport is not None
                request.transport.abort()
                return web.Response()
            return web.Response(status=failure.status, headers=failure.headers, body=failure.body)
        self.arrived.append(webhook_id)
        return web.json_response({"delivery": webhook_id, "outcomes": {"counted": 1}})


@contextlib.asynccontextmanager
async def sender_to(failing: Failing, tries_max: int = 4) -> AsyncIterator[Sender]:
    service = web.Application()
    service.router.add_post("/", failing.answer)
    async with TestServer(service) as server, aiohttp.ClientSession() as session:
        yield Sender(session, str(server.make_url("/")), SECRET, utc_now, lambda: 0.0, tries_max)


BATCHES = [Batch(n, f"id-{n}", b"body %d" % n, 1, n + 1) for n in range(6)]
FAILURES: dict[str, web.Response | None] = {
    "503": web.Response(status=503, headers={"Retry-After": "0"}),
    "429": web.Response(status=429, headers={"Retry-After": "0"}),
    "500 without a word": web.Response(status=500, headers={"Retry-After": "0"}),
    "cut off": None,
}


@pytest.mark.parametrize("failure", FAILURES.values(), ids=FAILURES.keys())
async def test_what_fails_is_sent_again_the_same_and_in_order(failure: web.Response | None):
    failing, sent = Failing([failure] * 2), DeliveryTally()
    async with sender_to(failing) as sender:
        await send_all(sender, iter(BATCHES[:3]), sent)
    assert failing.arrived == ["id-0", "id-1", "id-2"]
    assert len({(webhook_id, body) for webhook_id, _, body in failing.tries}) == 3
    assert (len(failing.tries), sent.retries, sent.through_line, sent.outcomes) == (9, 6, 3, {"counted": 3})


async def test_it_waits_as_long_as_it_is_asked_to():
    failing = Failing([web.Response(status=503, headers={"Retry-After": "1"})])
    started_at = asyncio.get_running_loop().time()
    async with sender_to(failing) as sender:
        await send_all(sender, iter(BATCHES[:1]), DeliveryTally())
    assert 1 <= asyncio.get_running_loop().time() - started_at < 5


async def test_it_gives_up_and_says_how_far_it_came():
    failing, sent = Failing([web.Response(status=503, headers={"Retry-After": "0"})] * 9), DeliveryTally()
    async with sender_to(failing, tries_max=3) as sender:
        with pytest.raises(DeliveryFailed, match="gave up after 3 tries: 503"):
            await send_all(sender, iter(BATCHES), sent)
    assert (failing.arrived, len(failing.tries), sent.through_line) == ([], 3, 0)


@pytest.mark.parametrize("senders", [1, 4])
async def test_it_stops_at_what_never_arrives_and_shows_the_detail(senders: int):
    refusal = web.json_response({"detail": "This webhook-id was used before."}, status=409)
    failing, sent = Failing([refusal] * 9), DeliveryTally()
    async with sender_to(failing) as sender:
        with pytest.raises(DeliveryFailed, match=r"refused it: 409 This webhook-id was used before\."):
            await send_all(sender, iter(BATCHES), sent, senders=senders)
    assert len(failing.tries) <= senders


@pytest.mark.parametrize("body", [b"<h1>Welcome</h1>", b"[]", b"{}", b'{"delivery":"other","outcomes":{}}', b"\xff"])
async def test_a_page_that_only_says_200_is_no_receipt(body: bytes):
    failing = Failing([web.Response(status=200, body=body)])
    async with sender_to(failing) as sender:
        with pytest.raises(DeliveryFailed, match="no like-ledger"):
            await send_all(sender, iter(BATCHES), DeliveryTally())


async def test_each_of_many_senders_sends_what_the_others_do_not():
    failing, sent = Failing([web.Response(status=503, headers={"Retry-After": "0"})]), DeliveryTally()
    async with sender_to(failing) as sender:
        await send_all(sender, iter(BATCHES), sent, senders=4)
    assert sorted(failing.arrived) == [batch.webhook_id for batch in BATCHES]
    assert (sent.deliveries, sent.through_line) == (6, 6)


def test_a_secret_is_read_as_it_is_shown():
    assert parse_secret(f" {format_secret(SECRET)}\n") == SECRET
