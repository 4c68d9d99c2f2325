"""Concurrency: overlapping writers, instances with one database, tickers, a changing catalogue."""

import asyncio
import random
from contextlib import AsyncExitStack

import aiohttp

from campaigns.catalogue import cache
from campaigns.pledging import budget
from campaigns.promise.model import Promise
from ops import app
from ops.settings import Settings
from running_service import KEYS, SLUG, RunningService, like, promise, running_service

PEOPLE = 100
WRITERS = 20


async def _overlapping(writers: list[RunningService], rounds: int = 3) -> None:
    """Each writer sends every person's like, half of them in reverse.

    A burst on one content that could deadlock.
    """
    people = [like(str(person)) for person in range(PEOPLE)]

    async def write(number: int, sender: RunningService) -> None:
        for turn in range(rounds):
            order = people[:: -1 if number % 2 else 1]
            answer = await sender.send(order, f"msg_{number}_{turn}", "none")
            assert answer.outcomes.keys() <= {"counted", "duplicate"}

    async with asyncio.TaskGroup() as group:
        for number in range(WRITERS):
            group.create_task(write(number, writers[number % len(writers)]))


async def _another(stack: AsyncExitStack, first: RunningService, dsn: str) -> RunningService:
    """Start a second instance on the same database."""
    service = await stack.enter_async_context(app.run_service(Settings(port=0, tick_seconds=3600), KEYS, dsn))
    url = await stack.enter_async_context(app.serve_http(service))
    http = await stack.enter_async_context(aiohttp.ClientSession())
    return RunningService(url, service, http, first.secret)


async def test_twenty_writers_with_overlapping_reversed_batches_count_exactly(dsn: str) -> None:
    async with running_service(dsn) as service:
        await _overlapping([service])
        assert await service.day_counts() == {"counted": PEOPLE, "duplicate": PEOPLE * (WRITERS * 3 - 1)}


async def test_two_instances_and_two_tickers_count_and_pledge_once(dsn: str) -> None:
    async with running_service(dsn) as first, AsyncExitStack() as stack:
        second = await _another(stack, first, dsn)
        ticking = asyncio.gather(*(service.tick() for service in [first, second] * 10))
        await _overlapping([first, second])
        await ticking
        await asyncio.gather(first.tick(), second.tick(), first.tick())
        assert await second.day_counts() == {"counted": PEOPLE, "duplicate": PEOPLE * (WRITERS * 3 - 1)}
        assert await first.pledged_minor() == PEOPLE // 3


async def _many_likes_and_unlikes(dsn: str, terms: Promise) -> dict[str, int]:
    """Send likes and unlikes of 40 people and 5 contents, each sender in another order.

    Return the counts.
    """
    async with running_service(dsn, terms) as first, AsyncExitStack() as stack:
        second = await _another(stack, first, dsn)
        pairs = [(str(person), content) for person in range(40) for content in "abcde"]
        sent = [like(p, c) for p, c in pairs] + [like(p, c, "unlike") for p, c in pairs if int(p) % 2]
        async with asyncio.TaskGroup() as group:
            for number in range(8):
                shuffled = random.Random(number).sample(sent, len(sent))
                group.create_task((first, second)[number % 2].send(shuffled, f"msg_{number}", "none"))
        return await first.day_counts()


async def test_likes_and_unlikes_in_any_order_end_the_same(dsn: str) -> None:
    counts = await _many_likes_and_unlikes(dsn, promise())
    assert (counts["counted"], counts["withdrawn"]) == (100, 100)


async def test_a_persons_limit_holds_however_the_likes_and_unlikes_race(dsn: str) -> None:
    counts = await _many_likes_and_unlikes(dsn, promise(terms={"likes_per_person_per_day": 2}))
    assert (counts["counted"], counts["over_limit"], counts["withdrawn"]) == (40, 60, 100)


async def test_no_like_counts_after_a_close(dsn: str) -> None:
    async with running_service(dsn) as service:

        async def send(number: int) -> int:
            answer = await service.send([like(f"{number}-{person}") for person in range(20)], f"m{number}")
            return answer.outcomes.get("counted", 0)

        async def close() -> None:
            async with service.service.pool.acquire() as conn, conn.transaction():
                campaign = (await cache.read_catalogue(conn, KEYS.pseudonym)).campaigns[SLUG]
                await budget.close_campaign(conn, campaign, campaign.calendar.ends_at)

        sending = [asyncio.create_task(send(number)) for number in range(40)]
        await asyncio.gather(close(), *sending)
        counted = sum(task.result() for task in sending)
        assert (await service.day_counts()).get("counted", 0) == counted
        assert await service.pledged_minor() == counted // 3
        assert (await service.send([like("late")])).outcomes == {"not_running": 1}


async def test_a_delivery_is_recorded_even_if_its_client_disconnects(dsn: str) -> None:
    async with running_service(dsn) as service:
        sending = asyncio.create_task(service.send([like(str(person)) for person in range(500)], "gone"))
        await asyncio.sleep(0)
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
        again = await service.send([like(str(person)) for person in range(500)], "gone")
        assert again.outcomes == {"counted": 500}
        assert await service.day_counts() == {"counted": 500}
