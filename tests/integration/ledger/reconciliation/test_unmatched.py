"""Manual matches: a person names the payout of a line, and its money moves once."""

import asyncio
from datetime import UTC, date, datetime
from hashlib import sha256

import pytest

from campaigns.catalogue.cache import Campaign, CatalogueCache
from ledger.errors import SettlementRefused
from ledger.reconciliation import unmatched
from ledger.reconciliation.unmatched import LineParts
from ledger.settlements.model import Settlement
from ledger.settlements.payout_steps import PayoutState
from ops.admin.core.command import CommandServices
from ops.jobs import Jobs
from ops.keys import Keys
from ops.metrics import Metrics
from ops.settings import Settings
from payouts import Crash, import_statement, payment_ids, sent_campaign, statement
from promises import PSEUDONYM_KEY
from settlements import read_balances, read_settlements
from sql import Pool

NOW = datetime(2026, 11, 12, tzinfo=UTC)


async def match_line(
    pool: Pool, line_id: str, *payout_ids: str, reason: str = "the bank's letter of 12 November"
) -> LineParts:
    async with pool.acquire() as conn, conn.transaction():
        return await unmatched.match_manually(conn, line_id, payout_ids, reason, "ann", NOW)


async def unmatched_ids(pool: Pool) -> list[str]:
    async with pool.acquire() as conn:
        return [line["id"] for line in await unmatched.list_unmatched(conn)]


async def unmatched_campaign(pool: Pool, *rows: tuple[int, str, str, str]) -> tuple[Campaign, Settlement, list[str]]:
    """Send two payouts, of 70 and 30, and import a statement whose lines no rule matches."""
    campaign, settlement = await sent_campaign(pool)
    result = await import_statement(pool, statement("S1", 1_000, *(rows or [(-70, "", "B1", "who knows")])))
    assert (result.payouts_paid, result.payouts_returned) == (0, 0)
    async with pool.acquire() as conn:
        lines = await unmatched.list_unmatched(conn)
    ids = {sha256(f"622\x1fS1\x1f{line['edition']}\x1f{line['line']}".encode()).hexdigest()[:16] for line in lines}
    assert {line["id"] for line in lines} == ids
    return campaign, settlement, [line["id"] for line in sorted(lines, key=lambda line: line["line"])]


async def test_a_person_matches_a_line_to_a_payout(pool: Pool):
    campaign, settlement, (line_id,) = await unmatched_campaign(pool)
    assert await match_line(pool, line_id, settlement.payouts[0].payout_id) == LineParts(0, 0)
    payout = (await read_settlements(pool, campaign))[0].payouts[0]
    assert (payout.state, payout.latest_step.bank_day, payout.latest_step.bank_reference) == (
        PayoutState.PAID,
        date(2026, 11, 11),
        "B1",
    )
    assert payout.latest_step.by == "ann"
    assert len(payout.evidence[-1]) == 64
    balances = await read_balances(pool, campaign)
    assert (balances.in_flight.minor, balances.paid.minor) == (30, 70)
    assert await unmatched_ids(pool) == []
    metrics = Metrics()
    services = CommandServices(pool, Keys(PSEUDONYM_KEY, b"w" * 32), Settings())
    await Jobs(pool, CatalogueCache(pool, PSEUDONYM_KEY), metrics, services).settle()
    assert metrics.registry.get_sample_value("like_ledger_statement_lines_unmatched") == 0


async def test_the_same_again_changes_nothing_and_another_payout_is_refused(pool: Pool):
    campaign, settlement, (line_id,) = await unmatched_campaign(pool)
    first, second = (payout.payout_id for payout in settlement.payouts)
    after = await match_line(pool, line_id, first)
    assert await match_line(pool, line_id, first, reason="in other words") == after
    with pytest.raises(SettlementRefused, match=rf"^statement_line_already_matched: .*payout={first}$"):
        await match_line(pool, line_id, second)
    assert (await read_balances(pool, campaign)).paid.minor == 70


async def test_equal_matches_at_once_move_the_money_once(pool: Pool):
    campaign, settlement, (line_id,) = await unmatched_campaign(pool)
    await asyncio.gather(*(match_line(pool, line_id, settlement.payouts[0].payout_id) for _ in range(4)))
    assert await payout_states(pool, campaign) == [PayoutState.PAID, PayoutState.SENT]
    assert (await read_balances(pool, campaign)).paid.minor == 70


async def test_a_credit_matched_by_hand_returns_the_payout_with_the_banks_text(pool: Pool):
    rows = (-70, "", "B1", "who knows"), (70, "", "B2", "account closed")
    campaign, settlement, (debit_id, credit_id) = await unmatched_campaign(pool, *rows)
    payout_id = settlement.payouts[0].payout_id
    await match_line(pool, debit_id, payout_id)
    await match_line(pool, credit_id, payout_id)
    payout = (await read_settlements(pool, campaign))[0].payouts[0]
    assert (payout.state, payout.latest_step.reason) == (PayoutState.RETURNED, "account closed")
    balances = await read_balances(pool, campaign)
    assert (balances.payable.minor, balances.in_flight.minor, balances.paid.minor) == (70, 30, 0)
    with pytest.raises(SettlementRefused, match=r"^payout_cannot_have_returned: .*state=returned$"):
        await match_line(pool, await import_unmatched_line(pool, (70, "", "B3", "who knows")), payout_id)


async def import_unmatched_line(pool: Pool, row: tuple[int, str, str, str], statement_id: str = "S2") -> str:
    """Import another statement with a line that no rule matches; return its id."""
    before = set(await unmatched_ids(pool))
    await import_statement(pool, statement(statement_id, 1_000, row))
    (line_id,) = set(await unmatched_ids(pool)) - before
    return line_id


async def payout_states(pool: Pool, campaign: Campaign) -> list[PayoutState]:
    """Return the states of the payouts of the first settlement."""
    return [payout.state for payout in (await read_settlements(pool, campaign))[0].payouts]


@pytest.mark.parametrize(
    ("row", "difference_minor", "paid_minor"),
    [
        ((-71, "", "", "with the fee"), 1, 70),
        ((-69, "", "", "less the fee"), -1, 70),
        ((-30, "", "", "far less"), -40, 70),
        ((68, "", "", "came back less the fee"), 2, 0),
        ((71, "", "", "came back with interest"), -1, 0),
    ],
)
async def test_the_rest_of_a_line_is_a_difference_beside_the_payout(
    pool: Pool, row: tuple[int, str, str, str], difference_minor: int, paid_minor: int
):
    campaign, settlement, (line_id,) = await unmatched_campaign(pool, row)
    assert await match_line(pool, line_id, settlement.payouts[0].payout_id) == LineParts(0, difference_minor)
    balances = await read_balances(pool, campaign)
    assert (balances.paid.minor, balances.in_flight.minor, balances.settled_minor) == (paid_minor, 30, 100)
    payout = (await read_settlements(pool, campaign))[0].payouts[0]
    assert [(d.kind, d.amount_minor) for d in payout.differences] == [("difference", difference_minor)]
    assert await unmatched_ids(pool) == []


async def test_a_line_is_matched_to_several_payouts_at_once(pool: Pool):
    campaign, settlement, (line_id,) = await unmatched_campaign(pool, (-103, "", "", "all of it and a fee"))
    first, second = (payout.payout_id for payout in settlement.payouts)
    assert await match_line(pool, line_id, first, second) == LineParts(0, 3)
    assert await match_line(pool, line_id, second, first) == LineParts(0, 3), "again, in another order"
    assert await payout_states(pool, campaign) == [PayoutState.PAID, PayoutState.PAID]
    payouts = (await read_settlements(pool, campaign))[0].payouts
    assert [(p.differences[0].payouts_number, p.differences[0].amount_minor) for p in payouts] == [(2, 3), (2, 3)]
    assert sum(p.differences[0].is_first for p in payouts) == 1, "so that a table can add them up"
    with pytest.raises(SettlementRefused, match=r"^statement_line_already_matched"):
        await match_line(pool, line_id, first)


async def test_a_line_in_another_currency_is_refused(pool: Pool):
    campaign, settlement = await sent_campaign(pool)
    await import_statement(pool, statement("S1", 1_000, (-70, "", "B1", "")).replace(b"CNY", b"EUR"))
    (line_id,) = await unmatched_ids(pool)
    with pytest.raises(SettlementRefused, match=r"^statement_line_currency_differs"):
        await match_line(pool, line_id, settlement.payouts[0].payout_id)
    assert (await read_balances(pool, campaign)).paid.minor == 0


@pytest.mark.parametrize(
    ("line_id", "payout_id", "reason", "code"),
    [
        ("0123456789abcdef", "", "a letter", "statement_line_not_found"),
        ("", "pay_x", "a letter", "payout_not_found"),
        ("", "", " ", "reason_not_printable"),
        ("", "", "a\x00b", "reason_not_printable"),
    ],
)
async def test_an_unknown_line_or_payout_or_an_empty_reason_is_refused(
    pool: Pool, line_id: str, payout_id: str, reason: str, code: str
):
    _, settlement, (unmatched_id,) = await unmatched_campaign(pool)
    with pytest.raises(SettlementRefused) as refused:
        await match_line(pool, line_id or unmatched_id, payout_id or settlement.payouts[0].payout_id, reason=reason)
    assert refused.value.code == code


async def test_a_line_that_a_rule_matched_cannot_be_matched_by_hand(pool: Pool):
    campaign, settlement = await sent_campaign(pool)
    await import_statement(pool, statement("S1", 1_000, (-70, payment_ids(settlement)[0], "B1", "")))
    edition = await pool.fetchval("SELECT edition FROM statements")
    line_id = sha256(f"622\x1fS1\x1f{edition}\x1f1".encode()).hexdigest()[:16]
    with pytest.raises(SettlementRefused, match=r"^statement_line_already_matched"):
        await match_line(pool, line_id, settlement.payouts[0].payout_id)
    assert (await read_balances(pool, campaign)).paid.minor == 70


@pytest.mark.parametrize("lost", ["paid", "paid kept", "all kept"])
async def test_after_a_crash_the_same_match_again_completes_it(
    pool: Pool, monkeypatch: pytest.MonkeyPatch, lost: str
):
    campaign, settlement, (line_id,) = await unmatched_campaign(pool)
    payout_id, real = settlement.payouts[0].payout_id, unmatched.record_booking
    if lost == "all kept":
        await match_line(pool, line_id, payout_id)  # and the response is lost
    else:

        async def crash(*arguments: object) -> None:
            if lost == "paid kept":
                await real(*arguments)  # type: ignore[arg-type]
            raise Crash

        with monkeypatch.context() as broken:
            broken.setattr(unmatched, "record_booking", crash)
            with pytest.raises(Crash):
                await match_line(pool, line_id, payout_id)
        assert await unmatched_ids(pool) == [line_id]
    await match_line(pool, line_id, payout_id)
    assert (await read_balances(pool, campaign)).paid.minor == 70
    assert len((await read_settlements(pool, campaign))[0].payouts[0].steps) == 4
