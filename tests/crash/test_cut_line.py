"""The line to the database breaks at a commit: whether it was kept or not, the like counts once and is answered."""

import asyncio
from pathlib import Path

import pytest

from proxy import running_proxy
from serving import like, running_service

LIKES = [like(str(person)) for person in range(30)]


@pytest.mark.parametrize("after", [False, True], ids=["the commit was lost", "the commit was kept"])
@pytest.mark.parametrize("cuts", [1, 3])
async def test_a_line_that_is_cut_at_commit(dsn: str, tmp_path: Path, after: bool, cuts: int) -> None:
    async with (
        running_proxy(dsn, tmp_path, is_after_commit=after) as (proxy, address),
        running_service(address) as service,
    ):
        await service.tick()  # so that the next commit is the likes'
        proxy.cuts_left = cuts
        statuses, bodies = [], set()
        for _ in range(cuts + 2):
            answer = await service.send(LIKES, "same")
            statuses.append(answer.status)
            if answer.status == 200:
                bodies.add(answer.body)
        assert statuses[0] == 503
        assert statuses[-1] == 200
        assert len(bodies) == 1
        assert b'"counted":30' in bodies.pop()
        assert await service.day_counts() == {"counted": 30}
        assert await service.pledged_minor() == 10


async def test_deliveries_of_a_group_that_was_cut_are_all_told_to_come_again(dsn: str, tmp_path: Path) -> None:
    async with (
        running_proxy(dsn, tmp_path, is_after_commit=True) as (proxy, address),
        running_service(address) as service,
    ):
        await service.tick()
        proxy.cuts_left = 2
        first = await asyncio.gather(*(service.send([one], f"m{n}") for n, one in enumerate(LIKES)))
        refused = [answer for answer in first if answer.status == 503]
        assert refused
        assert all(answer.headers["Retry-After"] for answer in refused)
        proxy.cuts_left = 0
        again = await asyncio.gather(*(service.send([one], f"m{n}") for n, one in enumerate(LIKES)))
        assert [answer.outcomes for answer in again] == [{"counted": 1}] * len(LIKES)
        assert await service.day_counts() == {"counted": len(LIKES)}
