"""Lines that no rule can match: a person says which payout they are of, and money moves once, the statement's way."""

import asyncio
from datetime import UTC, date, datetime
from hashlib import sha256

import pytest

from campaigns.catalogue.cache import Campaign, CatalogueCache
from ledger.errors import SettlementRefused
from ledger.reconciliation import unmatched
from ledger.settlements.model import Settlement
from ledger.settlements.payout_steps import PayoutState
from ops.admin.core.command import CommandServices
from ops.jobs import Jobs
from ops.keys import Keys
from ops.metrics import Metrics
from ops.settings import Settings
from promises import PSEUDONYM_KEY
from settlements import read_balances, read_settlements
from sql import Pool
from tests.integration.ledger.payouts.test_sending import Crash
from tests.integration.ledger.reconciliation.test_reconcile import ids, one_sent, statement, take

NOW = datetime(2026, 11, 12, tzinfo=UTC)


async def said(
    pool: Pool, line_id: str, payout_id: str, reason: str = "the bank's letter of 12 November"
) -> Settlement:
    async with pool.acquire() as conn, conn.transaction():
        return await unmatched.match_manually(conn, line_id, payout_id, reason, "ann", NOW)


async def listed(pool: Pool) -> list[str]:
    async with pool.acquire() as conn:
        return [one["id"] for one in await unmatched.list_unmatched(conn)]


async def one_unmatched(pool: Pool, *rows: tuple[int, str, str, str]) -> tuple[Campaign, Settlement, list[str]]:
    """Send two payouts, of 70 and 30, and take a statement whose lines no rule matches."""
    campaign, envelope = await one_sent(pool)
    done = await take(pool, statement("S1", 1_000, *(rows or [(-70, "", "B1", "who knows")])))
    assert (done.payouts_paid, done.payouts_returned) == (0, 0)
    async with pool.acquire() as conn:
        lines = await unmatched.list_unmatched(conn)
    named = {sha256(f"622\x1fS1\x1f{one['line']}".encode()).hexdigest()[:16] for one in lines}
    assert {one["id"] for one in lines} == named
    return campaign, envelope, [one["id"] for one in sorted(lines, key=lambda one: one["line"])]


async def test_a_line_is_taken_as_the_payout_that_a_person_names(pool: Pool):
    campaign, envelope, (own,) = await one_unmatched(pool)
    payout = (await said(pool, own, envelope.payouts[0].payout_id)).payouts[0]
    assert (payout.state, payout.latest_step.bank_day, payout.latest_step.bank_reference) == (
        PayoutState.PAID,
        date(2026, 11, 11),
        "B1",
    )
    assert payout.latest_step.by == "ann"
    assert len(payout.evidence[-1]) == 64
    held = await read_balances(pool, campaign)
    assert (held.in_flight.minor, held.paid.minor) == (30, 70)
    assert await listed(pool) == []
    metrics = Metrics()
    office = CommandServices(pool, Keys(PSEUDONYM_KEY, b"w" * 32), Settings())
    await Jobs(pool, CatalogueCache(pool, PSEUDONYM_KEY), metrics, office).settle()
    assert metrics.registry.get_sample_value("like_ledger_statement_lines_unmatched") == 0


async def test_the_same_again_changes_nothing_and_another_payout_is_refused(pool: Pool):
    campaign, envelope, (own,) = await one_unmatched(pool)
    first, second = (payout.payout_id for payout in envelope.payouts)
    after = await said(pool, own, first)
    assert await said(pool, own, first, "in other words") == after
    with pytest.raises(SettlementRefused, match=f"is of {first} already"):
        await said(pool, own, second)
    assert (await read_balances(pool, campaign)).paid.minor == 70


async def test_two_who_say_it_at_once_move_the_money_once(pool: Pool):
    campaign, envelope, (own,) = await one_unmatched(pool)
    found = await asyncio.gather(*(said(pool, own, envelope.payouts[0].payout_id) for _ in range(4)))
    assert {one.payouts[0].state for one in found} == {PayoutState.PAID}
    assert (await read_balances(pool, campaign)).paid.minor == 70


async def test_money_that_came_back_goes_back_with_what_the_bank_said_of_it(pool: Pool):
    rows = (-70, "", "B1", "who knows"), (70, "", "B2", "account closed")
    campaign, envelope, (left, back) = await one_unmatched(pool, *rows)
    payout_id = envelope.payouts[0].payout_id
    await said(pool, left, payout_id)
    payout = (await said(pool, back, payout_id)).payouts[0]
    assert (payout.state, payout.latest_step.reason) == (PayoutState.RETURNED, "account closed")
    held = await read_balances(pool, campaign)
    assert (held.payable.minor, held.in_flight.minor, held.paid.minor) == (70, 30, 0)
    with pytest.raises(SettlementRefused, match="is returned: it cannot be what left the account"):
        await said(pool, await one_more(pool), payout_id)


async def one_more(pool: Pool) -> str:
    """Take another statement with a line of 70 that nothing matches; return the line's id."""
    known = set(await listed(pool))
    await take(pool, statement("S2", 1_000, (-70, "", "B3", "who knows")))
    (found,) = set(await listed(pool)) - known
    return found


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ((-71, "", "", "who knows"), "is of 71 minor units of CNY, .* of 70 minor units of CNY"),
        ((71, "", "", "who knows"), "is of 71 minor units"),
        ((-30, "", "", "who knows"), "is of 30 minor units"),
    ],
)
async def test_what_does_not_fit_is_refused_and_moves_nothing(pool: Pool, row: tuple[int, str, str, str], why: str):
    campaign, envelope, (own,) = await one_unmatched(pool, row)
    with pytest.raises(SettlementRefused, match=why):
        await said(pool, own, envelope.payouts[0].payout_id)
    assert (await read_balances(pool, campaign)).paid.minor == 0
    assert await listed(pool) == [own]


@pytest.mark.parametrize(
    ("line_id", "payout_id", "reason", "why"),
    [
        ("0123456789abcdef", "", "because", "there is no statement line"),
        ("", "pay_x", "because", "there is no payout"),
        ("", "", " ", "a reason is a text"),
        ("", "", "a\x00b", "a reason is a text"),
    ],
)
async def test_who_or_what_is_not_there_is_said(pool: Pool, line_id: str, payout_id: str, reason: str, why: str):
    _, envelope, (own,) = await one_unmatched(pool)
    with pytest.raises(SettlementRefused, match=why):
        await said(pool, line_id or own, payout_id or envelope.payouts[0].payout_id, reason)


async def test_a_line_that_a_rule_matched_is_nobodys_to_match(pool: Pool):
    campaign, envelope = await one_sent(pool)
    await take(pool, statement("S1", 1_000, (-70, ids(envelope)[0], "B1", "")))
    own = sha256(b"622\x1fS1\x1f1").hexdigest()[:16]
    with pytest.raises(SettlementRefused, match="there is no statement line"):
        await said(pool, own, envelope.payouts[0].payout_id)
    assert (await read_balances(pool, campaign)).paid.minor == 70


@pytest.mark.parametrize("lost", ["paid", "paid kept", "all kept"])
async def test_after_a_crash_the_same_word_again_makes_it_right(
    pool: Pool, monkeypatch: pytest.MonkeyPatch, lost: str
):
    campaign, envelope, (own,) = await one_unmatched(pool)
    payout_id, real = envelope.payouts[0].payout_id, unmatched.paid
    if lost == "all kept":
        await said(pool, own, payout_id)  # and the answer is lost
    else:

        async def crashes(*given: object) -> None:
            if lost == "paid kept":
                await real(*given)  # type: ignore[arg-type]
            raise Crash

        with monkeypatch.context() as broken:
            broken.setattr(unmatched, "paid", crashes)
            with pytest.raises(Crash):
                await said(pool, own, payout_id)
        assert await listed(pool) == [own]
    await said(pool, own, payout_id)
    assert (await read_balances(pool, campaign)).paid.minor == 70
    assert len((await read_settlements(pool, campaign))[0].payouts[0].steps) == 4
