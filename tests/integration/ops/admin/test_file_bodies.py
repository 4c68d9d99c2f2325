"""File commands: the body arrives as sent, within the command's content type and size."""

import io
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from admin_client import create_tokens
from ops.admin.core.command import Command, CommandContext, CommandResult, FileBody
from ops.http.api.admin import command_handler
from ops.http.core.app_keys import COMMAND_SERVICES
from ops.http.core.authentication import AUTHENTICATOR, Authenticator
from ops.http.core.middleware import handle_errors
from running_service import running_service

BYTES_MAX = 2_000_000


async def _keep(_: CommandContext, name: str, body: FileBody) -> CommandResult:
    return CommandResult(f"file/{name}", None, {"bytes": len(body.content)})


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
async def client(dsn: str) -> AsyncIterator[TestClient[Any, Any]]:
    async with running_service(dsn) as running:
        await create_tokens(running.service.pool)
        app = web.Application(middlewares=[handle_errors])
        app[COMMAND_SERVICES] = running.service.command_services
        app[AUTHENTICATOR] = Authenticator(running.service.pool, running.service.settings, running.service.metrics)
        app.add_routes([web.post("/files/{name}", command_handler(FILE))])
        async with TestClient(TestServer(app)) as test_client:
            yield test_client


async def _send(client: TestClient[Any, Any], body: Any, kind: str = "text/csv", key: str = "k") -> tuple[int, Any]:
    headers = {"Authorization": "Bearer token-of-fay", "Content-Type": kind, "Idempotency-Key": key}
    data = io.BytesIO(body) if isinstance(body, bytes) else body
    response = await client.post("/files/may", data=data, headers=headers)
    return response.status, await response.json(content_type=None)


async def test_a_file_comes_in_as_it_was_sent(client: TestClient[Any, Any]):
    status, response = await _send(client, b"\xff" * BYTES_MAX)
    assert (status, response["subject"], response["after"]) == (200, "file/may", {"bytes": BYTES_MAX})
    assert await _send(client, b"\xff" * BYTES_MAX) == (200, response), "the same key and file: the same response"
    status, problem = await _send(client, b"\xfe" * BYTES_MAX)
    assert (status, problem["code"]) == (409, "idempotency_key_reused")


async def test_a_file_of_another_type_or_size_is_refused(client: TestClient[Any, Any]):
    status, problem = await _send(client, b"{}", "application/json")
    assert (status, problem["code"], "text/csv" in problem["detail"]) == (415, "unsupported_media_type", True)

    async def in_pieces() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b"a" * (BYTES_MAX // 2)

    for body in (b"a" * (BYTES_MAX + 1), in_pieces()):
        status, problem = await _send(client, body, key="too large")
        assert (status, problem["code"]) == (413, "too_large")
        assert "2,000,000 bytes" in problem["detail"]
