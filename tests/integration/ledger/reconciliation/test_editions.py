"""Which statements are imported, known, changed or skipped, on a real database."""

from dataclasses import replace
from decimal import Decimal

import pytest

from camt_documents import DAY, CamtDocument, Detail, Entry, Report, balance, money
from ledger.payouts.retry import retry_returned
from ledger.reconciliation.matching import MatchRule
from ledger.reconciliation.statements import StatementRefused
from ledger.reconciliation.statements.bank_file import parse_bank_file
from ledger.settlements.payout_steps import PayoutState
from payouts import AT, Bank, import_statement, payment_ids, send, sent_campaign, statement
from settlements import read_balances, read_settlements
from sql import Pool

PAGE_2 = "<StmtPgntn><PgNb>2</PgNb><LastPgInd>true</LastPgInd></StmtPgntn>"
SEQUENCE = "<ElctrncSeqNb>{}</ElctrncSeqNb>"


def debit(payment_id: str, amount: str, side: str = "DBIT", reference: str = "B1") -> Entry:
    detail = Detail(f"<EndToEndId>{payment_id}</EndToEndId>")
    return Entry(amount, side, (detail,), currency="CNY", reference=reference)


def report(*entries: Entry, currency: str = "CNY", **changes: str) -> Report:
    """Return the report of the payer's account in yuan, which adds up."""
    change = sum((Decimal(entry.amount) * (1 if entry.side == "CRDT" else -1) for entry in entries), Decimal(0))
    balances = balance("OPBD", "10.00", currency=currency) + balance("CLBD", f"{10 + change}", currency=currency)
    account = "<Othr><Id>622</Id></Othr>"
    made = Report(entries, balances, account=account, currency=f"<Ccy>{currency}</Ccy>")
    return replace(made, **changes)


def document(*reports: Report, kind: str = "053") -> bytes:
    return CamtDocument(reports, kind, "08").valid_body()


ANOTHER = [
    ("next year", {"created": "2027-12-01T22:00:00"}),
    ("the next number", {"head": SEQUENCE.format(8)}),
    (
        "the next page",
        {"head": f"<StmtPgntn><PgNb>2</PgNb><LastPgInd>true</LastPgInd></StmtPgntn>{SEQUENCE.format(7)}"},
    ),
]


@pytest.mark.parametrize("changes", [changes for _, changes in ANOTHER], ids=[name for name, _ in ANOTHER])
async def test_another_statement_with_the_same_id_is_imported(pool: Pool, changes: dict[str, str]):
    campaign, settlement = await sent_campaign(pool)
    first, second = payment_ids(settlement)
    head = {"head": SEQUENCE.format(7)} if "head" in changes else {}
    results = [
        await import_statement(pool, document(report(debit(first, "0.70"), **head))),
        await import_statement(pool, document(report(debit(second, "0.30"), **changes))),
    ]
    assert [(result.statements, result.payouts_paid) for result in results] == [(1, 1), (1, 1)]
    assert (await read_balances(pool, campaign)).paid.minor == 100


async def test_the_same_statement_fetched_again_is_known_and_a_changed_one_refused(pool: Pool):
    _, settlement = await sent_campaign(pool)
    ours = report(debit(payment_ids(settlement)[0], "0.70"))
    await import_statement(pool, document(ours))
    for created in ("2026-12-02T08:00:00", "2027-01-02T08:00:00"):
        result = await import_statement(pool, document(replace(ours, created=created)))
        assert (result.statements, result.duplicates, result.lines) == (0, 1, 0)
    with pytest.raises(StatementRefused, match=r"^statement_changed: statement=00001$"):
        await import_statement(pool, document(report(debit(payment_ids(settlement)[0], "0.71"))))


async def test_a_statement_of_an_older_release_is_known(pool: Pool):
    """Rows of older releases have no edition; the digest of the content tells them."""
    body = statement("S1", 1_000, (-70, "X-1", "B1", ""))
    (old,) = parse_bank_file(body).statements
    async with pool.acquire() as conn, conn.transaction():
        await conn.execute(
            """
            INSERT INTO statements (
                account, statement_id, currency, opening_minor, closing_minor, digest, evidence, imported_by,
                imported_at
            ) VALUES ('622', 'S1', 'CNY', 1000, 930, $1, $1, 'ann', now())
            """,
            old.digest,
        )
        await conn.execute(
            """
            INSERT INTO statement_lines (
                account, statement_id, number, amount_minor, is_credit, booked_on, description, matched_by
            ) VALUES ('622', 'S1', 1, 70, false, '2026-11-11', '', 'no_payout_matches')
            """
        )
    result = await import_statement(pool, body)
    assert (result.statements, result.duplicates) == (0, 1)
    assert (await import_statement(pool, body.replace(b"2026-11-11", b"2027-11-11"))).statements == 1


async def test_what_is_not_ours_is_skipped_counted_and_explained(pool: Pool):
    campaign, settlement = await sent_campaign(pool)
    first, _ = payment_ids(settlement)
    ours = report(debit(first, "0.70"))
    entries = *ours.entries, Entry("9.00", status="PDNG", currency="CNY"), Entry("1.00", currency="USD")
    other = replace(
        ours, account="<IBAN>DE50370400440000000001</IBAN>", balances=balance("OPBD", "1", currency="CNY")
    )
    dollars = report(currency="USD", statement_id="00002")
    result = await import_statement(pool, document(other, replace(ours, entries=entries), dollars), "622")
    assert (result.statements, result.lines, result.payouts_paid, result.unmatched) == (2, 1, 1, [])
    assert [skipped.code for skipped in result.skipped] == [
        "statement_of_other_account",
        "entry_not_booked",
        "entry_currency_differs",
    ]
    assert (await read_balances(pool, campaign)).paid.minor == 70


async def test_an_entry_without_a_date_has_the_day_of_the_closing_balance(pool: Pool):
    _, settlement = await sent_campaign(pool)
    fee = Entry("0.10", dates="", currency="CNY", reference="F1")
    result = await import_statement(pool, document(report(debit(payment_ids(settlement)[0], "0.70"), fee)))
    assert (result.payouts_paid, [m.line.booked_on.isoformat() for m in result.unmatched]) == (1, [DAY])


@pytest.mark.parametrize("kind", ["052", "054"])
async def test_a_report_pays_once_and_the_statement_repeats_it(pool: Pool, kind: str):
    campaign, settlement = await sent_campaign(pool)
    first, second = payment_ids(settlement)
    fee = Entry("0.10", currency="CNY", reference="F1")
    early = report(debit(first, "0.70"), fee)
    result = await import_statement(pool, document(early, kind=kind))
    assert (result.payouts_paid, result.lines, result.unmatched) == (1, 1, [])
    assert [skipped.code for skipped in result.skipped] == ["entry_awaits_statement"]
    both = report(*early.entries, debit(second, "0.30", reference="B2"))
    later = document(replace(both, created=f"{DAY}T23:00:00"), kind=kind)
    result = await import_statement(pool, later)
    assert (result.payouts_paid, result.lines_repeated) == (1, 1)
    result = await import_statement(pool, document(both))
    assert (result.payouts_paid, result.lines, result.lines_repeated) == (0, 3, 2)
    assert [match.rule for match in result.unmatched] == [MatchRule.NO_CANDIDATE]  # the fee, once
    assert (await import_statement(pool, later)).duplicates == 1
    assert (await read_balances(pool, campaign)).paid.minor == 100


async def test_a_second_debit_of_a_reported_payout_is_not_taken_for_its_repetition(pool: Pool):
    _, settlement = await sent_campaign(pool)
    first, _ = payment_ids(settlement)
    await import_statement(pool, document(report(debit(first, "0.70")), kind="052"))
    twice = report(debit(first, "0.70"), debit(first, "0.70", reference="B2"))
    result = await import_statement(pool, document(twice))
    assert (result.payouts_paid, result.lines_repeated) == (0, 1)
    assert [match.rule for match in result.unmatched] == [MatchRule.WRONG_STATE]


async def test_a_reported_return_comes_again_in_the_statement(pool: Pool):
    campaign, settlement = await sent_campaign(pool)
    first, _ = payment_ids(settlement)
    returned = replace(debit(first, "0.70", "CRDT", "B9"), is_reversal=True)
    await import_statement(pool, document(report(debit(first, "0.70"), returned), kind="052"))
    result = await import_statement(pool, document(report(debit(first, "0.70"), returned)))
    assert (result.payouts_returned, result.lines_repeated, result.unmatched) == (0, 2, [])
    (settlement,) = await read_settlements(pool, campaign)
    assert settlement.payouts[0].state is PayoutState.RETURNED


@pytest.mark.parametrize(("early_kind", "is_sum_first"), [("054", False), ("052", True)])
async def test_a_sum_and_its_transactions_are_the_same_booking(pool: Pool, early_kind: str, is_sum_first: bool):
    campaign, settlement = await sent_campaign(pool)
    first, second = payment_ids(settlement)
    message_id = settlement.payouts[0].latest_step.message_id
    batch = f"<Btch><MsgId>{message_id}</MsgId><PmtInfId>{message_id}</PmtInfId><NbOfTxs>2</NbOfTxs></Btch>"
    total = Entry("1.00", currency="CNY", batch=batch)
    details = tuple(Detail(f"<EndToEndId>{name}</EndToEndId>") for name in (first, second))
    amounts = ("0.70", "0.30")
    parts = tuple(
        replace(detail, amounts=f"<AmtDtls><TxAmt>{money(amount, 'CNY')}</TxAmt></AmtDtls>")
        for detail, amount in zip(details, amounts, strict=True)
    )
    single = Entry("1.00", details=parts, currency="CNY", batch=batch)
    entries = (total, single) if is_sum_first else (single, total)
    await import_statement(pool, document(report(entries[0]), kind=early_kind))
    assert (await read_balances(pool, campaign)).paid.minor == 100
    result = await import_statement(pool, document(report(entries[1])))
    assert (result.payouts_paid, result.unmatched) == (0, [])


async def test_a_reported_attempt_and_the_next_attempt_are_told_apart(pool: Pool):
    """The report pays and returns the first attempt; the statement has both and the second one."""
    campaign, settlement = await sent_campaign(pool)
    first, _ = payment_ids(settlement)
    returned = replace(debit(first, "0.70", "CRDT", "B9"), is_reversal=True)
    await import_statement(pool, document(report(debit(first, "0.70"), returned), kind="052"))
    payout = settlement.payouts[0]
    async with pool.acquire() as conn, conn.transaction():
        await retry_returned(conn, payout.payout_id, payout.latest_step.payee, "ann", AT)
    (settlement,) = await read_settlements(pool, campaign)
    settlement = await send(pool, Bank(), campaign, settlement)
    again, _ = payment_ids(settlement)
    assert again != first
    entries = debit(again, "0.70", reference="B3"), debit(first, "0.70"), returned
    result = await import_statement(pool, document(report(*entries)))
    assert (result.payouts_paid, result.lines_repeated, result.unmatched) == (1, 2, [])
    assert (await read_balances(pool, campaign)).paid.minor == 70
