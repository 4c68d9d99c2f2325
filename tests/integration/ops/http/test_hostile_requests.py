"""Requests that nobody means well are refused in words: none of them is a bug of the service's."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from http.client import HTTPConnection
from typing import Any

import aiohttp
import pytest

from clerks import AdminClient, create_tokens
from ops.admin import registry
from serving import RunningService, running_service
from visitors import BrowserClient

AT = "2026-11-23T08:00:00Z"
NO_KEYS: list[Any] = [
    [],
    {},
    *([part] for part in (None, True, -1, 2**63, 1.5, "\0", [])),
    *([AT, part] for part in (None, 7, "\0")),
    ["0001-01-01T00:00:00+23:59", 1],
    ["2026-11-23", "a", "b", True],
    ["a"] * 9,
]


@pytest.fixture
async def served(dsn: str) -> AsyncIterator[RunningService]:
    async with running_service(dsn) as own:
        await create_tokens(own.service.pool)
        yield own


async def test_a_cursor_that_somebody_made_up_is_none(served: RunningService):
    olga = AdminClient(served, "olga")
    for listing in registry.LIST_ENDPOINTS:
        for key in NO_KEYS:
            cursor = base64.urlsafe_b64encode(json.dumps([{}, key]).encode()).decode().rstrip("=")
            status, refused = await olga.read(listing.path, cursor=cursor)
            assert (status, refused["faults"][0]["path"]) == (422, "cursor"), (listing.path, key)


async def test_a_moment_at_the_end_of_time_is_refused(served: RunningService):
    for moment in ("0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"):
        status, refused = await AdminClient(served, "al").read("/audit", since=moment)
        assert (status, refused["faults"][0]["path"]) == (422, "since")


async def test_no_name_holds_a_nul(served: RunningService):
    posted = [each.path for each in registry.COMMANDS if "{" in each.path]
    read = [each.path for each in registry.DETAIL_ENDPOINTS]
    pages = ["/admin/proposals/{}", "/admin/campaigns/{}", "/admin/do/token.revoke/{}", "/v1/receipts/{}"]
    addresses = [*(f"/v1/admin{path}" for path in posted + read), *pages]
    for method, path in [("POST", path) for path in addresses[: len(posted)]] + [("GET", path) for path in addresses]:
        before, _, rest = path.partition("{")
        found = await asked(served, method, f"{before}a%00b{rest.partition('}')[2]}")
        assert found == (404, "application/problem+json"), path


async def asked(served: RunningService, method: str, path: str, **headers: bytes) -> tuple[int, str]:
    """Send bytes as no library of today would, beside the service, which runs in this process."""
    told = {"Authorization": b"Bearer token-of-olga", "Idempotency-Key": b"k", **headers}
    return await asyncio.to_thread(_sent, served.url, method, path, told)


def _sent(url: str, method: str, path: str, headers: dict[str, bytes]) -> tuple[int, str]:
    line = HTTPConnection(url.removeprefix("http://"), timeout=30)
    try:
        line.request(method, path, headers=headers)
        answer = line.getresponse()
        return answer.status, answer.headers["Content-Type"]
    finally:
        line.close()


async def test_a_token_of_any_bytes_is_nobodys(served: RunningService):
    for token in (b"\xff", b"Bearer \xff", b"Bearer \xed\xa0\x80", b"Bearer"):
        assert (await asked(served, "GET", "/v1/admin/campaigns", Authorization=token))[0] == 401, token
    cookie = b"like_ledger_session=\xff"
    assert (await asked(served, "GET", "/admin", Cookie=cookie))[0] == 303


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


async def test_a_form_that_no_page_of_ours_sends_is_foreign(served: RunningService):
    for what, (body, kind) in FORMS.items():
        headers = {"Origin": served.url, "Content-Type": kind}
        async with served.http.post(f"{served.url}/admin/sign-in", data=body, headers=headers) as answer:
            assert answer.status == 403, what


async def test_a_file_in_the_place_of_a_text_is_foreign_to_who_is_signed_in_too(served: RunningService):
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as http:
        olga = BrowserClient(served, http)
        await olga.sign_in("olga")
        page = await olga.read("/admin/do/sponsor.create")
        own = next(form for form in page.forms if "key" in form)
        form = aiohttp.FormData({name: own[name] for name in ("form_token", "key")} | {"do": "check"})
        form.add_field("name", b"\xff", filename="x")
        async with http.post(served.url + own["action"], data=form, headers={"Origin": served.url}) as answer:
            assert answer.status == 403
