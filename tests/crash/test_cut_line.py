"""The database connection breaks at a commit: whether it was kept or lost, the like counts once."""

import asyncio
from pathlib import Path

import pytest

from proxy import running_proxy
from running_service import like, running_service

LIKES = [like(str(person)) for person in range(30)]


@pytest.mark.parametrize("is_after", [False, True], ids=["the commit was lost", "the commit was kept"])
@pytest.mark.parametrize("cuts", [1, 3])
async def test_a_connection_that_is_cut_at_a_commit(dsn: str, tmp_path: Path, is_after: bool, cuts: int) -> None:
    async with (
        running_proxy(dsn, tmp_path, is_after_commit=is_after) as (proxy, address),
        running_service(address) as service,
    ):
        await service.tick()  # so that the next commit is the likes'
        proxy.cuts_left = cuts
        statuses, bodies = [], set()
        for _ in range(cuts + 2):
            response = await service.send(LIKES, "same")
            statuses.append(response.status)
            if response.status == 200:
                bodies.add(response.body)
        assert statuses[0] == 503
        assert statuses[-1] == 200
        assert len(bodies) == 1
        assert b'"counted":30' in bodies.pop()
        assert await service.day_counts() == {"counted": 30}
        assert await service.pledged_minor() == 10


async def test_every_delivery_of_a_cut_group_gets_retry_after(dsn: str, tmp_path: Path) -> None:
    async with (
        running_proxy(dsn, tmp_path, is_after_commit=True) as (proxy, address),
        running_service(address) as service,
    ):
        await service.tick()
        proxy.cuts_left = 2
        first = await asyncio.gather(*(service.send([event], f"m{n}") for n, event in enumerate(LIKES)))
        refused = [response for response in first if response.status == 503]
        assert refused
        assert all(response.headers["Retry-After"] for response in refused)
        proxy.cuts_left = 0
        second = await asyncio.gather(*(service.send([event], f"m{n}") for n, event in enumerate(LIKES)))
        assert [response.outcomes for response in second] == [{"counted": 1}] * len(LIKES)
        assert await service.day_counts() == {"counted": len(LIKES)}
