"""Hundreds of clients that send half a request, or read nothing: platforms are answered as before."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from itertools import count

import pytest

from soak_stage import FACTOR, Account, close_account, running_stage, steady_load
from stopped_database import OwnServer, running_own_server

pytestmark = pytest.mark.slow

CLIENTS, LOAD_SECONDS = 150, 2.0 * FACTOR
DELIVERIES_MIN = 20
HEAD = b"POST /v1/platforms/kuai/likes HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
HALF_REQUESTS = (
    HEAD,  # the end of the headers never comes
    HEAD + b'Content-Length: 900000\r\n\r\n{"type": "likes"',
    b"GET /site/style.css HTTP/1.1\r\nHost: x\r\n\r\n" * 20,  # the answers are never read
)


@pytest.fixture(scope="module")
def server() -> Iterator[OwnServer]:
    with running_own_server() as running:
        yield running


async def test_slow_clients_stop_nobody(server: OwnServer, report: Callable[[object], None]) -> None:
    numbers, account = count(), Account(rounds=1)
    async with server.database(server.template) as dsn, running_stage(server, dsn) as stage:
        async with slow_clients(stage.program.port), steady_load(stage.sender, numbers):
            started, seconds_max = time.monotonic(), 0.0
            while time.monotonic() - started < LOAD_SECONDS:
                seconds_max = max(seconds_max, await stage.seconds_to_next_response())
        account.seconds_to_heal_max = seconds_max
        assert len(stage.sender.responses) >= DELIVERIES_MIN
        report(await close_account(stage, next(numbers), account))


@asynccontextmanager
async def slow_clients(port: int) -> AsyncIterator[None]:
    """Keep connections open that sent only a part of a request, or do not read."""
    writers = []
    try:
        for number in range(CLIENTS):
            _, writer = await asyncio.open_connection("127.0.0.1", port, limit=1)
            writers.append(writer)
            writer.write(HALF_REQUESTS[number % len(HALF_REQUESTS)])
        yield
    finally:
        for writer in writers:
            writer.transport.abort()
        for writer in writers:
            with contextlib.suppress(OSError):
                await writer.wait_closed()
