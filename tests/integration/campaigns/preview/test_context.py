"""A preview against the engine: the same amounts are pledged, and settled to each charity."""

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


async def preview(
    pool: Pool, previewed: Promise, forecast: Mapping[str, Any], funded_minor: int | None = None, now: datetime = NOW
) -> PreviewResponse:
    request = build_request(previewed, funded_minor, dict(forecast))
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
    answer = await preview(pool, promise(*terms, *NEXT_YEAR), {"like_campaign": SLUG}, funded_minor)
    posted, paid = await read_balances(pool, campaign), dict[str, int]()
    for settlement in await read_settlements(pool, campaign):
        for payout in settlement.payouts:
            paid[payout.charity] = paid.get(payout.charity, 0) + payout.amount_minor
    assert posted.earned_minor > 0
    assert answer["money"]["pledged"]["minor"] == posted.earned_minor == posted.settled_minor
    assert {share["charity"]: share["amount"]["minor"] for share in answer["beneficiaries"]} == paid
    assert json.loads(json.dumps(answer)) == answer


async def test_new_terms_pledge_the_previewed_amount(pool: Pool):
    campaign = await create_campaign(pool, ONE_EACH, funded_minor=2_000)
    await record_likes(pool, campaign, {2: 100, 9: 11, 10: 5})
    changed = promise(
        ONE_EACH, ("amount_minor = 1", "amount_minor = 3"), ("daily_cap_minor = 500", "daily_cap_minor = 150")
    )
    answer = await preview(pool, changed, {"likes_per_day": 60})
    assert (answer["action"], answer["terms_version"], answer["from_day"]) == ("new_terms", 2, "2026-11-11")
    assert [day["likes"] for day in answer["days"]] == [0, 100, *[0] * 6, 11, *[60] * 21]
    assert answer["as_it_stands"] == {"pledged": {"minor": 1_371, "text": "13.71"}, "budget_ends_on": None}
    async with pool.acquire() as conn, conn.transaction():
        campaign = (await apply_promise.apply_promise(conn, changed, NOW, pseudonym_key=PSEUDONYM_KEY)).campaign
    await record_likes(pool, campaign, dict.fromkeys(range(10, 31), 60), LATER)
    assert answer["money"]["pledged"]["minor"] == (await read_balances(pool, campaign)).earned_minor == 2_000
    assert answer["budget_ends_on"] == "2026-11-23"  # 171 by the tenth, then 150 a day


async def test_an_unchanged_promise_is_previewed(pool: Pool):
    await create_campaign(pool, funded_minor=3_000)
    answer = await preview(pool, promise(), {"likes_per_day": 300}, now=NOW - timedelta(days=30))
    assert (answer["action"], answer["as_it_stands"], answer["notes"]) == ("nothing", None, [])
    assert (answer["money"]["funded"]["minor"], answer["money"]["pledged"]["minor"]) == (3_000, 3_000)
    assert answer["budget_ends_on"] == "2026-11-30"


async def test_a_preview_names_its_assumptions(pool: Pool):
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
        answer = await preview(pool, promise(*changes), forecast, 200_000)
        assert [note["name"] for note in answer["notes"]] == names
        assert all(note["text"].endswith(".") for note in answer["notes"])


async def test_a_preview_is_refused_with_path_and_code(pool: Pool):
    campaign = await create_campaign(pool, funded_minor=3_000)
    flat = {"likes_per_day": 1}
    other_floor = promise(("floor_minor = 0", "floor_minor = 1"))
    nobody = {"like_campaign": "nobody"}
    for previewed, forecast, funded_minor, path, code in (
        (promise(*NEXT_YEAR), flat, None, "funded_minor", "preview_needs_budget"),
        (promise(), flat, 2_999, "funded_minor", "budget_below_funded"),
        (promise(*NEXT_YEAR), nobody, 1, "forecast.like_campaign", "past_campaign_not_found"),
        (other_floor, flat, None, "campaign.floor_minor", "immutable_amount"),
    ):
        with pytest.raises(PromiseRefused) as refusal:
            await preview(pool, previewed, forecast, funded_minor)
        assert [(error.path, error.code) for error in refusal.value.field_errors] == [(path, code)]
    async with pool.acquire() as conn, conn.transaction():
        await budget.close_campaign(conn, campaign, NOW)
    with pytest.raises(CampaignClosed):
        await preview(pool, promise(), flat)


async def test_a_preview_of_the_longest_campaign_is_quick_and_complete(pool: Pool):
    longest = promise(*NEXT_YEAR[:2], ("ends_at = 2026-12-01", "ends_at = 2037-11-01"))
    points = [{"day": date(2027, 11, 1), "likes": 0}, {"day": date(2037, 10, 31), "likes": 10**12}]
    answer = await preview(pool, longest, {"curve": points, "fakes_bp": 300}, 10**15)
    assert len(answer["days"]) == 3_653
    assert answer["money"]["due"]["minor"] == 3_652 * 500  # no likes on the first day
    assert answer["likes"]["fakes"] * 10_000 - answer["likes"]["received"] * 300 < 10_000
