"""The sponsor's money: taken once for each reference, and given back to the last unit when the campaign closes."""

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


async def made(pool: Pool, *changes: tuple[str, str]) -> Campaign:
    async with pool.acquire() as conn, conn.transaction():
        return (await apply_promise.apply_promise(conn, promise(*changes), NOW, pseudonym_key=PSEUDONYM_KEY)).campaign


async def fund(pool: Pool, campaign: Campaign, amount_minor: int, reference: str = "bank 1") -> Funding:
    async with pool.acquire() as conn, conn.transaction():
        return await budget.fund_budget(conn, campaign, amount_minor, reference)


async def close(pool: Pool, campaign: Campaign, now: datetime = NOW) -> Closing:
    async with pool.acquire() as conn, conn.transaction():
        return await budget.close_campaign(conn, campaign, now)


async def line(pool: Pool, campaign: Campaign) -> CampaignBalances:
    async with pool.acquire() as conn:
        return await campaign_balances(conn, campaign.slug)


async def test_the_same_reference_again_changes_nothing(pool: Pool):
    campaign = await made(pool)
    assert await fund(pool, campaign, 700) == Funding(is_new=True, pledged_minor=0)
    assert await fund(pool, campaign, 700, " bank 1 ") == Funding(is_new=False, pledged_minor=0)
    assert await fund(pool, campaign, 700, "bank 2") == Funding(is_new=True, pledged_minor=0)
    assert (await line(pool, campaign)).budget.minor == 1400


async def test_the_same_reference_with_another_amount_is_refused(pool: Pool):
    campaign = await made(pool)
    await fund(pool, campaign, 700)
    with pytest.raises(FundingRefused, match="'bank 1' was used before, for 700 minor units"):
        await fund(pool, campaign, 701)
    assert (await line(pool, campaign)).budget.minor == 700


async def test_a_reference_is_a_campaign_s_own(pool: Pool):
    first, second = await made(pool), await made(pool, (SLUG, "second"))
    await fund(pool, first, 700)
    assert (await fund(pool, second, 800)).is_new


NO_FUNDING = [
    (0, "a"),
    (-1, "a"),
    (MINOR_MAX + 1, "a"),
    (1, ""),
    (1, "  "),
    (1, "a\nb"),
    (1, "a" * 201),
    (1, "\udc80"),
]


async def test_what_is_no_funding_is_refused(pool: Pool):
    campaign = await made(pool)
    for amount_minor, reference in NO_FUNDING:
        with pytest.raises(FundingRefused):
            await fund(pool, campaign, amount_minor, reference)
    assert await fetch_rows(pool, "SELECT FROM transfers") == []


async def test_a_budget_stays_within_what_every_reader_holds_exactly(pool: Pool):
    campaign = await made(pool)
    await fund(pool, campaign, MINOR_MAX)
    with pytest.raises(FundingRefused, match="out of range"):
        await fund(pool, campaign, 1, "bank 2")


async def test_funding_pledges_what_it_makes_due(pool: Pool):
    campaign = await made(pool)
    await record(pool, [likes_body(90)])
    assert (await fund(pool, campaign, 10, "a")).pledged_minor == 10
    assert (await fund(pool, campaign, 100, "b")).pledged_minor == 20
    assert (await line(pool, campaign)).budget.minor == 80


async def test_one_funding_sent_many_times_at_once_is_taken_once(pool: Pool):
    campaign = await made(pool)
    done = await asyncio.gather(*(fund(pool, campaign, 700) for _ in range(8)))
    assert Counter(funding.is_new for funding in done) == {True: 1, False: 7}
    assert (await line(pool, campaign)).budget.minor == 700


async def test_campaigns_are_funded_and_closed_at_once_without_waiting_in_a_circle(pool: Pool):
    campaigns = [await made(pool, (SLUG, f"c{n}")) for n in range(4)]
    funding = [fund(pool, c, 100, f"{n}") for n in range(4) for c in campaigns]
    closing = [close(pool, c) for c in campaigns]
    done = await asyncio.gather(*funding, *closing, return_exceptions=True)
    assert {type(one) for one in done} <= {Funding, Closing, CampaignClosed}
    for campaign in campaigns:
        assert (await line(pool, campaign)).funded_minor == 0
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
    campaign = await made(pool, (SLUG, slug), ("floor_minor = 0", f"floor_minor = {floor_minor}"))
    await record(pool, [likes_body(counted, campaign=slug)])
    for number, amount_minor in enumerate(fundings):
        await fund(pool, campaign, amount_minor, str(number))
    await record(pool, [likes_body(counted_late, campaign=slug, first=counted)])
    done = await close(pool, campaign)
    funded_minor, earned_minor = sum(fundings), (counted + counted_late) // 3
    owed_minor = min(funded_minor, max(earned_minor, floor_minor))
    held = await line(pool, campaign)
    assert (held.budget.minor, held.earned_minor) == (0, owed_minor)
    assert done.top_up_minor == owed_minor - min(funded_minor, earned_minor)
    assert done.returned_minor == funded_minor - owed_minor


async def test_closing_again_changes_nothing(pool: Pool):
    campaign = await made(pool, ("floor_minor = 0", "floor_minor = 50"))
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
        ([90, 150], 60, False, [70, 60]),  # never below what was promised at least
        ([90], 0, True, [100]),  # it is settled: an offset remains, and nothing comes back
    ],
)
async def test_what_is_earned_no_more_after_the_close_goes_back_to_the_sponsor(
    pool: Pool, owner: Connection, voided: list[int], floor_minor: int, settles: bool, left_minor: list[int]
):
    campaign = await made(pool, ("floor_minor = 0", f"floor_minor = {floor_minor}"))
    await fund(pool, campaign, 700)
    await record(pool, [likes_body(300)])
    await close(pool, campaign)
    if settles:
        assert [s.total_minor for s in await settle_due_periods(pool, campaign, "schedule", THE_END)] == [100]
    gone, left = 0, []
    for number in voided:
        await found_fake(owner, pool, range(gone, gone + number))
        gone += number
        await pledge.run_tick(pool, campaign)
        assert await pledge.run_tick(pool, campaign) == pledge.TickResult(batches=0, pledged_minor=0)
        held = await line(pool, campaign)
        assert held.budget.minor == 0
        assert held.funded_minor == held.earned_minor
        left.append(held.earned_minor)
    assert left == left_minor
    world = await fetch_rows(pool, "SELECT balance_minor FROM accounts WHERE kind = 'world'")
    assert [row["balance_minor"] for row in world] == [-left[-1]]


async def found_fake(owner: Connection, pool: Pool, people: range) -> None:
    """Let likes count no more, recorded but not folded yet."""
    taken_back = (
        likes_body(len(people), first=people.start).replace(b'"like"', b'"unlike"').replace(b":00:00Z", b":00:30Z")
    )
    async with reopened_campaign(owner):
        assert await record(pool, [taken_back]) == {"withdrawn": len(people)}


async def test_many_that_close_at_once_close_once(pool: Pool):
    campaign = await made(pool)
    await fund(pool, campaign, 700)
    done = await asyncio.gather(*(close(pool, campaign) for _ in range(6)))
    assert Counter(closing.is_new for closing in done) == {True: 1, False: 5}
    assert sum(closing.returned_minor for closing in done) == 700


async def test_a_closed_campaign_takes_no_money_but_knows_what_it_took(pool: Pool):
    campaign = await made(pool)
    await fund(pool, campaign, 700)
    await close(pool, campaign)
    with pytest.raises(CampaignClosed):
        await fund(pool, campaign, 700, "bank 2")
    assert not (await fund(pool, campaign, 700)).is_new


async def test_the_floor_stays_pledged_when_a_tick_folds_what_was_refused_later(pool: Pool):
    campaign = await made(pool, ("floor_minor = 0", "floor_minor = 50"))
    await fund(pool, campaign, 700)
    await record(pool, [likes_body(30)])
    await close(pool, campaign)
    assert await record(pool, [likes_body(5, first=30)]) == {"not_running": 5}
    assert await pledge.run_tick(pool, campaign) == pledge.TickResult(batches=1, pledged_minor=0)
    assert (await line(pool, campaign)).pledged.minor == 50


class Unheard:
    """Listens to intake and tells nobody."""

    def committed(self, outcomes: Counter[Outcome], deliveries: int, seconds: float) -> None:
        """Keep silent."""

    def tried_again(self, reason: str) -> None:
        """Keep silent."""


async def test_every_like_is_in_before_the_close_or_refused_by_it(pool: Pool):
    """Likes come in while the campaign closes: what was answered as counted is pledged, what comes after is not."""
    campaign, sender = await made(pool), await ensure_platform(pool)
    await fund(pool, campaign, 100_000)
    intake = IntakeQueue(pool, CatalogueCache(pool, PSEUDONYM_KEY), lambda: NOW, Unheard())
    intake.start()
    counted, begun = Counter[str](), asyncio.Event()

    async def send(first: int) -> None:
        while not counted["not_running"]:
            answered = await intake.submit(submission(sender, likes_body(20, first=first)))
            assert isinstance(answered, bytes)
            counted.update(orjson.loads(answered)["outcomes"])
            first += 20
            begun.set()

    sending = [asyncio.create_task(send(n * 1_000_000)) for n in range(4)]
    await begun.wait()
    done = await close(pool, campaign)
    await asyncio.gather(*sending)
    await intake.stop()
    await pledge.run_tick(pool, campaign)
    held = await line(pool, campaign)
    assert counted["counted"] > 0
    assert held.earned_minor == min(500, counted["counted"] // 3)
    assert done.returned_minor == 100_000 - held.earned_minor
    assert held.budget.minor == 0
