"""Figures from memory: one read for all readers; while the database is away, stale, then 503."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from campaigns.catalogue.cache import CatalogueCache
from ops.clock import utc_now
from ops.http.core import snapshots
from ops.http.core.snapshots import SnapshotCache, SnapshotTooOld
from running_service import KEYS, SLUG, RunningService, create_funded_campaign, promise, running_service
from sql import Pool

TOTALS = f"/v1/campaigns/{SLUG}/totals"


@pytest.fixture
async def service(dsn: str) -> AsyncIterator[RunningService]:
    async with running_service(dsn) as running:
        yield running


def count_reads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list that grows by an entry with every read of the database."""
    reads: list[int] = []
    read = snapshots.read_snapshots

    async def read_and_count(*arguments: object) -> object:
        reads.append(1)
        return await read(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(snapshots, "read_snapshots", read_and_count)
    return reads


async def test_a_hundred_readers_cause_one_read(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    await create_funded_campaign(pool, promise())
    reads = count_reads(monkeypatch)
    cache = SnapshotCache(pool, CatalogueCache(pool, KEYS.pseudonym), utc_now)
    read_by_all = await asyncio.gather(*(cache.latest() for _ in range(100)))
    assert (len(reads), len({id(snapshot) for snapshot in read_by_all})) == (1, 1)


async def test_a_reader_that_leaves_does_not_cancel_the_read_of_others(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    await create_funded_campaign(pool, promise())
    reads = count_reads(monkeypatch)
    cache = SnapshotCache(pool, CatalogueCache(pool, KEYS.pseudonym), utc_now)
    leaver, stayer = asyncio.create_task(cache.latest()), asyncio.create_task(cache.latest())
    await asyncio.sleep(0)
    leaver.cancel()
    assert SLUG in (await stayer).campaigns
    assert len(reads) == 1


async def test_a_campaign_made_by_another_instance_is_seen(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshots, "FRESH_SECONDS", 0.0)
    monkeypatch.setattr(snapshots, "_PAUSE_FACTOR", 0)
    cache = SnapshotCache(pool, CatalogueCache(pool, KEYS.pseudonym), utc_now)
    assert (await cache.latest()).campaigns == {}
    await create_funded_campaign(pool, promise())
    assert list((await cache.latest()).campaigns) == [SLUG]


async def fail_to_read(*_: object) -> object:
    raise asyncpg.ConnectionDoesNotExistError


async def test_while_the_database_is_away_the_last_figures_stay_for_a_while(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    await create_funded_campaign(pool, promise())
    for name, value in {"FRESH_SECONDS": 0.0, "_PAUSE_FACTOR": 0, "_AFTER_FAILURE_SECONDS": 0.0}.items():
        monkeypatch.setattr(snapshots, name, value)
    cache = SnapshotCache(pool, CatalogueCache(pool, KEYS.pseudonym), utc_now)
    last = await cache.latest()
    with monkeypatch.context() as patch:
        patch.setattr(snapshots, "read_snapshots", fail_to_read)
        assert await cache.latest() is last
        patch.setattr(snapshots, "STALE_SECONDS_MAX", 0.0)
        with pytest.raises(SnapshotTooOld):
            await cache.latest()
    assert (await cache.latest()).as_of > last.as_of


async def test_without_any_figures_the_answer_is_503(
    service: RunningService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshots, "read_snapshots", fail_to_read)
    for path in (TOTALS, "/v1/totals", f"/v1/campaigns/{SLUG}/stream"):
        answer = await service.get(path)
        assert (answer.status, answer.json["code"]) == (503, "figures_unavailable")
        assert (int(answer.headers["Retry-After"]) > 0, answer.headers["Access-Control-Allow-Origin"]) == (True, "*")
    page = await service.get(f"/campaigns/{SLUG}", Accept="text/html")
    assert (page.status, page.headers["Content-Type"]) == (503, "text/html; charset=utf-8")
