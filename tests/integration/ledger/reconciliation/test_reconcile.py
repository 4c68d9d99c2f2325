"""Reconciling on a real database: what a bank says moves money once, however often, whatever is lost."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from bank import PAYER_BIC, PAYER_IBAN, MockBank, running_bank
from campaigns.catalogue.cache import Campaign
from campaigns.reporting.settlements import approval_rules
from ledger.payouts import sending
from ledger.payouts.channels.pain001 import Pain001Channel, Payer
from ledger.payouts.sending import end_to_end_id
from ledger.reconciliation import reconcile
from ledger.reconciliation.matching import MatchRule
from ledger.reconciliation.reconcile import ImportResult, import_file
from ledger.reconciliation.statements import StatementRefused
from ledger.reconciliation.statements.csv_table import COLUMNS
from ledger.settlements.model import Settlement
from ledger.settlements.payout_steps import PayoutState
from settlements import (
    create_campaign,
    read_balances,
    read_settlements,
    record_likes,
    settle_periods,
    settlement_states,
)
from sql import Pool
from tests.integration.ledger.payouts.test_sending import AT, FREE, ONE_EACH, Bank, Crash, one_settled, sent

NOW = datetime(2026, 11, 12, tzinfo=UTC)


def statement(statement_id: str, opening: int, *rows: tuple[int, str, str, str]) -> bytes:
    """Return a statement of rows (signed minor units, EndToEndId, the bank's reference, text)."""
    closing = opening + sum(minor for minor, *_ in rows)

    def row(kind: str, minor: int, own_id: str = "", reference: str = "", text: str = "") -> str:
        amount, side = f"{abs(minor) // 100}.{abs(minor) % 100:02}", "credit" if minor >= 0 else "debit"
        return f"622,{statement_id},{kind},2026-11-11,{amount},CNY,{side},{own_id},{reference},,{text}"

    lines = [",".join(COLUMNS), row("opening", opening), *(row("entry", *r) for r in rows), row("closing", closing)]
    return "\n".join(lines).encode()


async def take(pool: Pool, body: bytes, account: str | None = None) -> ImportResult:
    async with pool.acquire() as conn, conn.transaction():
        return await import_file(conn, body, "finance", NOW, account)


async def one_sent(pool: Pool) -> tuple[Campaign, Settlement]:
    campaign, envelope = await one_settled(pool)
    return campaign, await sent(pool, Bank(), campaign, envelope)


def ids(envelope: Settlement) -> list[str]:
    return [end_to_end_id(payout.payout_id, payout.latest_step.attempt) for payout in envelope.payouts]


async def test_what_left_the_account_is_paid_by_the_banks_own_date(pool: Pool):
    campaign, envelope = await one_sent(pool)
    first, second = ids(envelope)
    done = await take(pool, statement("S1", 1_000, (-70, first, "B1", ""), (-30, second, "B2", "")))
    assert (done.statements, done.payouts_paid, done.unmatched) == (1, 2, [])
    (envelope,) = await read_settlements(pool, campaign)
    assert await settlement_states(pool, campaign) == ["reconciled"]
    assert [(p.state, p.latest_step.bank_day, p.latest_step.bank_reference) for p in envelope.payouts] == [
        (PayoutState.PAID, date(2026, 11, 11), "B1"),
        (PayoutState.PAID, date(2026, 11, 11), "B2"),
    ]
    held = await read_balances(pool, campaign)
    assert (held.in_flight.minor, held.paid.minor, held.settled_minor) == (0, 100, 100)


async def test_the_same_statement_again_changes_nothing_and_another_under_its_name_is_refused(pool: Pool):
    campaign, envelope = await one_sent(pool)
    body = statement("S1", 1_000, (-70, ids(envelope)[0], "B1", ""))
    await take(pool, body)
    before = await pool.fetch("SELECT * FROM payout_steps ORDER BY payout_id, number")
    done = await take(pool, body)
    assert (done.statements, done.duplicates, done.payouts_paid) == (0, 1, 0)
    assert await pool.fetch("SELECT * FROM payout_steps ORDER BY payout_id, number") == before
    with pytest.raises(StatementRefused, match="was taken before and said something else"):
        await take(pool, statement("S1", 1_000, (-71, ids(envelope)[0], "B1", "")))
    assert await settlement_states(pool, campaign) == ["sent"]


async def test_a_statement_that_does_not_add_up_leaves_no_trace(pool: Pool):
    campaign, envelope = await one_sent(pool)
    body = statement("S1", 1_000, (-70, ids(envelope)[0], "B1", "")).replace(
        b"closing,2026-11-11,9.30", b"closing,2026-11-11,9.31"
    )
    with pytest.raises(StatementRefused, match="does not add up"):
        await take(pool, body)
    assert await pool.fetchval("SELECT count(*) FROM statements") == 0
    assert (await read_balances(pool, campaign)).paid.minor == 0


@pytest.mark.parametrize("together", [True, False])
async def test_money_that_comes_back_after_it_was_paid_is_payable_again(pool: Pool, together: bool):
    campaign, envelope = await one_sent(pool)
    first = ids(envelope)[0]
    left, back = (-70, first, "B1", ""), (70, first, "B9", "")
    said = [statement("S1", 1_000, left), statement("S2", 930, back)]
    if together:  # in one statement, the return first
        said = [statement("S1", 1_000, back, left)]
    assert [one for body in said for one in (await take(pool, body)).unmatched] == []
    (envelope,) = await read_settlements(pool, campaign)
    assert [s.state for s in envelope.payouts[0].steps][-2:] == [PayoutState.PAID, PayoutState.RETURNED]
    held = await read_balances(pool, campaign)
    assert (held.payable.minor, held.in_flight.minor, held.paid.minor) == (70, 30, 0)
    assert sum(envelope.payout_counts.values()) == 2
    assert await settlement_states(pool, campaign) == ["sent"]


async def test_what_cannot_be_matched_is_listed_with_the_reason_and_moves_nothing(pool: Pool):
    campaign, envelope = await one_sent(pool)
    first, second = ids(envelope)
    rows = [
        (-71, first, "", ""),
        (-70, "PAYNOBODYS-1", "", ""),
        (-5, "", "", "account fee"),
        (500, "", "", "the sponsor's money"),
        (-30, second, "", ""),
        (-30, second, "", "again"),
    ]
    done = await take(pool, statement("S1", 1_000, *rows))
    assert sorted((m.line.number, m.rule) for m in done.unmatched) == [
        (1, MatchRule.WRONG_AMOUNT),
        (2, MatchRule.UNKNOWN_ID),
        (3, MatchRule.NO_CANDIDATE),
        (4, MatchRule.NO_CANDIDATE),
        (6, MatchRule.WRONG_STATE),  # paid twice by the bank: a person must look at it
    ]
    assert done.payouts_paid == 1
    held = await read_balances(pool, campaign)
    assert (held.in_flight.minor, held.paid.minor) == (70, 30)
    assert await pool.fetchval("SELECT count(*) FROM statement_lines WHERE payout_id IS NULL") == 5


async def test_what_another_accounts_bank_says_is_refused_whole(pool: Pool):
    """To a charity's bank our money comes in, under the same id: it did not come back to us."""
    campaign, envelope = await one_sent(pool)
    ours = statement("S1", 1_000, (-70, ids(envelope)[0], "B1", ""))
    theirs = statement("S1", 0, (70, ids(envelope)[0], "C1", "")).replace(b"622,", b"6230001,")
    for wrong in (theirs, ours + b"\n" + theirs.split(b"\n", 1)[1]):
        with pytest.raises(StatementRefused, match="is of the account …0001: payouts leave another one"):
            await take(pool, wrong, " 622")
    assert await pool.fetchval("SELECT count(*) FROM statements") == 0
    assert (await take(pool, ours, " 622")).payouts_paid == 1
    assert (await read_balances(pool, campaign)).paid.minor == 70


async def test_without_an_id_amount_and_reference_decide_if_only_one_payout_has_them(pool: Pool):
    campaign, envelope = await one_sent(pool)
    done = await take(pool, statement("S1", 1_000, (-70, "", "B1", "transfer rural-education 2026-11-09 thanks")))
    assert (done.payouts_paid, done.unmatched) == (1, [])
    how = await pool.fetchval("SELECT matched_by FROM statement_lines")
    assert how == MatchRule.BY_AMOUNT_AND_REFERENCE.value
    assert envelope.payouts[0].amount_minor == 70
    assert (await read_balances(pool, campaign)).paid.minor == 70


async def test_two_payouts_of_the_same_amount_and_reference_are_not_guessed(pool: Pool):
    halves = ("share_bp = 7000", "share_bp = 5000"), ("share_bp = 3000", "share_bp = 5000")
    campaign = await create_campaign(pool, ONE_EACH, FREE, *halves)
    await record_likes(pool, campaign, {2: 100})
    await settle_periods(pool, campaign, AT)
    (envelope,) = await read_settlements(pool, campaign)
    await sent(pool, Bank(), campaign, envelope)
    done = await take(pool, statement("S1", 1_000, (-50, "", "", "rural-education 2026-11-09")))
    assert [m.rule for m in done.unmatched] == [MatchRule.AMBIGUOUS]


LOST = ["_take_statement", "_take_statement kept", "_take_line", "_take_line kept", "told", "told kept", "all kept"]


@pytest.mark.parametrize("lost", LOST)
async def test_after_a_crash_at_any_write_the_same_file_again_makes_it_right(
    pool: Pool, monkeypatch: pytest.MonkeyPatch, lost: str
):
    """T5: each write once lost, once done but reported lost; and all of it committed but reported lost."""
    campaign, envelope = await one_sent(pool)
    first, second = ids(envelope)
    body = statement("S1", 1_000, (-70, first, "B1", ""), (-30, second, "B2", ""), (30, second, "B3", ""))
    where, _, kept = lost.partition(" ")
    if where == "all":
        await take(pool, body)  # and the answer is lost
    else:
        real = getattr(reconcile, where)

        async def crashes(*given: object) -> None:
            if kept:
                await real(*given)
            raise Crash

        with monkeypatch.context() as broken:
            broken.setattr(reconcile, where, crashes)
            with pytest.raises(Crash):
                await take(pool, body)
        assert (await read_balances(pool, campaign)).paid.minor == 0
    await take(pool, body)
    held = await read_balances(pool, campaign)
    assert (held.payable.minor, held.in_flight.minor, held.paid.minor) == (30, 0, 70)
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


def in_folder(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if not path.name.startswith(".")]


async def to_bank(
    pool: Pool, tmp_path: Path, counterparty: MockBank, *ibans: str, comes_back: bool = False
) -> Campaign:
    """Settle, send, and hand the file to the bank, twice: it takes a message once."""
    campaign = await create_campaign(pool, ONE_EACH, FREE, *euros(*ibans))
    await record_likes(pool, campaign, {2: 100})
    await settle_periods(pool, campaign, AT)
    (envelope,) = await read_settlements(pool, campaign)
    channel = Pain001Channel(Payer("ACME Corporation", {"iban": PAYER_IBAN, "bic": PAYER_BIC}), tmp_path)
    if comes_back:
        which = {"days": 2, "end_to_end_id": ids(envelope)[1]}
        counterparty.call("/_mock/accounts/ACME", {"behaviour": "return-later", "parameters": which}, "PATCH")
    await sending.send_settlement(pool, channel, envelope.settlement_id, approval_rules(campaign), "finance", AT)
    async with pool.acquire() as conn:
        (message,) = await sending.list_messages(conn, envelope.settlement_id)
    assert [path.name for path in in_folder(tmp_path)] == [f"{message.message_id}.xml"]
    for _ in range(2):
        counterparty.call("/payments", message.body)
    return campaign


async def test_a_settlement_goes_through_a_bank_and_comes_back_as_paid(
    pool: Pool, tmp_path: Path, counterparty: MockBank
):
    campaign = await to_bank(pool, tmp_path, counterparty, OUTSIDE, "FR1420041010050500013M02606")
    for answer in counterparty.messages("pain.002"):
        await take(pool, answer)
    assert await settlement_states(pool, campaign) == ["sent"]
    counterparty.advance(2)
    taken = [await take(pool, body) for body in counterparty.statements()]
    assert (sum(done.payouts_paid for done in taken), sum(len(done.unmatched) for done in taken)) == (2, 0)
    assert await settlement_states(pool, campaign) == ["reconciled"]
    assert len(counterparty.decisions()) == 2


async def test_a_closed_account_is_refused_and_its_money_is_payable_again(
    pool: Pool, tmp_path: Path, counterparty: MockBank
):
    campaign = await to_bank(pool, tmp_path, counterparty, OUTSIDE, CLOSED)
    for answer in counterparty.messages("pain.002"):
        await take(pool, answer)
    (envelope,) = await read_settlements(pool, campaign)
    assert [p.state for p in envelope.payouts] == [PayoutState.SENT, PayoutState.RETURNED]
    assert (envelope.payouts[1].latest_step.reason or "").startswith("AC04")
    counterparty.advance(2)
    for body in counterparty.statements():
        await take(pool, body)
    held = await read_balances(pool, campaign)
    assert (held.payable.minor, held.in_flight.minor, held.paid.minor) == (30, 0, 70)


async def test_an_account_that_returns_the_money_days_later(pool: Pool, tmp_path: Path, counterparty: MockBank):
    others = OUTSIDE, "FR1420041010050500013M02606"
    campaign = await to_bank(pool, tmp_path, counterparty, *others, comes_back=True)
    seen = []
    for _ in range(8):
        counterparty.advance(1)
        for body in counterparty.statements():
            await take(pool, body)
        seen.append((await read_balances(pool, campaign)).paid.minor)
    assert seen[-1] == 70
    assert 100 in seen
    (envelope,) = await read_settlements(pool, campaign)
    assert [p.state for p in envelope.payouts] == [PayoutState.PAID, PayoutState.RETURNED]
    assert envelope.payouts[1].latest_step.reason == "AC04"
