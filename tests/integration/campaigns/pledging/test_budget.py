"""The sponsor's money.

Funded once for each reference, and returned to the last unit when the campaign closes.
"""

import asyncio
from collections import Counter
from datetime import UTC, datetime
from itertools import count

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from campaigns.catalogue import apply_promise
from campaigns.catalogue.cache import Campaign, CatalogueCache
from campaigns.errors import CampaignClosed, FundingRefused
from campaigns.intake.like_state import Outcome
from campaigns.intake.queue import IntakeQueue
from campaigns.pledging import budget, pledge
from campaigns.pledging.budget import Closing, Funding
from campaigns.pledging.settle import settle_due_periods
from ledger.accounting.balances import CampaignBalances, campaign_balances
from ledger.money import MINOR_MAX
from promises import NOW, PSEUDONYM_KEY, SLUG, ensure_platform, fetch_rows, likes_body, promise, record, submission
from settlements import reopened_campaign
from sql import Connection, Pool

THE_END = datetime(2026, 11, 20, tzinfo=UTC)


async def create(pool: Pool, *changes: tuple[str, str]) -> Campaign:
    async with pool.acquire() as conn, conn.transaction():
        return (await apply_promise.apply_promise(conn, promise(*changes), NOW, pseudonym_key=PSEUDONYM_KEY)).campaign


async def fund(pool: Pool, campaign: Campaign, amount_minor: int, reference: str = "bank 1") -> Funding:
    async with pool.acquire() as conn, conn.transaction():
        return await budget.fund_budget(conn, campaign, amount_minor, reference)


async def close(pool: Pool, campaign: Campaign, now: datetime = NOW) -> Closing:
    async with pool.acquire() as conn, conn.transaction():
        return await budget.close_campaign(conn, campaign, now)


async def balances(pool: Pool, campaign: Campaign) -> CampaignBalances:
    async with pool.acquire() as conn:
        return await campaign_balances(conn, campaign.slug)


async def test_the_same_reference_again_changes_nothing(pool: Pool):
    campaign = await create(pool)
    assert await fund(pool, campaign, 700) == Funding(is_new=True, pledged_minor=0)
    assert await fund(pool, campaign, 700, " bank 1 ") == Funding(is_new=False, pledged_minor=0)
    assert await fund(pool, campaign, 700, "bank 2") == Funding(is_new=True, pledged_minor=0)
    assert (await balances(pool, campaign)).budget.minor == 1400


async def test_the_same_reference_with_another_amount_is_refused(pool: Pool):
    campaign = await create(pool)
    await fund(pool, campaign, 700)
    with pytest.raises(FundingRefused, match=r"^funding_reference_conflict") as refused:
        await fund(pool, campaign, 701)
    assert refused.value.params == {"reference": "bank 1", "amount_minor": 700, "amount_currency": "CNY"}
    assert (await balances(pool, campaign)).budget.minor == 700


async def test_a_reference_belongs_to_one_campaign(pool: Pool):
    first, second = await create(pool), await create(pool, (SLUG, "second"))
    await fund(pool, first, 700)
    assert (await fund(pool, second, 800)).is_new


INVALID_FUNDINGS = [
    (0, "a", "funding_amount_out_of_range"),
    (-1, "a", "funding_amount_out_of_range"),
    (MINOR_MAX + 1, "a", "funding_amount_out_of_range"),
    (1, "", "funding_reference_invalid"),
    (1, "  ", "funding_reference_invalid"),
    (1, "a\nb", "funding_reference_invalid"),
    (1, "a" * 201, "funding_reference_invalid"),
    (1, "\udc80", "funding_reference_invalid"),
]


async def test_an_invalid_amount_or_reference_is_refused(pool: Pool):
    campaign = await create(pool)
    for amount_minor, reference, code in INVALID_FUNDINGS:
        with pytest.raises(FundingRefused, match=rf"^{code}"):
            await fund(pool, campaign, amount_minor, reference)
    assert await fetch_rows(pool, "SELECT FROM transfers") == []


async def test_a_budget_stays_within_the_range_of_exact_integers(pool: Pool):
    campaign = await create(pool)
    await fund(pool, campaign, MINOR_MAX)
    with pytest.raises(FundingRefused, match=r"^funding_total_out_of_range"):
        await fund(pool, campaign, 1, "bank 2")


async def test_funding_pledges_the_amount_that_it_makes_due(pool: Pool):
    campaign = await create(pool)
    await record(pool, [likes_body(90)])
    assert (await fund(pool, campaign, 10, "a")).pledged_minor == 10
    assert (await fund(pool, campaign, 100, "b")).pledged_minor == 20
    assert (await balances(pool, campaign)).budget.minor == 80


async def test_one_funding_sent_many_times_at_once_is_taken_once(pool: Pool):
    campaign = await create(pool)
    done = await asyncio.gather(*(fund(pool, campaign, 700) for _ in range(8)))
    assert Counter(funding.is_new for funding in done) == {True: 1, False: 7}
    assert (await balances(pool, campaign)).budget.minor == 700


async def test_campaigns_are_funded_and_closed_at_once_without_a_deadlock(pool: Pool):
    campaigns = [await create(pool, (SLUG, f"c{n}")) for n in range(4)]
    funding = [fund(pool, c, 100, f"{n}") for n in range(4) for c in campaigns]
    closing = [close(pool, c) for c in campaigns]
    done = await asyncio.gather(*funding, *closing, return_exceptions=True)
    assert {type(result) for result in done} <= {Funding, Closing, CampaignClosed}
    for campaign in campaigns:
        assert (await balances(pool, campaign)).funded_minor == 0
    assert sum(row["balance_minor"] for row in await fetch_rows(pool, "SELECT balance_minor FROM accounts")) == 0


_NUMBERS = count()


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    fundings=st.lists(st.integers(1, 60), max_size=4),
    counted=st.integers(0, 150),
    counted_late=st.integers(0, 60),
    floor_minor=st.integers(0, 120),
)
async def test_closing_leaves_nothing_behind(
    pool: Pool, fundings: list[int], counted: int, counted_late: int, floor_minor: int
):
    slug = f"c{next(_NUMBERS)}"
    campaign = await create(pool, (SLUG, slug), ("floor_minor = 0", f"floor_minor = {floor_minor}"))
    await record(pool, [likes_body(counted, campaign=slug)])
    for number, amount_minor in enumerate(fundings):
        await fund(pool, campaign, amount_minor, str(number))
    await record(pool, [likes_body(counted_late, campaign=slug, first=counted)])
    done = await close(pool, campaign)
    funded_minor, earned_minor = sum(fundings), (counted + counted_late) // 3
    owed_minor = min(funded_minor, max(earned_minor, floor_minor))
    after = await balances(pool, campaign)
    assert (after.budget.minor, after.earned_minor) == (0, owed_minor)
    assert done.top_up_minor == owed_minor - min(funded_minor, earned_minor)
    assert done.returned_minor == funded_minor - owed_minor


async def test_closing_again_changes_nothing(pool: Pool):
    campaign = await create(pool, ("floor_minor = 0", "floor_minor = 50"))
    await fund(pool, campaign, 700)
    assert await close(pool, campaign) == Closing(
        is_new=True, closed_at=NOW, top_up_minor=50, returned_minor=650, pledged_minor=0
    )
    later = datetime(2027, 1, 1, tzinfo=UTC)
    assert await close(pool, campaign, later) == Closing(is_new=False, closed_at=NOW)
    references = [
        row["reference"] for row in await fetch_rows(pool, "SELECT reference FROM transfers ORDER BY recorded_at")
    ]
    assert references == ["bank 1", "floor of the promise", *["rest of the budget at the close"] * 2]
    assert [tuple(row) for row in await fetch_rows(pool, FUNDED)] == [(700, True), (50, False)]


FUNDED = """
SELECT t.amount_minor, EXISTS (SELECT FROM transfers c WHERE c.corrects = t.transfer_id) AS is_corrected
FROM transfers t WHERE t.step = 'fund' AND t.corrects IS NULL ORDER BY t.recorded_at"""


@pytest.mark.parametrize(
    ("voided", "floor_minor", "settles", "left_minor"),
    [
        ([30, 30, 30], 0, False, [90, 80, 70]),
        ([300], 0, False, [0]),
        ([90, 150], 60, False, [70, 60]),  # never below the floor of the promise
        ([90], 0, True, [100]),  # it is settled: an offset remains, and nothing returns
    ],
)
async def test_earnings_withdrawn_after_the_close_return_to_the_sponsor(
    pool: Pool, owner: Connection, voided: list[int], floor_minor: int, settles: bool, left_minor: list[int]
):
    campaign = await create(pool, ("floor_minor = 0", f"floor_minor = {floor_minor}"))
    await fund(pool, campaign, 700)
    await record(pool, [likes_body(300)])
    await close(pool, campaign)
    if settles:
        assert [s.total_minor for s in await settle_due_periods(pool, campaign, "schedule", THE_END)] == [100]
    withdrawn, left = 0, []
    for number in voided:
        await withdraw_likes(owner, pool, range(withdrawn, withdrawn + number))
        withdrawn += number
        await pledge.run_tick(pool, campaign)
        assert await pledge.run_tick(pool, campaign) == pledge.TickResult(batches=0, pledged_minor=0)
        after = await balances(pool, campaign)
        assert after.budget.minor == 0
        assert after.funded_minor == after.earned_minor
        left.append(after.earned_minor)
    assert left == left_minor
    world = await fetch_rows(pool, "SELECT balance_minor FROM accounts WHERE kind = 'world'")
    assert [row["balance_minor"] for row in world] == [-left[-1]]


async def withdraw_likes(owner: Connection, pool: Pool, people: range) -> None:
    """Record unlikes after the close, not folded yet."""
    unlikes = (
        likes_body(len(people), first=people.start).replace(b'"like"', b'"unlike"').replace(b":00:00Z", b":00:30Z")
    )
    async with reopened_campaign(owner):
        assert await record(pool, [unlikes]) == {"withdrawn": len(people)}


async def test_concurrent_closes_close_once(pool: Pool):
    campaign = await create(pool)
    await fund(pool, campaign, 700)
    done = await asyncio.gather(*(close(pool, campaign) for _ in range(6)))
    assert Counter(closing.is_new for closing in done) == {True: 1, False: 5}
    assert sum(closing.returned_minor for closing in done) == 700


async def test_a_closed_campaign_refuses_new_funding_and_still_knows_the_old(pool: Pool):
    campaign = await create(pool)
    await fund(pool, campaign, 700)
    await close(pool, campaign)
    with pytest.raises(CampaignClosed):
        await fund(pool, campaign, 700, "bank 2")
    assert not (await fund(pool, campaign, 700)).is_new


async def test_the_floor_stays_pledged_when_a_tick_folds_later_refusals(pool: Pool):
    campaign = await create(pool, ("floor_minor = 0", "floor_minor = 50"))
    await fund(pool, campaign, 700)
    await record(pool, [likes_body(30)])
    await close(pool, campaign)
    assert await record(pool, [likes_body(5, first=30)]) == {"not_running": 5}
    assert await pledge.run_tick(pool, campaign) == pledge.TickResult(batches=1, pledged_minor=0)
    assert (await balances(pool, campaign)).pledged.minor == 50


class NoObserver:
    """Ignores the measurements of intake."""

    def record_commit(self, outcomes: Counter[Outcome], deliveries: int, seconds: float) -> None:
        """Ignore a commit."""

    def record_retry(self, reason: str) -> None:
        """Ignore a retry."""


async def test_every_like_is_in_before_the_close_or_refused_by_it(pool: Pool):
    """Likes arrive while the campaign closes.

    Those answered as counted are pledged, later ones are not.
    """
    campaign, sender = await create(pool), await ensure_platform(pool)
    await fund(pool, campaign, 100_000)
    intake = IntakeQueue(pool, CatalogueCache(pool, PSEUDONYM_KEY), lambda: NOW, NoObserver())
    intake.start()
    counted, started = Counter[str](), asyncio.Event()

    async def send(first: int) -> None:
        while not counted["not_running"]:
            response = await intake.submit(submission(sender, likes_body(20, first=first)))
            assert isinstance(response, bytes)
            counted.update(orjson.loads(response)["outcomes"])
            first += 20
            started.set()

    sending = [asyncio.create_task(send(n * 1_000_000)) for n in range(4)]
    await started.wait()
    done = await close(pool, campaign)
    await asyncio.gather(*sending)
    await intake.stop()
    await pledge.run_tick(pool, campaign)
    after = await balances(pool, campaign)
    assert counted["counted"] > 0
    assert after.earned_minor == min(500, counted["counted"] // 3)
    assert done.returned_minor == 100_000 - after.earned_minor
    assert after.budget.minor == 0
