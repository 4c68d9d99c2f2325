"""A promise creates a campaign and adds terms to it; what was promised before stays unchanged."""

import asyncio
import json
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from campaigns.catalogue import apply_promise
from campaigns.catalogue.apply_promise import ApplyResult, PromiseAction
from campaigns.catalogue.cache import Campaign, CatalogueCache
from campaigns.errors import CampaignClosed, PromiseRefused
from campaigns.pledging import budget
from campaigns.promise.model import Promise
from ledger.log.account_hash import account_number, hash_promise_accounts, list_accounts
from ledger.publication.account_salts import list_salts
from promises import NOW, PSEUDONYM_KEY, SLUG, fetch_rows, promise
from sql import Pool

OTHER_RATE = ("per_likes = 3", "per_likes = 2")

PARTITIONS = "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'likes'::regclass"


async def apply(pool: Pool, promised: Promise, now: datetime = NOW) -> ApplyResult:
    async with pool.acquire() as conn, conn.transaction():
        return await apply_promise.apply_promise(conn, promised, now, pseudonym_key=PSEUDONYM_KEY)


async def close(pool: Pool, campaign: Campaign) -> None:
    async with pool.acquire() as conn, conn.transaction():
        await budget.close_campaign(conn, campaign, NOW)


async def row_counts(pool: Pool) -> list[int]:
    """Count the rows of every table that applying a promise writes to."""
    tables = "campaigns", "terms", "leaf_queue", "accounts", "transfers"
    return [(await fetch_rows(pool, f"SELECT count(*) FROM {table}"))[0][0] for table in tables]


async def test_a_promise_creates_a_campaign(pool: Pool):
    plan, campaign = await apply(pool, promise())
    assert (plan.action, plan.version, plan.from_day) == (PromiseAction.CREATE, 1, date(2026, 11, 1))
    assert (campaign.slug, campaign.closed_at, len(campaign.terms)) == (SLUG, None, 1)
    kinds = [row["kind"] for row in await fetch_rows(pool, "SELECT kind FROM accounts ORDER BY account_id")]
    assert kinds == ["world", "budget", "pledged"]
    partitions = await fetch_rows(pool, PARTITIONS)
    assert [row[0] for row in partitions] == [f"likes_{campaign.campaign_id}"]


async def hashed(pool: Pool, made: Promise) -> dict[str, Any]:
    """Return a promise as a leaf has it, with the stored salts."""
    promised = made.model_dump(mode="json", exclude_none=True)
    async with pool.acquire() as conn:
        salts = await list_salts(conn, map(account_number, list_accounts(promised)))
    return hash_promise_accounts(promised, salts)


async def test_the_log_gets_the_promise_in_full_but_for_account_numbers(pool: Pool):
    await apply(pool, promise())
    await apply(pool, promise(OTHER_RATE))
    first, second = [
        json.loads(row["body"]) for row in await fetch_rows(pool, "SELECT body FROM leaf_queue ORDER BY leaf_id")
    ]
    assert (first["kind"], first["campaign"], first["version"], first["from_day"]) == ("terms", SLUG, 1, "2026-11-01")
    assert first["promise"] == await hashed(pool, promise())
    assert (second["version"], second["from_day"]) == (2, "2026-11-11")
    assert second["promise"] == await hashed(pool, promise(OTHER_RATE))
    assert {**second["promise"], "terms": 0} == {**first["promise"], "terms": 0}


async def test_the_same_promise_again_changes_nothing(pool: Pool):
    await apply(pool, promise())
    before = await row_counts(pool)
    plan, campaign = await apply(pool, promise())
    assert (plan.action, plan.version, plan.changes) == (PromiseAction.NOTHING, 1, [])
    assert await row_counts(pool) == before
    assert len(campaign.terms) == 1


async def test_a_campaign_may_be_created_after_its_end(pool: Pool):
    plan, _ = await apply(pool, promise(), NOW + timedelta(days=400))
    assert plan.from_day == date(2026, 11, 1)


async def test_new_terms_hold_from_the_next_campaign_day(pool: Pool):
    await apply(pool, promise())
    plan, campaign = await apply(pool, promise(OTHER_RATE))
    assert (plan.action, plan.version, plan.from_day) == (PromiseAction.NEW_TERMS, 2, date(2026, 11, 11))
    assert [campaign.terms_on(date(2026, 11, day)).per_likes for day in (1, 10, 11, 30)] == [3, 3, 2, 2]


async def test_a_refused_promise_stores_nothing(pool: Pool):
    await apply(pool, promise())
    before = await row_counts(pool)
    with pytest.raises(PromiseRefused, match=r"^campaign\.floor_minor: immutable_amount: before_minor=0"):
        await apply(pool, promise(OTHER_RATE, ("floor_minor = 0", "floor_minor = 1")))
    assert await row_counts(pool) == before


async def test_a_closed_campaign_takes_no_terms(pool: Pool):
    _, campaign = await apply(pool, promise())
    await close(pool, campaign)
    with pytest.raises(CampaignClosed, match=f"^campaign_closed: slug={SLUG}$"):
        await apply(pool, promise(OTHER_RATE))


async def test_of_many_that_create_a_campaign_at_once_only_the_first_does(pool: Pool):
    results = await asyncio.gather(*(apply(pool, promise()) for _ in range(8)))
    assert sorted(applied.plan.action for applied in results) == [PromiseAction.CREATE] + [PromiseAction.NOTHING] * 7
    assert len({applied.campaign.campaign_id for applied in results}) == 1


async def test_terms_added_at_once_are_numbered_without_a_gap(pool: Pool):
    await apply(pool, promise())
    rates = [promise(("per_likes = 3", f"per_likes = {n}")) for n in range(4, 10)]
    results = await asyncio.gather(*(apply(pool, rate) for rate in rates))
    assert sorted(applied.plan.version for applied in results) == [2, 3, 4, 5, 6, 7]


async def test_a_cache_sees_that_the_catalogue_changed(pool: Pool):
    cache = CatalogueCache(pool, PSEUDONYM_KEY)
    assert (await cache.refresh()).campaigns == {}
    await apply(pool, promise())
    assert list((await cache.refresh()).campaigns) == [SLUG]
    await apply(pool, promise(OTHER_RATE))
    assert len((await cache.refresh()).campaigns[SLUG].terms) == 2


async def test_a_campaign_is_created_while_another_is_read(pool: Pool):
    """A long read of any campaign's likes must not block a new campaign, and with it all intake."""
    await apply(pool, promise())
    async with pool.acquire() as reader, reader.transaction():
        await reader.fetch("SELECT FROM likes")
        await asyncio.wait_for(apply(pool, promise((SLUG, "second"))), 10)


SECTION = '[authenticity]\nrules = "none"\n'


@pytest.mark.parametrize(("hold_days", "observation_days"), [(0, 35), (3, 35), (30, 60)])
async def test_a_promise_without_the_section_has_rules_that_see_long_enough(
    pool: Pool, hold_days: int, observation_days: int
):
    longer = ("floor_minor = 0", f"floor_minor = 0\nhold_days = {hold_days}")
    _, campaign = await apply(pool, promise((SECTION, ""), longer))
    assert (campaign.authenticity.rules, campaign.authenticity.observation_days) == ("standard", observation_days)
    assert campaign.ruleset is not None
    applied = await apply(pool, promise((SECTION, ""), longer))
    assert applied.plan.action is PromiseAction.NOTHING


@pytest.mark.parametrize(("rules", "is_refused"), [("standard", True), ("none", False)])
async def test_observations_outlast_hold_and_review_where_there_are_rules(pool: Pool, rules: str, is_refused: bool):
    section = (SECTION, f'[authenticity]\nrules = "{rules}"\nobservation_days = 32\n')
    if is_refused:
        with pytest.raises(PromiseRefused, match=r"^authenticity: observation_days_too_few: least_number=33$"):
            promise(section)
    else:
        _, campaign = await apply(pool, promise(section))
        assert campaign.ruleset is None
