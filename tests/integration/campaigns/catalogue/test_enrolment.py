"""Content belongs to at most one open campaign; only enrolled content may count."""

import asyncio

import pytest

from campaigns.catalogue import apply_promise, enrolment
from campaigns.catalogue.cache import Campaign
from campaigns.errors import CampaignClosed, EnrolmentRefused
from campaigns.pledging import budget
from promises import NOW, PSEUDONYM_KEY, SLUG, fetch_rows, likes_body, promise, record
from sql import Pool


async def create(pool: Pool, slug: str, content: str = "registered") -> Campaign:
    promised = promise((SLUG, slug), ('"open"', f'"{content}"'))
    async with pool.acquire() as conn, conn.transaction():
        return (await apply_promise.apply_promise(conn, promised, NOW, pseudonym_key=PSEUDONYM_KEY)).campaign


async def enrol(pool: Pool, campaign: Campaign, *contents: str) -> int:
    async with pool.acquire() as conn, conn.transaction():
        return len(await enrolment.enrol_contents(conn, campaign, contents))


async def remove(pool: Pool, campaign: Campaign, *contents: str) -> int:
    async with pool.acquire() as conn, conn.transaction():
        return len(await enrolment.remove_contents(conn, campaign, contents))


async def close(pool: Pool, campaign: Campaign) -> None:
    async with pool.acquire() as conn, conn.transaction():
        await budget.close_campaign(conn, campaign, NOW)


async def enrol_contents(pool: Pool) -> dict[str, int]:
    return {row["content"]: row["campaign_id"] for row in await fetch_rows(pool, "SELECT * FROM enrolments")}


async def test_only_enrolled_content_counts(pool: Pool):
    first = await create(pool, "first")
    assert await enrol(pool, first, "c") == 1
    named, unnamed = likes_body(3, campaign="first"), likes_body(3, campaign=None, first=3)
    assert await record(pool, [named, unnamed]) == {"counted": 6}
    assert await record(pool, [likes_body(2, campaign="first", content="d")]) == {"not_enrolled": 2}


async def test_enrolling_again_changes_nothing(pool: Pool):
    first = await create(pool, "first")
    assert await enrol(pool, first, "a", "b", "a") == 2
    assert await enrol(pool, first, "b", "c") == 1
    assert set(await enrol_contents(pool)) == {"a", "b", "c"}


async def test_content_of_another_campaign_is_refused_with_its_name(pool: Pool):
    first, second = await create(pool, "first"), await create(pool, "second", "open")
    await enrol(pool, first, "b")
    with pytest.raises(EnrolmentRefused, match=r"^content_enrolled_elsewhere: content=b, slug=first$"):
        await enrol(pool, second, "a", "b")
    assert await enrol_contents(pool) == {"b": first.campaign_id}
    assert await record(pool, [likes_body(1, campaign="second", content="b")]) == {"not_enrolled": 1}


async def test_content_of_a_closed_campaign_is_free_for_another(pool: Pool):
    first, second = await create(pool, "first"), await create(pool, "second")
    await enrol(pool, first, "a")
    await close(pool, first)
    assert await enrol(pool, second, "a") == 1
    assert await enrol_contents(pool) == {"a": second.campaign_id}


async def test_a_closed_campaign_enrols_nothing(pool: Pool):
    first = await create(pool, "first")
    await close(pool, first)
    with pytest.raises(CampaignClosed):
        await enrol(pool, first, "a")


async def test_content_that_was_removed_counts_no_more_and_may_go_elsewhere(pool: Pool):
    first, second = await create(pool, "first"), await create(pool, "second")
    await enrol(pool, first, "c", "d")
    assert await record(pool, [likes_body(2, campaign="first")]) == {"counted": 2}
    assert await remove(pool, second, "c") == 0  # another campaign's
    assert await remove(pool, first, "c", "never") == 1
    assert await record(pool, [likes_body(2, campaign="first", first=2)]) == {"not_enrolled": 2}
    assert await enrol(pool, second, "c") == 1


async def test_an_invalid_content_id_is_refused(pool: Pool):
    first = await create(pool, "first")
    for content in ("", "a" * 129, "a\nb", "a\x00", "\udc80"):
        with pytest.raises(EnrolmentRefused, match=r"^content_invalid: "):
            await enrol(pool, first, "good", content)
    assert await enrol_contents(pool) == {}


async def test_of_campaigns_that_want_the_same_content_at_once_one_gets_all_of_it(pool: Pool):
    campaigns = [await create(pool, f"c{n}") for n in range(5)]
    contents = [f"{n}" for n in range(50)]
    attempts = (enrol(pool, campaign, *contents) for campaign in campaigns)
    results = await asyncio.gather(*attempts, return_exceptions=True)
    assert sorted(type(result).__name__ for result in results) == ["EnrolmentRefused"] * 4 + ["int"]
    assert len(set((await enrol_contents(pool)).values())) == 1
