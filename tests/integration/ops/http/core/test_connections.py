"""Requests that are broken, slow, compressed or too many: small problems for their sender, nothing for others."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

import pytest

from ops.http.core import connections
from running_service import SLUG, RunningService, like, running_service

POST_PATHS = ["/v1/platforms/kuai/likes", "/v1/admin/tokens", "/v1/payouts/answers", "/admin/sign-in"]
PROBLEM = "application/problem+json"
HEAD = b"POST /v1/platforms/kuai/likes HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"


class Answer(NamedTuple):
    status: int
    content_type: str
    body: bytes
    is_closed: bool

    @property
    def code(self) -> str:
        return str(json.loads(self.body)["code"])


@pytest.fixture
async def service(dsn: str) -> AsyncIterator[RunningService]:
    async with running_service(dsn) as running:
        yield running


@asynccontextmanager
async def connection(service: RunningService) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    host, _, port = service.url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        yield reader, writer
    finally:
        writer.close()


async def send(service: RunningService, request: bytes) -> Answer:
    """Send raw bytes and return the first response."""
    async with connection(service) as (reader, writer), asyncio.timeout(20):
        writer.write(request)
        return await read_answer(reader)


async def read_answer(reader: asyncio.StreamReader) -> Answer:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head.split("\r\n")[1:])}
    body = await reader.readexactly(int(headers["content-length"]))
    is_closed = headers.get("connection") == "close" or head.startswith("HTTP/1.0")
    return Answer(int(head.split()[1]), headers["content-type"], body, is_closed)


MALFORMED = {
    "a long address": (b"GET /" + b"x" * 9_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 431, "headers_too_large"),
    "a long header": (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 9_000 + b"\r\n\r\n", 431, "headers_too_large"),
    "many headers": (b"GET / HTTP/1.1\r\nHost: a\r\n" + b"x: 1\r\n" * 200 + b"\r\n", 431, "headers_too_large"),
    "an unknown method": (b"FETCH / HTTP/1.1\r\nHost: a\r\n\r\n", 400, "malformed_request"),
    "a method of other characters": (b"G(T / HTTP/1.1\r\nHost: a\r\n\r\n", 400, "malformed_request"),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400, "malformed_request"),
    "bytes in the address": (b"GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n", 400, "malformed_request"),
    "no host": (b"GET / HTTP/1.1\r\n\r\n", 400, "malformed_request"),
    "a NUL in a header": (b"GET / HTTP/1.1\r\nHost: a\r\nX: \0\r\n\r\n", 400, "malformed_request"),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, "malformed_request"),
    "HTTP/9": (b"GET / HTTP/9.9\r\nHost: a\r\n\r\n", 400, "malformed_request"),
    "two lengths": (HEAD + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400, "malformed_request"),
    "no length": (HEAD + b"Content-Length: x\r\n\r\n", 400, "malformed_request"),
    "a broken chunk": (HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400, "malformed_request"),
    "an unknown expectation": (HEAD + b"Expect: more\r\nContent-Length: 0\r\n\r\n", 417, "expectation_failed"),
    "an absolute address of nobody": (b"GET http://[a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400, "malformed_request"),
    "every address": (b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", 404, "not_found"),
    "a tunnel": (b"CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n", 404, "not_found"),
    "a broken escape": (b"GET /v1/campaigns/%zz HTTP/1.1\r\nHost: a\r\n\r\n", 404, "campaign_not_found"),
    "an escape of no text": (b"GET /v1/campaigns/%ff%fe HTTP/1.1\r\nHost: a\r\n\r\n", 404, "campaign_not_found"),
    "a coded transfer": (
        HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
        415,
        "unsupported_content_encoding",
    ),
    "a long body": (HEAD + b"Content-Length: 9000000\r\n\r\n", 413, "too_large"),
}


async def test_a_request_that_cannot_be_served_is_a_small_problem(
    service: RunningService, caplog: pytest.LogCaptureFixture
):
    for name, (request, status, code) in MALFORMED.items():
        answer = await send(service, request)
        assert (answer.status, answer.content_type, answer.code) == (status, PROBLEM, code), name
        assert len(answer.body) < 1_000, name
        assert answer.is_closed or status in {404, 415, 417}, name
    assert not caplog.records
    assert (await service.get("/live")).status == 200


@pytest.mark.parametrize("path", POST_PATHS)
async def test_a_compressed_body_is_refused_before_it_is_read(service: RunningService, path: str):
    for coding in ("gzip", "GZIP", "deflate", "br", "zstd", "identity, gzip", "x", '"gzip"'):
        head = f"POST {path} HTTP/1.1\r\nHost: a\r\nContent-Encoding: {coding}\r\nContent-Length: 900000\r\n\r\n"
        answer = await send(service, head.encode())
        assert (answer.status, answer.code, answer.is_closed) == (415, "unsupported_content_encoding", True), coding


async def test_a_body_that_says_identity_is_read(service: RunningService):
    body = service.delivery_body([like("1")])
    headers = service.sign_headers("plain", body) | {"Content-Encoding": "identity"}
    assert (await service.post(body.encode(), headers)).outcomes == {"counted": 1}


async def test_compressed_bytes_that_do_not_say_so_are_no_json(service: RunningService):
    body = gzip.compress(b"\0" * 1_000_000)
    headers = service.sign_headers("gz", body.decode("latin-1"))
    assert (await service.post(body, headers)).status == 401  # signed over other bytes; nothing was unpacked


@pytest.mark.parametrize(
    "part",
    [
        b"G",
        b"GET / HTTP/1.1\r\n",
        HEAD,
        HEAD + b"X: ",
        HEAD + b"Content-Length: 10\r\n\r\n",
        HEAD + b"Content-Length: 10\r\n\r\n12345",
    ],
)
async def test_half_a_request_is_answered_in_time(dsn: str, part: bytes):
    async with running_service(dsn, request_header_seconds=0.2, request_body_seconds=0.2) as service:
        answer = await send(service, part)
        assert (answer.status, answer.code, answer.is_closed) == (408, "request_timed_out", True)


async def test_half_a_request_after_a_whole_one_is_answered_in_time(dsn: str):
    async with running_service(dsn, request_header_seconds=0.2) as service, connection(service) as (reader, writer):
        writer.write(b"GET /live HTTP/1.1\r\nHost: a\r\n\r\n")
        assert (await read_answer(reader)).status == 200
        writer.write(b"GET /live HTT")
        async with asyncio.timeout(20):
            assert (await read_answer(reader)).status == 408
            assert await reader.read() == b""


async def test_a_silent_connection_is_closed(dsn: str):
    async with running_service(dsn, request_header_seconds=0.2) as service, connection(service) as (reader, _):
        async with asyncio.timeout(20):
            assert await reader.read() == b""


async def test_an_idle_connection_outlives_the_deadline_for_headers(dsn: str):
    async with running_service(dsn, request_header_seconds=0.2) as service, connection(service) as (reader, writer):
        for _ in range(2):
            writer.write(b"GET /live HTTP/1.1\r\nHost: a\r\n\r\n")
            assert (await read_answer(reader)).status == 200
            await asyncio.sleep(0.4)  # a pause of the client is what the test is about


async def test_a_client_that_does_not_read_its_response_is_cut_off(
    service: RunningService, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(connections, "READ_SECONDS_MAX", 0.2)
    async with connection(service) as (reader, writer):
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        writer.write(b"GET /docs HTTP/1.1\r\nHost: a\r\n\r\n" * 60)
        await asyncio.sleep(1)  # the client that reads nothing is what the test is about
        writer.transport.resume_reading()  # type: ignore[attr-defined]
        async with asyncio.timeout(20):
            assert (await reader.read()).count(b"HTTP/1.1 200") < 60
    assert (await service.get("/live")).status == 200


async def test_half_requests_of_an_address_push_out_each_other(dsn: str):
    async with running_service(dsn, connections_per_address=20) as service:
        halves = [await asyncio.open_connection(*service.url.removeprefix("http://").split(":")) for _ in range(60)]
        try:
            for _, writer in halves:
                writer.write(HEAD)
            for _ in range(5):
                async with service.http.get(f"{service.url}/live", headers={"Connection": "close"}) as answer:
                    assert answer.status == 200
            async with asyncio.timeout(20):
                assert await halves[0][0].read() == b""
        finally:
            for _, writer in halves:
                writer.close()


async def test_streams_of_an_address_are_limited(dsn: str):
    async with running_service(dsn, streams_per_address=2, trusted_proxies=1) as service:
        path = f"{service.url}/v1/campaigns/{SLUG}/stream"
        here, there = {"X-Forwarded-For": "198.51.100.8:1"}, {"X-Forwarded-For": "198.51.100.9"}
        async with service.http.get(path, headers=here) as first, service.http.get(path, headers=here) as second:
            assert (first.status, second.status) == (200, 200)
            async with service.http.get(path, headers=here | {"X-Forwarded-For": "198.51.100.8:2"}) as third:
                assert (third.status, (await third.json())["code"]) == (429, "too_many_streams_of_client")
                assert third.headers["Retry-After"]
            async with service.http.get(path, headers=there) as other:
                assert other.status == 200
