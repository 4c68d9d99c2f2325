"""The number of different people: exact, also for batches that commit during a count."""

from campaigns.intake.group_commit import Submission, commit_group, prepare_group
from campaigns.intake.payload import parse_body
from campaigns.intake.people_count import count_stale
from ops.clock import utc_now
from running_service import RunningService, like, running_service


async def _people(service: RunningService) -> int:
    await count_stale(service.service.pool, utc_now)
    return int(await service.service.pool.fetchval("SELECT people FROM people_counts"))


async def test_people_are_counted_once_and_only_while_a_like_of_theirs_counts(dsn: str) -> None:
    async with running_service(dsn) as service:
        await service.send([like("1", "a"), like("1", "b"), like("2", "a")])
        assert await _people(service) == 2
        await service.send([like("2", "a", "unlike")])
        assert await _people(service) == 1


async def test_a_batch_that_commits_while_people_are_counted_is_counted_next(dsn: str) -> None:
    async with running_service(dsn) as service:
        await service.send([like("1")])
        catalogue = await service.service.catalogue_cache.refresh()
        likes = parse_body(service.delivery_body([like("2")]).encode())
        slow = Submission(catalogue.platforms["kuai"], "slow", bytes(32), likes)
        async with service.service.pool.acquire() as conn, conn.transaction():
            await commit_group(
                conn, prepare_group(catalogue, [slow], utc_now())
            )  # in a transaction that is still open
            assert await _people(service) == 1
        assert await _people(service) == 2
