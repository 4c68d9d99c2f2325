"""A preview against the engine itself: what it promises is what is posted, and what each charity is then settled."""

import json
import random
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from campaigns.catalogue import apply_promise
from campaigns.errors import CampaignClosed, PromiseRefused
from campaigns.pledging import budget
from campaigns.preview import response
from campaigns.preview.request import build_request
from campaigns.preview.response import PreviewResponse
from campaigns.promise.model import Promise
from promises import NOW, PSEUDONYM_KEY, SLUG, promise
from settlements import create_campaign, read_balances, read_settlements, record_likes, record_unlikes, settle_periods
from sql import Pool

ONE_EACH = ("per_likes = 3", "per_likes = 1")
NEXT_YEAR = (
    (f'slug = "{SLUG}"', 'slug = "next-year"'),
    ("starts_at = 2026-11-01", "starts_at = 2027-11-01"),
    ("ends_at = 2026-12-01", "ends_at = 2027-12-01"),
)
LATER = NOW + timedelta(days=60)


async def asked(
    pool: Pool, own: Promise, forecast: Mapping[str, Any], funded_minor: int | None = None, now: datetime = NOW
) -> PreviewResponse:
    request = build_request(own, funded_minor, dict(forecast))
    async with pool.acquire() as conn, conn.transaction(isolation="repeatable_read", readonly=True):
        return await response.preview_response(conn, request, now, pseudonym_key=PSEUDONYM_KEY)


@pytest.mark.parametrize("seed", range(4))
async def test_a_replay_of_real_counts_gives_what_the_engine_pledged_and_settled(pool: Pool, seed: int):
    chance = random.Random(seed)
    terms = (
        (
            "amount_minor = 1, per_likes = 3",
            f"amount_minor = {chance.randint(1, 9)}, per_likes = {chance.randint(1, 9)}",
        ),
        ("daily_cap_minor = 500", f"daily_cap_minor = {chance.randint(20, 200)}"),
        ("floor_minor = 0", f"floor_minor = {chance.choice((0, 400))}"),
    )
    funded_minor = chance.choice((150, 1_000, 5_000))
    campaign = await create_campaign(pool, *terms, funded_minor=funded_minor)
    await record_likes(
        pool, campaign, {day: chance.randint(1, 120) for day in range(1, 11) if chance.random() < 0.8}, NOW
    )
    await record_likes(pool, campaign, {10: 30}, NOW)
    await record_unlikes(pool, campaign, 10, range(chance.randint(1, 20)), NOW)
    async with pool.acquire() as conn, conn.transaction():
        await budget.close_campaign(conn, campaign, NOW)
    await settle_periods(pool, campaign, LATER)
    found = await asked(pool, promise(*terms, *NEXT_YEAR), {"like_campaign": SLUG}, funded_minor)
    posted, paid = await read_balances(pool, campaign), dict[str, int]()
    for envelope in await read_settlements(pool, campaign):
        for payout in envelope.payouts:
            paid[payout.charity] = paid.get(payout.charity, 0) + payout.amount_minor
    assert posted.earned_minor > 0
    assert found["money"]["pledged"]["minor"] == posted.earned_minor == posted.settled_minor
    assert {share["charity"]: share["amount"]["minor"] for share in found["beneficiaries"]} == paid
    assert json.loads(json.dumps(found)) == found


async def test_new_terms_come_to_what_was_foreseen(pool: Pool):
    campaign = await create_campaign(pool, ONE_EACH, funded_minor=2_000)
    await record_likes(pool, campaign, {2: 100, 9: 11, 10: 5})
    changed = promise(
        ONE_EACH, ("amount_minor = 1", "amount_minor = 3"), ("daily_cap_minor = 500", "daily_cap_minor = 150")
    )
    found = await asked(pool, changed, {"likes_per_day": 60})
    assert (found["action"], found["terms_version"], found["from_day"]) == ("new_terms", 2, "2026-11-11")
    assert [day["likes"] for day in found["days"]] == [0, 100, *[0] * 6, 11, *[60] * 21]
    assert found["as_it_stands"] == {"pledged": {"minor": 1_371, "text": "13.71"}, "budget_ends_on": None}
    async with pool.acquire() as conn, conn.transaction():
        campaign = (await apply_promise.apply_promise(conn, changed, NOW, pseudonym_key=PSEUDONYM_KEY)).campaign
    await record_likes(pool, campaign, dict.fromkeys(range(10, 31), 60), LATER)
    assert found["money"]["pledged"]["minor"] == (await read_balances(pool, campaign)).earned_minor == 2_000
    assert found["budget_ends_on"] == "2026-11-23"  # 171 by the tenth, then 150 a day


async def test_the_promise_that_stands_is_previewed_as_it_is(pool: Pool):
    await create_campaign(pool, funded_minor=3_000)
    found = await asked(pool, promise(), {"likes_per_day": 300}, now=NOW - timedelta(days=30))
    assert (found["action"], found["as_it_stands"], found["notes"]) == ("nothing", None, [])
    assert (found["money"]["funded"]["minor"], found["money"]["pledged"]["minor"]) == (3_000, 3_000)
    assert found["budget_ends_on"] == "2026-11-30"


async def test_what_a_preview_supposes_is_said(pool: Pool):
    campaign = await create_campaign(pool, ONE_EACH)
    await record_likes(pool, campaign, {2: 100, 9: 11})
    limited = ("daily_cap_minor = 500", "daily_cap_minor = 500\nlikes_per_person_per_day = 2")
    shorter = (*NEXT_YEAR[:2], ("ends_at = 2026-12-01", "ends_at = 2027-11-06"))
    longer = (*NEXT_YEAR[:2], ("ends_at = 2026-12-01", "ends_at = 2027-12-09"))
    like = {"like_campaign": SLUG}
    for changes, forecast, names in (
        (NEXT_YEAR, {"likes_per_day": 1}, []),
        (NEXT_YEAR, like, ["past_days"]),
        ((limited, *shorter), like, ["person_limit", "past_days", "past_days_left_out"]),
        (longer, like, ["past_days", "past_days_missing"]),
        ((ONE_EACH,), like, ["days_kept", "past_days"]),
    ):
        found = await asked(pool, promise(*changes), forecast, 200_000)
        assert [note["name"] for note in found["notes"]] == names
        assert all(note["text"].endswith(".") for note in found["notes"])


async def test_what_cannot_be_previewed_is_refused_by_its_path(pool: Pool):
    campaign = await create_campaign(pool, funded_minor=3_000)
    flat = {"likes_per_day": 1}
    for own, forecast, funded_minor, path in (
        (promise(*NEXT_YEAR), flat, None, "funded_minor"),
        (promise(), flat, 2_999, "funded_minor"),
        (promise(*NEXT_YEAR), {"like_campaign": "nobody"}, 1, "forecast.like_campaign"),
        (promise(("floor_minor = 0", "floor_minor = 1")), flat, None, "campaign.floor_minor"),
    ):
        with pytest.raises(PromiseRefused) as refused:
            await asked(pool, own, forecast, funded_minor)
        assert [fault.path for fault in refused.value.field_errors] == [path]
    async with pool.acquire() as conn, conn.transaction():
        await budget.close_campaign(conn, campaign, NOW)
    with pytest.raises(CampaignClosed):
        await asked(pool, promise(), flat)


async def test_a_preview_of_the_longest_campaign_is_quick_and_complete(pool: Pool):
    longest = promise(*NEXT_YEAR[:2], ("ends_at = 2026-12-01", "ends_at = 2037-11-01"))
    points = [{"day": date(2027, 11, 1), "likes": 0}, {"day": date(2037, 10, 31), "likes": 10**12}]
    found = await asked(pool, longest, {"curve": points, "fakes_bp": 300}, 10**15)
    assert len(found["days"]) == 3_653
    assert found["money"]["due"]["minor"] == 3_652 * 500  # all but the first day, on which nobody likes
    assert found["likes"]["fakes"] * 10_000 - found["likes"]["received"] * 300 < 10_000
