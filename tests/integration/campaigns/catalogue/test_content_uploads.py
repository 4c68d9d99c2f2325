"""Files of content: accepted whole or refused, processed in chunks, resumed after a crash."""

import asyncio
import io
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from admin_client import AdminClient, create_tokens
from campaigns.catalogue import content_uploads as engine
from databases import broken_invariants
from ops import database
from ops.admin.core.actor import OPERATOR
from ops.admin.core.command import CommandContext, CommandServices
from ops.admin.resources import campaigns, content_uploads
from ops.clock import utc_now
from ops.settings import Settings
from processes import ROOT
from running_service import (
    KEYS,
    SLUG,
    RunningService,
    create_funded_campaign,
    environment,
    like,
    promise,
    running_service,
)

MANY = 12_345  # three chunks


@pytest.fixture
async def server(dsn: str) -> AsyncIterator[RunningService]:
    async with running_service(dsn) as server:
        await create_tokens(server.service.pool)
        await create_funded_campaign(server.service.pool, promise({"slug": "listed", "content": "registered"}))
        yield server


def command_services(server: RunningService) -> CommandServices:
    return CommandServices(server.service.pool, KEYS, server.service.settings)


def file(first: int, count: int) -> bytes:
    return b"content\n" + b"".join(b"%d\n" % n for n in range(first, first + count))


async def send(
    server: RunningService, content: bytes, verb: str = "enrol", slug: str = "listed", key: str = "k", **query: str
) -> tuple[int, Any]:
    headers = {"Authorization": "Bearer token-of-cat", "Content-Type": "text/csv", "Idempotency-Key": key}
    url = f"{server.url}/v1/admin/campaigns/{slug}/content/{verb}/file"
    async with server.http.post(url, data=io.BytesIO(content), headers=headers, params=query) as response:
        return response.status, await response.json(content_type=None)


async def process(server: RunningService, upload_id: str) -> Any:
    async for _ in content_uploads.process_upload(command_services(server), upload_id):
        pass
    _, upload = await AdminClient(server, "al").read(f"/uploads/{upload_id}")
    return upload


async def count_enrolled(server: RunningService, slug: str = "listed") -> int:
    _, campaign = await AdminClient(server, "al").read(f"/campaigns/{slug}")
    return int(campaign["content"]["enrolled"])


async def test_a_file_is_enrolled_chunk_by_chunk_and_removed_again(server: RunningService):
    await AdminClient(server, "cat").run_command("/campaigns/listed/content/enrol", {"contents": ["0", "1"]})
    status, answer = await send(server, file(0, MANY))
    assert (status, answer["state"], answer["after"]["unchanged"], answer["after"]["to_enrol"]) == (
        200,
        "done",
        2,
        MANY - 2,
    )
    assert await send(server, file(0, MANY)) == (status, answer), "the same key and file: the same upload"
    upload = await process(server, answer["after"]["upload"])
    assert (upload["state"], upload["total"], upload["done"], upload["changed"]) == ("done", MANY, MANY, MANY - 2)
    assert await count_enrolled(server) == MANY
    assert (await send(server, file(0, MANY), key="again"))[1]["state"] == "unchanged"
    sent = await server.send([like("1", "7", campaign="listed"), like("1", "x", campaign="listed")])
    assert sent.outcomes == {"counted": 1, "not_enrolled": 1}
    _, answer = await send(server, file(1, MANY), "remove", key="out")
    assert (await process(server, answer["after"]["upload"]))["changed"] == MANY - 1
    assert await count_enrolled(server) == 1


async def test_a_dry_run_answers_the_same_and_stores_nothing(server: RunningService):
    status, answer = await send(server, file(0, 10), dry_run="true")
    assert (status, answer["dry_run"], answer["after"]["to_enrol"]) == (200, True, 10)
    assert await server.service.pool.fetchval("SELECT count(*) FROM content_uploads") == 0


async def test_a_file_with_errors_is_refused_whole(server: RunningService):
    await AdminClient(server, "cat").run_command(f"/campaigns/{SLUG}/content/enrol", {"contents": ["5"]})
    for content, paths in ((b"a\nb,c\n\xe5", ["line 3"]), (b"a\nb,c", ["line 2"]), (file(0, 9), ["content 5"])):
        status, refused = await send(server, content)
        assert (status, [fault["path"] for fault in refused["faults"]]) == (422, paths)
    assert await server.service.pool.fetchval("SELECT count(*) FROM content_uploads") == 0
    assert await count_enrolled(server) == 0


async def test_an_upload_ends_if_another_campaign_enrols_some_of_it_meanwhile(server: RunningService):
    pool = server.service.pool
    async with pool.acquire() as conn, conn.transaction():
        campaign = await campaigns.find_campaign(command_context(server, conn), "listed")
        plan = await engine.plan_upload(conn, campaign, "enrol", [f"{n:05}" for n in range(MANY)], b"")
        upload_id = await engine.create_upload(conn, campaign, "enrol", plan, "cat", utc_now())
    await AdminClient(server, "cat").run_command(f"/campaigns/{SLUG}/content/enrol", {"contents": ["12000"]})
    upload = await process(server, upload_id)
    assert (upload["state"], upload["fault"]) == (
        "failed",
        f"The content 12000 belongs to the campaign {SLUG}. Remove it there first.",
    )
    assert upload["failure"]["code"] == "content_enrolled_elsewhere"
    assert upload["done"] in (0, 10_000), "the chunks before it stay done"
    assert await count_enrolled(server) == upload["done"]


def command_context(server: RunningService, conn: Any) -> CommandContext:
    return CommandContext(conn, OPERATOR, KEYS, server.service.settings, utc_now())


async def test_an_upload_can_be_stopped_once(server: RunningService):
    _, answer = await send(server, file(0, MANY))
    path = f"/uploads/{answer['after']['upload']}/stop"
    status, stopped = await AdminClient(server, "cat").run_command(path, {"reason": "the wrong file"})
    assert (status, stopped["after"]["reason"]) == (200, "the wrong file")
    assert (await AdminClient(server, "cat").run_command(path, {"reason": "again"}))[0] == 409
    assert (await process(server, answer["after"]["upload"]))["state"] == "failed"
    assert (await AdminClient(server, "cat").run_command("/uploads/upl_no/stop", {"reason": "a"}))[0] == 404


async def test_concurrent_processing_does_each_chunk_once(server: RunningService):
    _, answer = await send(server, file(0, MANY))
    uploads = await asyncio.gather(*(process(server, answer["after"]["upload"]) for _ in range(3)))
    assert [upload["changed"] for upload in uploads] == [MANY] * 3
    count = "SELECT count(*) FROM audit_log WHERE command = 'upload.end'"
    assert await server.service.pool.fetchval(count) == 1
    _, page = await AdminClient(server, "al").read("/uploads", campaign="listed")
    assert [row["state"] for row in page["uploads"]] == ["done"]


async def test_a_killed_upload_is_resumed(dsn: str, tmp_path: Path):
    """No service runs meanwhile: the command line is killed after its first chunk."""
    async with running_service(dsn) as server:
        await create_funded_campaign(server.service.pool, promise({"slug": "listed", "content": "registered"}))
    (tmp_path / "contents.csv").write_bytes(file(0, 60_000))
    command = [sys.executable, "-m", "ops.cli", "campaign", "enrol", "listed", "--file", tmp_path / "contents.csv"]
    with subprocess.Popen(  # noqa: ASYNC220 - the test waits by the database
        command, cwd=ROOT, env=os.environ | environment(dsn), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        conn = await asyncpg.connect(dsn)
        async with asyncio.timeout(60):
            while not await conn.fetchval("SELECT count(*) FROM content_upload_chunks WHERE done_at IS NOT NULL"):
                await asyncio.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    assert await conn.fetchval("SELECT count(*) FROM content_uploads WHERE ended_at IS NULL") == 1
    before = await conn.fetchval("SELECT count(*) FROM enrolments")
    assert 5_000 <= before < 60_000
    assert before == await conn.fetchval("SELECT sum(changed) FROM content_upload_chunks"), (
        "a chunk is done whole or not"
    )
    async with database.open_pool(dsn) as pool:
        await content_uploads.process_uploads(CommandServices(pool, KEYS, Settings()))
    assert await conn.fetchval("SELECT sum(changed) FROM content_upload_chunks") == 60_000
    assert await conn.fetchval("SELECT count(*) FROM enrolments WHERE campaign_id IS NOT NULL") == 60_000
    assert (
        await conn.fetchval("SELECT count(*) FROM content_uploads WHERE ended_at IS NOT NULL AND fault IS NULL") == 1
    )
    await conn.close()
    assert await broken_invariants(dsn) == {}
