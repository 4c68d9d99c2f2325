"""Kills under load: every like with a response is recorded once, and nothing counts twice."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from databases import broken_invariants, scratch_folder
from load import assert_recorded_once, prepare, send_load
from ops import embedded_postgres
from ops.migrate import migrate
from program import Program, Sender, batch_likes, running_program, running_sender
from running_service import environment

pytestmark = pytest.mark.slow

ROUNDS = 10 * int(os.environ.get("SOAK_FACTOR", "1"))  # `make soak` runs longer
DELIVERIES_A_ROUND = 12


async def _crash_in_rounds(sender: Sender, crash: Callable[[], Awaitable[None]]) -> int:
    """Crash once in each round of load, then send everything again.

    Return the number of different likes.
    """
    for number in range(ROUNDS):
        loading = asyncio.create_task(send_load(sender, number * DELIVERIES_A_ROUND, DELIVERIES_A_ROUND))
        while len(sender.responses) < number * DELIVERIES_A_ROUND + 1 and not loading.done():
            await asyncio.sleep(0.001)
        await crash()
        await loading
    before = {webhook_id: set(responses) for webhook_id, responses in sender.responses.items()}
    await send_load(sender, 0, ROUNDS * DELIVERIES_A_ROUND)
    assert sender.responses == before, "a redelivery got another response"
    return len({str(event["person"]) for n in range(ROUNDS * DELIVERIES_A_ROUND) for event in batch_likes(n)})


async def test_the_service_is_killed_ten_times(dsn: str) -> None:
    secret = await prepare(dsn)
    with running_program(dsn) as service:
        async with running_sender(service, secret) as sender:

            async def crash() -> None:
                service.kill()
                await asyncio.to_thread(service.start)

            likes = await _crash_in_rounds(sender, crash)
            assert sender.count_counted() == likes
            assert sender.refusal_count > 0, "the load never met a dead service"
            await assert_recorded_once(dsn, likes)


async def test_postgresql_is_killed_ten_times() -> None:
    with scratch_folder() as folder:
        server = await embedded_postgres.start(folder)
        try:
            await migrate(server.dsn)
            secret = await prepare(server.dsn)
            with running_program(server.dsn) as service:
                async with running_sender(service, secret) as sender:

                    async def crash() -> None:
                        nonlocal server
                        server.process.kill()
                        await server.stop()
                        server = await embedded_postgres.start(folder)

                    likes = await _crash_in_rounds(sender, crash)
                    assert sender.count_counted() == likes
                    assert sender.refusal_count > 0, "the load never met a dead database"
                    await assert_recorded_once(server.dsn, likes)
            assert await broken_invariants(server.dsn) == {}
        finally:
            await server.stop()


async def test_the_service_ends_with_the_reason_if_its_embedded_postgresql_is_killed(tmp_path: Path) -> None:
    with scratch_folder() as folder:
        settings = {name: value for name, value in environment("").items() if name != "LIKE_LEDGER_DATABASE_URL"}
        service = Program(settings | {"LIKE_LEDGER_DATA_DIR": str(folder)}, tmp_path / "service.log")
        await asyncio.to_thread(service.start)
        pid, _ = (folder / "postgres/cluster/postmaster.pid").read_text().split("\n", 1)
        try:
            os.kill(int(pid), signal.SIGKILL)
            assert await asyncio.to_thread(service.wait) == 1
        finally:
            service.kill()
        assert "the database server ended, start again: " in service.log.read_text()
        assert f"(see {folder}/postgres/server.log)" in service.log.read_text()


async def test_sigterm_finishes_accepted_deliveries_and_exits_with_0(dsn: str) -> None:
    secret = await prepare(dsn)
    with running_program(dsn) as service:
        async with running_sender(service, secret) as sender:
            loading = asyncio.create_task(send_load(sender, 0, 40))
            while len(sender.responses) < 3:
                await asyncio.sleep(0.001)
            assert await asyncio.to_thread(service.kill, signal.SIGTERM) == 0
            await asyncio.to_thread(service.start)
            await loading
            await assert_recorded_once(dsn, sender.count_counted())
