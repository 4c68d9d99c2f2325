"""Clients that send half requests, or bodies made to be slow: an honest sender is served meanwhile."""

import asyncio
import json
import resource
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import aiohttp
import pytest

from campaigns.catalogue import platforms
from ledger.publication import sequencer
from ops import database
from ops.clock import utc_now
from program import Program, Sender, batch_likes, running_program, running_sender
from running_service import KEYS, LOG, create_funded_campaign, like, promise

pytestmark = pytest.mark.slow

HALVES = 1_200
HALF = b"POST /v1/platforms/kuai/likes HTTP/1.1\r\nHost: a\r\nX: "
SERVED_SECONDS_MAX = 2.0  # without the limits an honest delivery waited for 30 seconds
LOG_BYTES_MAX = 100_000


@contextmanager
def open_files(soft: int) -> Iterator[int]:
    """Set the soft limit of open files as a usual shell does; yield the hard limit."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, before[1]))
    try:
        yield before[1]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.fixture
async def attack_target(dsn: str) -> AsyncIterator[tuple[Program, Sender]]:
    """Yield a service that started with 1,024 open files, and an honest sender."""
    async with database.open_pool(dsn) as pool:
        await create_funded_campaign(pool, promise())
        await sequencer.create_log(pool, LOG, utc_now())
        async with pool.acquire() as conn, conn.transaction():
            secret = await platforms.add_platform(conn, "kuai", KEYS.webhook)
    with open_files(1_024) as hard, running_program(dsn) as program, open_files(hard):
        async with running_sender(program, secret) as sender:
            yield program, sender


async def test_half_sent_requests_stop_nobody(attack_target: tuple[Program, Sender]) -> None:
    program, sender = attack_target
    log_bytes = program.log.stat().st_size
    halves = []
    try:
        for _ in range(HALVES):
            _, writer = await asyncio.open_connection("127.0.0.1", program.port)
            writer.write(HALF)
            halves.append(writer)
        for number in range(10):
            started = time.monotonic()
            await sender.deliver(number, batch_likes(number))
            assert time.monotonic() - started < SERVED_SECONDS_MAX
    finally:
        for writer in halves:
            writer.close()
    assert sender.refusal_count == 0
    assert program.log.stat().st_size - log_bytes < LOG_BYTES_MAX


MALFORMED_BODIES = {
    "extra members": b'{"type":"likes",' + b",".join(b'"%05x":1' % i for i in range(95_000)) + b"}",
    "extra members of each like": json.dumps(
        {
            "type": "likes",
            "timestamp": "2026-11-23T08:00:00Z",
            "data": {"likes": [{f"{i:03x}": 1 for i in range(80)}] * 1_000},
        }
    ).encode(),
    "empty arrays": b"[" + b"[]," * 340_000 + b"[]]",
}


async def test_malformed_megabytes_stop_nobody(attack_target: tuple[Program, Sender]) -> None:
    """Each body is signed, so that it is parsed; nine come at once."""
    program, sender = attack_target
    url = f"http://127.0.0.1:{program.port}/v1/platforms/kuai/likes?results=none"

    async def attack(number: int, body: bytes) -> int:
        headers = sender.sign(f"bad_{number}", body.decode())
        async with sender.http.post(url, data=body, headers=headers) as response:
            return len(await response.read())

    bodies = [body for body in MALFORMED_BODIES.values() for _ in range(3)]
    async with asyncio.TaskGroup() as group:
        attacks = [group.create_task(attack(number, body)) for number, body in enumerate(bodies)]
        worst_seconds, number = 0.0, 0
        while not all(task.done() for task in attacks):
            started = time.monotonic()
            await sender.deliver(number, [like(f"honest-{number}")])
            worst_seconds, number = max(worst_seconds, time.monotonic() - started), number + 1
    assert number > 5
    assert worst_seconds < SERVED_SECONDS_MAX
    assert max(task.result() for task in attacks) < 10_000


async def test_compressed_megabytes_stop_nobody(attack_target: tuple[Program, Sender]) -> None:
    program, sender = attack_target
    url = f"http://127.0.0.1:{program.port}/v1/platforms/kuai/likes"
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}

    async def attack() -> int:
        try:
            async with sender.http.post(url, data=b"\x1f\x8b" + bytes(900_000), headers=headers) as response:
                return response.status
        except aiohttp.ClientError:  # closed while the client still sent
            return 415

    started = time.monotonic()
    statuses = await asyncio.gather(*(attack() for _ in range(10)))
    await sender.deliver(1, batch_likes(1))
    assert statuses == [415] * 10
    assert time.monotonic() - started < SERVED_SECONDS_MAX * 2
