"""Hostile requests are refused with a problem: none of them is a bug of the service."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from http.client import HTTPConnection
from typing import Any

import aiohttp
import pytest

from admin_client import AdminClient, create_tokens
from browser_client import BrowserClient
from ops.admin import registry
from running_service import RunningService, running_service

AT = "2026-11-23T08:00:00Z"
INVALID_KEYS: list[Any] = [
    [],
    {},
    *([part] for part in (None, True, -1, 2**63, 1.5, "\0", [])),
    *([AT, part] for part in (None, 7, "\0")),
    ["0001-01-01T00:00:00+23:59", 1],
    ["2026-11-23", "a", "b", True],
    ["a"] * 9,
]


@pytest.fixture
async def server(dsn: str) -> AsyncIterator[RunningService]:
    async with running_service(dsn) as running:
        await create_tokens(running.service.pool)
        yield running


async def test_a_forged_cursor_is_refused(server: RunningService):
    olga = AdminClient(server, "olga")
    for list_endpoint in registry.LIST_ENDPOINTS:
        for key in INVALID_KEYS:
            cursor = base64.urlsafe_b64encode(json.dumps([{}, key]).encode()).decode().rstrip("=")
            status, refused = await olga.read(list_endpoint.path, cursor=cursor)
            assert (status, refused["faults"][0]["path"]) == (422, "cursor"), (list_endpoint.path, key)


async def test_a_moment_at_the_end_of_time_is_refused(server: RunningService):
    for moment in ("0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"):
        status, refused = await AdminClient(server, "al").read("/audit", since=moment)
        assert (status, refused["faults"][0]["path"]) == (422, "since")


async def test_a_name_with_a_nul_is_not_found(server: RunningService):
    posted = [command.path for command in registry.COMMANDS if "{" in command.path]
    read = [endpoint.path for endpoint in registry.DETAIL_ENDPOINTS]
    pages = ["/admin/proposals/{}", "/admin/campaigns/{}", "/admin/do/token.revoke/{}", "/v1/receipts/{}"]
    addresses = [*(f"/v1/admin{path}" for path in posted + read), *pages]
    for method, path in [("POST", path) for path in addresses[: len(posted)]] + [("GET", path) for path in addresses]:
        before, _, rest = path.partition("{")
        response = await send_raw(server, method, f"{before}a%00b{rest.partition('}')[2]}")
        assert response == (404, "application/problem+json"), path


async def send_raw(server: RunningService, method: str, path: str, **headers: bytes) -> tuple[int, str]:
    """Send raw header bytes from a thread, because the service runs in this event loop."""
    all_headers = {"Authorization": b"Bearer token-of-olga", "Idempotency-Key": b"k", **headers}
    return await asyncio.to_thread(_send_raw, server.url, method, path, all_headers)


def _send_raw(url: str, method: str, path: str, headers: dict[str, bytes]) -> tuple[int, str]:
    connection = HTTPConnection(url.removeprefix("http://"), timeout=30)
    try:
        connection.request(method, path, headers=headers)
        response = connection.getresponse()
        return response.status, response.headers["Content-Type"]
    finally:
        connection.close()


async def test_a_token_of_arbitrary_bytes_is_invalid(server: RunningService):
    for token in (b"\xff", b"Bearer \xff", b"Bearer \xed\xa0\x80", b"Bearer"):
        assert (await send_raw(server, "GET", "/v1/admin/campaigns", Authorization=token))[0] == 401, token
    cookie = b"like_ledger_session=\xff"
    assert (await send_raw(server, "GET", "/admin", Cookie=cookie))[0] == 303


FORMS = {
    "no charset": (b"token=x", "application/x-www-form-urlencoded; charset=foo"),
    "other bytes": (b"token=x", "application/x-www-form-urlencoded; charset=utf-16"),
    "no boundary": (b"token=x", "multipart/form-data"),
    "no part": (b"--X\r\n", "multipart/form-data; boundary=B"),
    "no name": (
        b"--B\r\nContent-Disposition: form-data\r\n\r\nx\r\n--B--\r\n",
        "multipart/form-data; boundary=B",
    ),
    "no encoding": (
        b'--B\r\nContent-Disposition: form-data; name="a"\r\nContent-Transfer-Encoding: z\r\n\r\nx\r\n--B--\r\n',
        "multipart/form-data; boundary=B",
    ),
    "a file for a text": (
        b'--B\r\nContent-Disposition: form-data; name="token"; filename="x"\r\n\r\n\xff\r\n--B--\r\n',
        "multipart/form-data; boundary=B",
    ),
}


async def test_a_malformed_form_is_refused_as_cross_site(server: RunningService):
    for name, (body, kind) in FORMS.items():
        headers = {"Origin": server.url, "Content-Type": kind}
        async with server.http.post(f"{server.url}/admin/sign-in", data=body, headers=headers) as answer:
            assert answer.status == 403, name


async def test_a_file_instead_of_a_text_is_refused_with_a_session_too(server: RunningService):
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as http:
        olga = BrowserClient(server, http)
        await olga.sign_in("olga")
        page = await olga.read("/admin/do/sponsor.create")
        rendered_form = next(form for form in page.forms if "key" in form)
        form = aiohttp.FormData({name: rendered_form[name] for name in ("form_token", "key")} | {"do": "check"})
        form.add_field("name", b"\xff", filename="x")
        async with http.post(
            server.url + rendered_form["action"], data=form, headers={"Origin": server.url}
        ) as answer:
            assert answer.status == 403
