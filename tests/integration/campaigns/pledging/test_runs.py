"""Runs over all campaigns.

A campaign that fails does not stop the others, and its error is reported.
"""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from campaigns.catalogue.cache import Campaign, CatalogueCache
from campaigns.pledging import pledge, settle
from promises import PSEUDONYM_KEY, SLUG, likes_body, record
from settlements import create_campaign, read_balances
from sql import Connection, Pool

AFTER_FIRST_PERIOD = datetime(2026, 11, 16, 3, tzinfo=ZoneInfo("Asia/Shanghai"))


async def create_two(pool: Pool) -> dict[int, Campaign]:
    """Create two campaigns with unfolded likes, the first one to fail."""
    for slug in ("fails", "works"):
        await create_campaign(pool, (SLUG, slug))
        await record(pool, [likes_body(30, day=2, campaign=slug)])
    catalogue = await CatalogueCache(pool, PSEUDONYM_KEY).refresh()
    return dict(catalogue.campaigns_by_id)


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> None:
    real = pledge.fold_and_pledge

    async def fold_and_pledge(conn: Connection, campaign: Campaign) -> Any:
        if campaign.slug == "fails":
            raise ZeroDivisionError
        return await real(conn, campaign)

    monkeypatch.setattr(pledge, "fold_and_pledge", fold_and_pledge)
    monkeypatch.setattr(settle, "fold_and_pledge", fold_and_pledge)


async def test_a_failed_tick_does_not_stop_the_others(pool: Pool, broken: None):
    campaigns = await create_two(pool)
    run = await pledge.tick_all(pool, campaigns)
    assert (run.campaign_count, [type(error) for error in run.errors.errors]) == (2, [ZeroDivisionError])
    assert run.unfolded_since is not None
    pledged = {c.slug: (await read_balances(pool, c)).pledged.minor for c in campaigns.values()}
    assert pledged == {"fails": 0, "works": 10}
    assert (await pledge.tick_all(pool, campaigns)).campaign_count == 1, "only the failed one is left to fold"


async def test_a_run_without_unfolded_batches_ticks_nothing(pool: Pool):
    campaigns = await create_two(pool)
    assert (await pledge.tick_all(pool, campaigns)).campaign_count == 2
    run = await pledge.tick_all(pool, campaigns)
    assert (run.campaign_count, run.unfolded_since, run.errors.errors) == (0, None, [])


async def test_a_failed_settlement_does_not_stop_the_others(pool: Pool, broken: None):
    campaigns = await create_two(pool)
    run = await settle.settle_all(pool, campaigns.values(), lambda: AFTER_FIRST_PERIOD)
    assert (run.overdue_count, [type(error) for error in run.errors.errors]) == (1, [ZeroDivisionError])
    settled = {c.slug: (await read_balances(pool, c)).payable.minor for c in campaigns.values()}
    assert settled == {"fails": 0, "works": 10}


async def test_a_settlement_has_the_time_at_which_it_was_made(pool: Pool):
    campaigns = await create_two(pool)
    moments = [AFTER_FIRST_PERIOD + timedelta(minutes=minute) for minute in range(3)]
    await settle.settle_all(pool, campaigns.values(), iter(moments).__next__)
    made_at = await pool.fetch("SELECT DISTINCT made_at FROM settlements ORDER BY made_at")
    assert [row["made_at"] for row in made_at] == moments[:2]
