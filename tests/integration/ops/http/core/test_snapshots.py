"""Figures from memory: one read however many ask; stale for a while when the database is away, then 503."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from campaigns.catalogue.cache import CatalogueCache
from ops.clock import utc_now
from ops.http.core import snapshots
from ops.http.core.snapshots import SnapshotCache, SnapshotTooOld
from serving import KEYS, SLUG, RunningService, create_funded_campaign, promise, running_service
from sql import Pool

TOTALS = f"/v1/campaigns/{SLUG}/totals"


@pytest.fixture
async def service(dsn: str) -> AsyncIterator[RunningService]:
    async with running_service(dsn) as made:
        yield made


def counting(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Count the reads of the database."""
    reads: list[int] = []
    read = snapshots.read

    async def counted(*given: object) -> object:
        reads.append(1)
        return await read(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(snapshots, "read", counted)
    return reads


async def test_however_many_ask_there_is_one_read(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    await create_funded_campaign(pool, promise())
    reads = counting(monkeypatch)
    own = SnapshotCache(pool, CatalogueCache(pool, KEYS.pseudonym), utc_now)
    found = await asyncio.gather(*(own.latest() for _ in range(100)))
    assert (len(reads), len({id(each) for each in found})) == (1, 1)


async def test_who_leaves_does_not_take_the_others_read_along(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    await create_funded_campaign(pool, promise())
    reads = counting(monkeypatch)
    own = SnapshotCache(pool, CatalogueCache(pool, KEYS.pseudonym), utc_now)
    leaver, stayer = asyncio.create_task(own.latest()), asyncio.create_task(own.latest())
    await asyncio.sleep(0)
    leaver.cancel()
    assert SLUG in (await stayer).campaigns
    assert len(reads) == 1


async def test_a_campaign_made_by_another_instance_is_seen(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshots, "FRESH_SECONDS", 0.0)
    monkeypatch.setattr(snapshots, "_PAUSE_FACTOR", 0)
    own = SnapshotCache(pool, CatalogueCache(pool, KEYS.pseudonym), utc_now)
    assert (await own.latest()).campaigns == {}
    await create_funded_campaign(pool, promise())
    assert list((await own.latest()).campaigns) == [SLUG]


async def away(*_: object) -> object:
    raise asyncpg.ConnectionDoesNotExistError


async def test_while_the_database_is_away_the_last_figures_stay_for_a_while(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    await create_funded_campaign(pool, promise())
    for name, value in {"FRESH_SECONDS": 0.0, "_REST_FACTOR": 0, "_AFTER_FAILURE_SECONDS": 0.0}.items():
        monkeypatch.setattr(snapshots, name, value)
    own = SnapshotCache(pool, CatalogueCache(pool, KEYS.pseudonym), utc_now)
    seen = await own.latest()
    with monkeypatch.context() as patch:
        patch.setattr(snapshots, "read", away)
        assert await own.latest() is seen
        patch.setattr(snapshots, "STALE_SECONDS_MAX", 0.0)
        with pytest.raises(SnapshotTooOld):
            await own.latest()
    assert (await own.latest()).as_of > seen.as_of


async def test_without_any_figures_the_answer_is_503(
    service: RunningService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshots, "read", away)
    for path in (TOTALS, "/v1/totals", f"/v1/campaigns/{SLUG}/stream"):
        answer = await service.get(path)
        assert (answer.status, answer.json["type"]) == (503, "urn:like-ledger:problem:away")
        assert (int(answer.headers["Retry-After"]) > 0, answer.headers["Access-Control-Allow-Origin"]) == (True, "*")
    page = await service.get(f"/campaigns/{SLUG}", Accept="text/html")
    assert (page.status, page.headers["Content-Type"]) == (503, "text/html; charset=utf-8")
