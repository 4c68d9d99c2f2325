"""Reconciliation on a real database: a bank file moves money once, despite repeats and crashes."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from campaigns.catalogue.cache import Campaign
from ledger.payouts import sending
from ledger.payouts.channels.pain001 import Pain001Channel, Payer
from ledger.reconciliation import reconcile
from ledger.reconciliation.matching import MatchRule
from ledger.reconciliation.statements import StatementRefused
from ledger.settlements.payout_steps import PayoutState
from mock_bank import PAYER_BIC, PAYER_IBAN, MockBank, running_bank
from payouts import (
    AT,
    FREE,
    ONE_EACH,
    Bank,
    Crash,
    import_statement,
    payment_ids,
    send,
    sent_campaign,
    statement,
    visible_files,
)
from settlements import (
    create_campaign,
    read_balances,
    read_settlements,
    record_likes,
    settle_periods,
    settlement_states,
)
from sql import Pool


async def test_a_debit_marks_the_payout_paid_on_the_banks_date(pool: Pool):
    campaign, settlement = await sent_campaign(pool)
    first, second = payment_ids(settlement)
    result = await import_statement(pool, statement("S1", 1_000, (-70, first, "B1", ""), (-30, second, "B2", "")))
    assert (result.statements, result.payouts_paid, result.unmatched) == (1, 2, [])
    (settlement,) = await read_settlements(pool, campaign)
    assert await settlement_states(pool, campaign) == ["reconciled"]
    assert [(p.state, p.latest_step.bank_day, p.latest_step.bank_reference) for p in settlement.payouts] == [
        (PayoutState.PAID, date(2026, 11, 11), "B1"),
        (PayoutState.PAID, date(2026, 11, 11), "B2"),
    ]
    balances = await read_balances(pool, campaign)
    assert (balances.in_flight.minor, balances.paid.minor, balances.settled_minor) == (0, 100, 100)


async def test_a_repeated_statement_changes_nothing_and_a_changed_one_is_refused(pool: Pool):
    campaign, settlement = await sent_campaign(pool)
    body = statement("S1", 1_000, (-70, payment_ids(settlement)[0], "B1", ""))
    await import_statement(pool, body)
    before = await pool.fetch("SELECT * FROM payout_steps ORDER BY payout_id, number")
    result = await import_statement(pool, body)
    assert (result.statements, result.duplicates, result.payouts_paid) == (0, 1, 0)
    assert await pool.fetch("SELECT * FROM payout_steps ORDER BY payout_id, number") == before
    with pytest.raises(StatementRefused, match=r"^statement_changed: statement=S1$"):
        await import_statement(pool, statement("S1", 1_000, (-71, payment_ids(settlement)[0], "B1", "")))
    assert await settlement_states(pool, campaign) == ["sent"]


async def test_a_statement_that_does_not_add_up_leaves_no_trace(pool: Pool):
    campaign, settlement = await sent_campaign(pool)
    body = statement("S1", 1_000, (-70, payment_ids(settlement)[0], "B1", "")).replace(
        b"closing,2026-11-11,9.30", b"closing,2026-11-11,9.31"
    )
    with pytest.raises(StatementRefused, match=r"^statement_does_not_add_up"):
        await import_statement(pool, body)
    assert await pool.fetchval("SELECT count(*) FROM statements") == 0
    assert (await read_balances(pool, campaign)).paid.minor == 0


@pytest.mark.parametrize("is_combined", [True, False])
async def test_a_returned_payout_is_payable_again(pool: Pool, is_combined: bool):
    campaign, settlement = await sent_campaign(pool)
    first = payment_ids(settlement)[0]
    debit, credit = (-70, first, "B1", ""), (70, first, "B9", "")
    bodies = [statement("S1", 1_000, debit), statement("S2", 930, credit)]
    if is_combined:  # in one statement, the return first
        bodies = [statement("S1", 1_000, credit, debit)]
    assert [line for body in bodies for line in (await import_statement(pool, body)).unmatched] == []
    (settlement,) = await read_settlements(pool, campaign)
    assert [s.state for s in settlement.payouts[0].steps][-2:] == [PayoutState.PAID, PayoutState.RETURNED]
    balances = await read_balances(pool, campaign)
    assert (balances.payable.minor, balances.in_flight.minor, balances.paid.minor) == (70, 30, 0)
    assert sum(settlement.payout_counts.values()) == 2
    assert await settlement_states(pool, campaign) == ["sent"]


async def test_an_unmatched_line_is_listed_with_the_rule_and_moves_nothing(pool: Pool):
    campaign, settlement = await sent_campaign(pool)
    first, second = payment_ids(settlement)
    rows = [
        (-71, first, "", ""),
        (-70, "PAYNOBODYS-1", "", ""),
        (-5, "", "", "account fee"),
        (500, "", "", "the sponsor's money"),
        (-30, second, "", ""),
        (-30, second, "", "again"),
    ]
    result = await import_statement(pool, statement("S1", 1_000, *rows))
    assert sorted((m.line.number, m.rule) for m in result.unmatched) == [
        (1, MatchRule.WRONG_AMOUNT),
        (2, MatchRule.UNKNOWN_ID),
        (3, MatchRule.NO_CANDIDATE),
        (4, MatchRule.NO_CANDIDATE),
        (6, MatchRule.WRONG_STATE),  # paid twice by the bank: a person must look
    ]
    assert result.payouts_paid == 1
    balances = await read_balances(pool, campaign)
    assert (balances.in_flight.minor, balances.paid.minor) == (70, 30)
    assert await pool.fetchval("SELECT count(*) FROM statement_lines") == 6
    assert await pool.fetchval("SELECT count(*) FROM statement_line_payouts") == 1


async def test_a_statement_of_another_account_is_skipped_and_alone_refused(pool: Pool):
    """The charity's statement has our payout as a credit with the same id, which is no return."""
    campaign, settlement = await sent_campaign(pool)
    ours = statement("S1", 1_000, (-70, payment_ids(settlement)[0], "B1", ""))
    theirs = statement("S1", 0, (70, payment_ids(settlement)[0], "C1", "")).replace(b"622,", b"6230001,")
    with pytest.raises(StatementRefused, match=r"^statement_of_other_account: .*account_ending=0001$"):
        await import_statement(pool, theirs, " 622")
    assert await pool.fetchval("SELECT count(*) FROM statements") == 0
    result = await import_statement(pool, ours + b"\n" + theirs.split(b"\n", 1)[1], " 622")
    assert (result.statements, result.payouts_paid, result.payouts_returned) == (1, 1, 0)
    assert [skipped.code for skipped in result.skipped] == ["statement_of_other_account"]
    assert (await read_balances(pool, campaign)).paid.minor == 70


async def test_without_an_id_amount_and_reference_must_be_unique(pool: Pool):
    campaign, settlement = await sent_campaign(pool)
    result = await import_statement(
        pool, statement("S1", 1_000, (-70, "", "B1", "transfer rural-education 2026-11-09 thanks"))
    )
    assert (result.payouts_paid, result.unmatched) == (1, [])
    rule = await pool.fetchval("SELECT matched_by FROM statement_lines")
    assert rule == MatchRule.BY_AMOUNT_AND_REFERENCE.value
    assert settlement.payouts[0].amount_minor == 70
    assert (await read_balances(pool, campaign)).paid.minor == 70


async def test_two_payouts_of_the_same_amount_and_reference_are_not_guessed(pool: Pool):
    halves = ("share_bp = 7000", "share_bp = 5000"), ("share_bp = 3000", "share_bp = 5000")
    campaign = await create_campaign(pool, ONE_EACH, FREE, *halves)
    await record_likes(pool, campaign, {2: 100})
    await settle_periods(pool, campaign, AT)
    (settlement,) = await read_settlements(pool, campaign)
    await send(pool, Bank(), campaign, settlement)
    result = await import_statement(pool, statement("S1", 1_000, (-50, "", "", "rural-education 2026-11-09")))
    assert [m.rule for m in result.unmatched] == [MatchRule.AMBIGUOUS]


WRITES = ["_import_statement", "_import_line", "record_booking"]
LOST = [*WRITES, *(f"{write} kept" for write in WRITES), "all kept"]


@pytest.mark.parametrize("lost", LOST)
async def test_after_a_crash_at_any_write_a_repeated_import_completes_it(
    pool: Pool, monkeypatch: pytest.MonkeyPatch, lost: str
):
    """T5: every write once lost and once kept but reported as lost, and so the whole commit."""
    campaign, settlement = await sent_campaign(pool)
    first, second = payment_ids(settlement)
    body = statement("S1", 1_000, (-70, first, "B1", ""), (-30, second, "B2", ""), (30, second, "B3", ""))
    write, _, kept = lost.partition(" ")
    if write == "all":
        await import_statement(pool, body)  # and the response is lost
    else:
        real = getattr(reconcile, write)

        async def crash(*arguments: object) -> None:
            if kept:
                await real(*arguments)
            raise Crash

        with monkeypatch.context() as broken:
            broken.setattr(reconcile, write, crash)
            with pytest.raises(Crash):
                await import_statement(pool, body)
        assert (await read_balances(pool, campaign)).paid.minor == 0
    await import_statement(pool, body)
    balances = await read_balances(pool, campaign)
    assert (balances.payable.minor, balances.in_flight.minor, balances.paid.minor) == (30, 0, 70)
    assert await pool.fetchval("SELECT count(*) FROM statement_lines") == 3


@pytest.fixture
def counterparty() -> Iterator[MockBank]:
    """Yield a bank on the morning of the first period."""
    with running_bank("2026-11-09T09:00") as running:
        yield running


def euros(*ibans: str) -> list[tuple[str, str]]:
    """Return the changes that make the promise one in euros, to these accounts."""
    return [
        ('currency = "CNY"', 'currency = "EUR"'),
        ('{ scheme = "other", id = "6222020200112233445" }', f'{{ iban = "{ibans[0]}" }}'),
        ('{ iban = "GB82WEST12345698765432" }', f'{{ iban = "{ibans[1]}" }}'),
    ]


OUTSIDE, CLOSED = "DE89370400440532013000", "NL84MOCK0000000003"


async def to_bank(
    pool: Pool, tmp_path: Path, counterparty: MockBank, *ibans: str, comes_back: bool = False
) -> Campaign:
    """Settle, send, and hand the file to the bank, twice: it takes a message once."""
    campaign = await create_campaign(pool, ONE_EACH, FREE, *euros(*ibans))
    await record_likes(pool, campaign, {2: 100})
    await settle_periods(pool, campaign, AT)
    (settlement,) = await read_settlements(pool, campaign)
    channel = Pain001Channel(Payer("ACME Corporation", {"iban": PAYER_IBAN, "bic": PAYER_BIC}), tmp_path)
    if comes_back:
        parameters = {"days": 2, "end_to_end_id": payment_ids(settlement)[1]}
        counterparty.call("/_mock/accounts/ACME", {"behaviour": "return-later", "parameters": parameters}, "PATCH")
    await send(pool, channel, campaign, settlement)
    async with pool.acquire() as conn:
        (message,) = await sending.list_messages(conn, settlement.settlement_id)
    assert [path.name for path in visible_files(tmp_path)] == [f"{message.message_id}.xml"]
    for _ in range(2):
        counterparty.call("/payments", message.body)
    return campaign


async def test_a_settlement_goes_through_a_bank_and_comes_back_as_paid(
    pool: Pool, tmp_path: Path, counterparty: MockBank
):
    campaign = await to_bank(pool, tmp_path, counterparty, OUTSIDE, "FR1420041010050500013M02606")
    for report in counterparty.messages("pain.002"):
        await import_statement(pool, report)
    assert await settlement_states(pool, campaign) == ["sent"]
    counterparty.advance(2)
    results = [await import_statement(pool, body) for body in counterparty.statements()]
    assert sum(result.payouts_paid for result in results) == 2
    assert [line for result in results for line in result.unmatched] == []
    assert await settlement_states(pool, campaign) == ["reconciled"]
    assert len(counterparty.decisions()) == 2


async def test_a_closed_account_is_refused_and_its_money_is_payable_again(
    pool: Pool, tmp_path: Path, counterparty: MockBank
):
    campaign = await to_bank(pool, tmp_path, counterparty, OUTSIDE, CLOSED)
    for report in counterparty.messages("pain.002"):
        await import_statement(pool, report)
    (settlement,) = await read_settlements(pool, campaign)
    assert [p.state for p in settlement.payouts] == [PayoutState.SENT, PayoutState.RETURNED]
    assert (settlement.payouts[1].latest_step.reason or "").startswith("AC04")
    counterparty.advance(2)
    for body in counterparty.statements():
        await import_statement(pool, body)
    balances = await read_balances(pool, campaign)
    assert (balances.payable.minor, balances.in_flight.minor, balances.paid.minor) == (30, 0, 70)


async def test_an_account_that_returns_the_money_days_later(pool: Pool, tmp_path: Path, counterparty: MockBank):
    ibans = OUTSIDE, "FR1420041010050500013M02606"
    campaign = await to_bank(pool, tmp_path, counterparty, *ibans, comes_back=True)
    paid_minor = []
    for _ in range(8):
        counterparty.advance(1)
        for body in counterparty.statements():
            await import_statement(pool, body)
        paid_minor.append((await read_balances(pool, campaign)).paid.minor)
    assert paid_minor[-1] == 70
    assert 100 in paid_minor
    (settlement,) = await read_settlements(pool, campaign)
    assert [p.state for p in settlement.payouts] == [PayoutState.PAID, PayoutState.RETURNED]
    assert settlement.payouts[1].latest_step.reason == "AC04"
