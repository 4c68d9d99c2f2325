"""The campaign's page tells charities in words where their money is."""

import pytest

from campaigns.catalogue.cache import CatalogueCache
from campaigns.reporting.snapshot import read_snapshots
from ledger.settlements.payout_steps import ALLOWED_TRANSITIONS, PayoutState
from ops.http.web.payouts_view import build_payouts
from ops.i18n.language import TEXTS
from payouts import AT, FREE, ONE_EACH
from promises import NOW, PSEUDONYM_KEY
from settlements import create_campaign, pay_all, read_settlements, record_likes, settle_periods
from sql import Pool

CARRIES = ("[terms]", "[settlement]\nminimum_minor = 50\nthreshold_minor = 60\n[terms]")


async def read_rows(pool: Pool, language: str):
    (standing,) = await read_snapshots(pool, CatalogueCache(pool, PSEUDONYM_KEY), NOW)
    return build_payouts(standing, "zh" if language == "zh" else "en")


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", ["awaiting approval by 2 more people", "below the minimum; carried over to a later settlement"]),
        ("zh", ["还需 2 人批准", "低于最低金额，并入下次结算"]),
    ],
)
async def test_each_share_is_told_in_words(pool: Pool, language: str, words: list[str]):
    campaign = await create_campaign(pool, ONE_EACH, CARRIES)
    await record_likes(pool, campaign, {2: 100, 9: 5})
    assert (await read_rows(pool, language)).rows == []
    await settle_periods(pool, campaign, AT)
    rows = await read_rows(pool, language)
    assert [row.state_text for row in rows.rows] == words
    assert "2026-11-16" in rows.expected_text
    assert "0.05" in rows.expected_text


async def test_what_was_paid_shows_the_day_and_the_banks_reference(pool: Pool):
    campaign = await create_campaign(pool, ONE_EACH, FREE)
    await record_likes(pool, campaign, {2: 100})
    await settle_periods(pool, campaign, AT)
    (envelope,) = await read_settlements(pool, campaign)
    await pay_all(pool, campaign, envelope, "S1", NOW)
    rows = await read_rows(pool, "en")
    assert all(row.state_text.startswith("paid on") for row in rows.rows)
    assert rows.offset is None


def test_every_state_has_its_words():
    assert {f"payout_{state.value}" for state in PayoutState} <= TEXTS.keys()
    assert set(ALLOWED_TRANSITIONS) == {None, *PayoutState}
