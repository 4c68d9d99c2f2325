"""Deliveries take a short way through the service: its answers are those of the usual way, to the byte."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from running_service import RunningService, like, running_service

SHORT, USUAL = "/v1/platforms/kuai/likes", "/v1/platforms/kuai/l%69kes"  # one address, written in two ways
LIKES = [like("1"), like("1"), like("2", content="c", event_at="2001-01-01T00:00:00Z")]


@pytest.fixture
async def service(dsn: str) -> AsyncIterator[RunningService]:
    async with running_service(dsn) as running:
        yield running


async def exchange(service: RunningService, request: bytes) -> tuple[str, dict[str, str], bytes]:
    """Return status line, headers without the date, and body of the response to raw bytes."""
    host, _, port = service.url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        async with asyncio.timeout(20):
            writer.write(request)
            status, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").strip().split("\r\n")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
            assert headers.pop("date")
            return status, headers, await reader.readexactly(int(headers["content-length"]))
    finally:
        writer.close()


def post(service: RunningService, path: str, version: str = "1.1", **changed: str) -> bytes:
    """Return a signed delivery as raw bytes; `changed` replaces headers, or leaves them out if empty."""
    body = service.delivery_body(LIKES)
    headers = {"Host": "a", **service.sign_headers("msg_1", body), "Content-Length": str(len(body))}
    headers |= {name.replace("_", "-"): value for name, value in changed.items()}
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items() if value)
    return f"POST {path} HTTP/{version}\r\n{lines}\r\n{body}".encode()


@pytest.mark.parametrize(
    ("query", "version", "changed", "status"),
    [
        pytest.param("", "1.1", {}, 200, id="a delivery"),
        pytest.param("?results=all", "1.1", {}, 200, id="all results"),
        pytest.param("?results=none", "1.1", {}, 200, id="no results"),
        pytest.param("", "1.1", {"Connection": "close"}, 200, id="a connection that closes"),
        pytest.param("", "1.0", {}, 200, id="HTTP/1.0"),
        pytest.param("", "1.0", {"Connection": "keep-alive"}, 200, id="HTTP/1.0 that stays open"),
        pytest.param("", "1.1", {"Expect": "nonsense"}, 417, id="an unknown expectation"),
        pytest.param("?results=some", "1.1", {}, 400, id="an unknown choice"),
        pytest.param("?results=all&results=all", "1.1", {}, 400, id="a repeated parameter"),
        pytest.param("", "1.1", {"webhook-signature": "v1,AAAA"}, 401, id="a wrong signature"),
        pytest.param("", "1.1", {"Content-Type": "text/plain"}, 415, id="another content type"),
        pytest.param("", "1.1", {"Content-Encoding": "gzip"}, 415, id="a compressed body"),
    ],
)
async def test_both_ways_give_the_same_response(
    service: RunningService, query: str, version: str, changed: dict[str, str], status: int
) -> None:
    short, usual = [
        await exchange(service, post(service, path + query, version, **changed)) for path in (SHORT, USUAL)
    ]
    assert int(short[0].split()[1]) == status
    assert short == usual


async def test_an_unknown_platform_is_refused_as_a_wrong_signature_is(service: RunningService) -> None:
    [unknown, wrong] = [
        await exchange(service, request)
        for request in (
            post(service, SHORT.replace("kuai", "nobody")),
            post(service, SHORT, **{"webhook-signature": "v1,AAAA"}),
        )
    ]
    assert unknown == wrong


async def test_a_connection_serves_delivery_after_delivery(service: RunningService) -> None:
    host, _, port = service.url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(post(service, SHORT) * 3)  # sent before the first is answered
    bodies = []
    async with asyncio.timeout(20):
        for _ in range(3):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
            bodies.append(await reader.readexactly(int(head.partition("content-length: ")[2].split("\r\n")[0])))
    writer.close()
    assert len(set(bodies)) == 1
