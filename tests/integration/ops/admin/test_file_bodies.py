"""A command that takes a file: its body as it was sent, of its own content type and size."""

import io
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from clerks import create_tokens
from ops.admin.core.command import Command, CommandContext, CommandResult, CommandServices, FileBody
from ops.http.api.admin import command_handler
from ops.http.core.app_keys import COMMAND_SERVICES
from ops.http.core.authentication import AUTHENTICATOR, Authenticator
from ops.http.core.middleware import handle_errors
from serving import running_service

BYTES_MAX = 2_000_000


async def _keep(_: CommandContext, place: str, asked: FileBody) -> CommandResult:
    return CommandResult(f"file/{place}", None, {"bytes": len(asked.content)})


FILE = Command(
    "file.keep",
    "/files/{name}",
    "Keep a file",
    frozenset({"finance"}),
    FileBody,
    _keep,
    content_type="text/csv",
    bytes_max=BYTES_MAX,
)


@pytest.fixture
async def door(dsn: str) -> AsyncIterator[TestClient[Any, Any]]:
    async with running_service(dsn) as own:
        await create_tokens(own.service.pool)
        app = web.Application(middlewares=[handle_errors])
        app[COMMAND_SERVICES] = CommandServices(own.service.pool, own.service.keys, own.service.settings)
        app[AUTHENTICATOR] = Authenticator(own.service.pool, own.service.settings, own.service.metrics)
        app.add_routes([web.post("/files/{name}", command_handler(FILE))])
        async with TestClient(TestServer(app)) as client:
            yield client


async def _send(door: TestClient[Any, Any], body: Any, kind: str = "text/csv", key: str = "k") -> tuple[int, Any]:
    headers = {"Authorization": "Bearer token-of-fay", "Content-Type": kind, "Idempotency-Key": key}
    data = io.BytesIO(body) if isinstance(body, bytes) else body
    answer = await door.post("/files/may", data=data, headers=headers)
    return answer.status, await answer.json(content_type=None)


async def test_a_file_comes_in_as_it_was_sent(door: TestClient[Any, Any]):
    status, answer = await _send(door, b"\xff" * BYTES_MAX)
    assert (status, answer["subject"], answer["after"]) == (200, "file/may", {"bytes": BYTES_MAX})
    assert await _send(door, b"\xff" * BYTES_MAX) == (200, answer), "the same key and file: the same answer"
    status, refused = await _send(door, b"\xfe" * BYTES_MAX)
    assert (status, refused["type"]) == (409, "urn:like-ledger:problem:key-taken")


async def test_a_file_of_another_type_or_size_is_refused(door: TestClient[Any, Any]):
    status, refused = await _send(door, b"{}", "application/json")
    assert (status, refused["detail"]) == (415, "Send Content-Type: text/csv.")

    async def in_pieces() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b"a" * (BYTES_MAX // 2)

    for body in (b"a" * (BYTES_MAX + 1), in_pieces()):
        status, refused = await _send(door, body, key="too large")
        assert (status, refused["type"]) == (413, "urn:like-ledger:problem:too-large")
        assert "2,000,000 bytes" in refused["detail"]
