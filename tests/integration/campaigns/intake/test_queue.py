"""The queue: small groups run side by side, a full one alone, and all are answered."""

import asyncio

from campaigns.intake.queue import GROUP_LIKES_MAX, SMALL_GROUP_LIKES
from running_service import like, running_service
from sql import Connection
from tests.integration.campaigns.intake.test_races import open_transaction, wait_for_lock

FULL = [like(f"full {person}") for person in range(SMALL_GROUP_LIKES * 3)]


async def test_a_small_group_does_not_wait_for_another_but_a_full_one_does(dsn: str, owner: Connection) -> None:
    async with running_service(dsn) as service:
        async with open_transaction(service, [like("contested")], "other"):
            first = asyncio.create_task(service.send([like("contested"), like("1")], "first"))
            await wait_for_lock(owner, first)
            assert (await service.send([like("2")], "second")).outcomes == {"counted": 1}
            full = asyncio.create_task(service.send(FULL, "full"))
            done, _ = await asyncio.wait([first, full], timeout=0.2)
            assert not done
        assert (await first).outcomes == {"counted": 1, "duplicate": 1}
        assert (await full).outcomes == {"counted": len(FULL)}


async def test_a_mix_of_sizes_under_way_is_answered_at_the_end_of_the_service(dsn: str) -> None:
    sizes = [1, GROUP_LIKES_MAX // 4, 3, 1, SMALL_GROUP_LIKES + 1] * 6
    async with running_service(dsn) as service:
        deliveries = [
            asyncio.create_task(service.send([like(f"{n}-{person}") for person in range(size)], f"d{n}", "none"))
            for n, size in enumerate(sizes)
        ]
        while not service.service.intake_queue.queued_likes and not all(task.done() for task in deliveries):
            await asyncio.sleep(0)
        await asyncio.gather(*deliveries)
        await service.service.intake_queue.stop()
        assert [task.result().outcomes for task in deliveries] == [{"counted": size} for size in sizes]
        assert await service.day_counts() == {"counted": sum(sizes)}
