"""Races between look-up and write, forced: another transaction stores the same rows, but has not ended."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest

from campaigns.intake.group_commit import Submission, commit_group, prepare_group
from campaigns.intake.payload import parse_body
from ops.clock import utc_now
from running_service import DAY, HttpResponse, RunningService, like, promise, running_service
from sql import Connection

LIKES = [like(str(person)) for person in range(5)]
INVALID = [like("x", mood=1)]
WAITING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
END_WAITING = """
    SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock'
"""


@asynccontextmanager
async def open_transaction(
    service: RunningService, likes: Sequence[dict[str, Any]], webhook_id: str, *, rolls_back: bool = False
) -> AsyncIterator[None]:
    """Record a delivery in a transaction that ends with the block."""
    body = service.delivery_body(likes).encode()
    catalogue = await service.service.catalogue_cache.refresh()
    other = Submission(catalogue.platforms["kuai"], webhook_id, bytes(32), parse_body(body))
    async with service.service.pool.acquire() as conn:
        transaction = conn.transaction()
        await transaction.start()
        await commit_group(conn, prepare_group(catalogue, [other], utc_now()))
        try:
            yield
        finally:
            await (transaction.rollback() if rolls_back else transaction.commit())


async def wait_for_lock(owner: Connection, sending: "asyncio.Task[HttpResponse]") -> None:
    """Return once a transaction waits for another; fail if the delivery is answered instead."""
    async with asyncio.timeout(20):
        while not await owner.fetchval(WAITING):
            assert not sending.done(), sending.result().body
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("limit", [None, 1])
@pytest.mark.parametrize("rolls_back", [False, True])
async def test_another_transaction_stores_the_likes_after_the_look_up(
    dsn: str, owner: Connection, limit: int | None, rolls_back: bool
) -> None:
    async with running_service(dsn, promise(terms={"likes_per_person_per_day": limit} if limit else {})) as service:
        async with open_transaction(service, LIKES[1:3], "other", rolls_back=rolls_back):
            sending = asyncio.create_task(service.send(LIKES, "mine"))
            await wait_for_lock(owner, sending)
        assert (await sending).outcomes == ({"counted": 5} if rolls_back else {"counted": 3, "duplicate": 2})
        assert await service.day_counts() == ({"counted": 5} if rolls_back else {"counted": 5, "duplicate": 2})


async def test_an_unlike_whose_like_is_stored_after_the_look_up_withdraws_it(dsn: str, owner: Connection) -> None:
    async with running_service(dsn) as service:
        async with open_transaction(service, LIKES, "other"):
            unlike = like("1", action="unlike", at=DAY + timedelta(minutes=1))
            sending = asyncio.create_task(service.send([unlike], "mine"))
            await wait_for_lock(owner, sending)
        assert (await sending).outcomes == {"withdrawn": 1}
        assert await service.day_counts() == {"counted": 4, "withdrawn": 1}


@pytest.mark.parametrize("likes", [LIKES, INVALID], ids=["with likes", "without a like to store"])
async def test_another_instance_answers_the_same_delivery_after_the_look_up(
    dsn: str, owner: Connection, likes: list[dict[str, Any]]
) -> None:
    async with running_service(dsn) as service:
        async with open_transaction(service, likes, "same"):
            sending = asyncio.create_task(service.send(likes, "same"))
            await wait_for_lock(owner, sending)
        response = await sending
        assert (response.status, response.json["code"]) == (
            409,
            "webhook_id_conflict",
        )  # the other body's digest is 0
        assert (await service.day_counts()).get("counted", 0) == (5 if likes is LIKES else 0)


async def test_a_connection_that_dies_between_look_up_and_commit_records_nothing(dsn: str, owner: Connection) -> None:
    async with running_service(dsn) as service:
        async with open_transaction(service, LIKES[1:3], "other"):
            sending = asyncio.create_task(service.send(LIKES, "mine"))
            await wait_for_lock(owner, sending)
            assert await owner.fetchval(END_WAITING) == 1
            assert (await sending).status == 503
            assert await owner.fetchval("SELECT count(*) FROM likes") == 0
        assert (await service.send(LIKES, "mine")).outcomes == {"counted": 3, "duplicate": 2}
        assert await service.day_counts() == {"counted": 5, "duplicate": 2}
