"""Entries of account reports: their lines, charges, directions and references, in every version."""

from datetime import date

import pytest

from camt_documents import DAY, VERSIONS, CamtDocument, Detail, Entry, Report, balance, has_own_amounts, money
from ledger.reconciliation.statements import BankFile, StatementLine
from ledger.reconciliation.statements.bank_file import parse_bank_file

MESSAGE, A, B = "STLAAAAAAAAAAAAAAAAAAAA-1", "PAYAAAAAAAAAAAAAAAAAAAA-1", "PAYBBBBBBBBBBBBBBBBBBBB-1"
BATCH = f"<Btch><MsgId>{MESSAGE}</MsgId><PmtInfId>{MESSAGE}</PmtInfId><NbOfTxs>2</NbOfTxs></Btch>"
OLD_CHARGES = f"<Chrgs>{money('0.50')}<CdtDbtInd>DBIT</CdtDbtInd></Chrgs>"

RETURN_FAMILY = "<Fmly><Cd>ICDT</Cd><SubFmlyCd>RRTN</SubFmlyCd></Fmly>"
OUTSIDE = "<ChrgInclInd>false</ChrgInclInd>"


def end_to_end(payment_id: str) -> str:
    return f"<EndToEndId>{payment_id}</EndToEndId>"


def charges(amount: str, is_included: str = "<ChrgInclInd>true</ChrgInclInd>", total: str = "") -> str:
    item = f"<Rcrd>{money(amount)}<CdtDbtInd>DBIT</CdtDbtInd>{is_included}</Rcrd>" if amount else ""
    return f"<Chrgs>{money(total, tag='TtlChrgsAndTaxAmt') if total else ''}{item}</Chrgs>"


def instructed_amount(amount: str, currency: str = "EUR") -> str:
    return f"<AmtDtls><InstdAmt>{money(amount, currency)}</InstdAmt></AmtDtls>"


def parse(*entries: Entry, version: str = "08", opening: str = "1000.00", closing: str = "") -> BankFile:
    """Return the content of a valid statement that adds up."""
    change = sum((1 if e.side == "CRDT" else -1) * int(e.amount.replace(".", "")) for e in entries)
    closing = closing or f"{(100_000 + change) // 100}.{(100_000 + change) % 100:02}"
    balances = balance("OPBD", opening) + balance("CLBD", closing)
    return parse_bank_file(CamtDocument((Report(entries, balances),), version=version).valid_body())


def lines_of(*entries: Entry, version: str = "08") -> tuple[StatementLine, ...]:
    (statement,) = parse(*entries, version=version).statements
    return statement.lines


def summary(line: StatementLine) -> tuple[str | None, int, int]:
    """Return the EndToEndId, the change of the balance and the charges of a line."""
    return line.end_to_end_id, line.signed_minor, line.charges_minor


@pytest.mark.parametrize("version", VERSIONS)
def test_a_transaction_of_every_version_is_read(version: str):
    detail = Detail(f"<MsgId>{MESSAGE}</MsgId><PmtInfId>{MESSAGE}</PmtInfId><InstrId>I1</InstrId>{end_to_end(A)}")
    (line,) = lines_of(Entry("24.50", details=(detail,)), version=version)
    assert line == StatementLine(
        number=1,
        amount_minor=2450,
        is_credit=False,
        booked_on=date.fromisoformat(DAY),
        end_to_end_id=A,
        bank_reference="B1",
        references=("B1", MESSAGE, "I1", A),
        message_id=MESSAGE,
        payment_information_id=MESSAGE,
    )


@pytest.mark.parametrize("version", VERSIONS)
def test_a_batch_of_every_version_becomes_its_transactions(version: str):
    details = Detail(end_to_end(A), "24.50"), Detail(end_to_end(B), "10.50")
    lines = lines_of(Entry("35.00", details=details, batch=BATCH), version=version)
    assert [summary(line) for line in lines] == [(A, -2450, 0), (B, -1050, 0)]
    assert [line.number for line in lines] == [1, 2]


@pytest.mark.parametrize("version", VERSIONS)
def test_a_sum_names_the_message_of_its_batch(version: str):
    (line,) = lines_of(Entry("35.00", batch=BATCH), version=version)
    assert (line.amount_minor, line.message_id, line.payment_information_id) == (3500, MESSAGE, MESSAGE)
    assert MESSAGE in line.references


def test_charges_of_the_oldest_version_are_split_off():
    detail = Detail(end_to_end(A), "24.50", charges=OLD_CHARGES)
    (line,) = lines_of(Entry("25.00", details=(detail,)), version="02")
    assert (summary(line), line.principal_minor) == ((A, -2500, 50), 2450)


SINGLE = [
    # the payment's amount is stated beside the entry's
    (Entry("25.00", details=(Detail(end_to_end(A), "24.50", charges=charges("0.50")),)), -2500, 50),
    (Entry("25.00", details=(Detail(end_to_end(A), "24.50"),)), -2500, 50),
    (Entry("25.00", details=(Detail(end_to_end(A), "25.00", amounts=instructed_amount("24.50")),)), -2500, 50),
    (Entry("25.00", details=(Detail(end_to_end(A)),), amounts=instructed_amount("24.50")), -2500, 50),
    # only the charge is stated
    (Entry("25.00", details=(Detail(end_to_end(A), charges=charges("0.50")),)), -2500, 50),
    (Entry("25.00", details=(Detail(end_to_end(A), charges=charges("", total="0.50")),)), -2500, 50),
    (Entry("25.00", details=(Detail(end_to_end(A)),), charges=charges("0.50")), -2500, 50),
    (Entry("25.00", details=(Detail(end_to_end(A)),), charges=charges("0.50", is_included="")), -2500, 50),
    # the charge is not in the amount
    (
        Entry("24.50", details=(Detail(end_to_end(A), charges=charges("0.50", "<ChrgInclInd>false</ChrgInclInd>")),)),
        -2450,
        0,
    ),
    # a return comes without the charge
    (Entry("24.00", "CRDT", details=(Detail(end_to_end(A), "24.50"),)), 2400, 50),
    (Entry("24.00", "CRDT", details=(Detail(end_to_end(A), "24.00", amounts=instructed_amount("24.50")),)), 2400, 50),
    (Entry("24.00", "CRDT", details=(Detail(end_to_end(A), charges=charges("0.50")),)), 2400, 50),
    # another currency says nothing of charges
    (Entry("24.50", details=(Detail(end_to_end(A), amounts=instructed_amount("30.00", "USD")),)), -2450, 0),
    # the payment cannot be larger than the debit
    (Entry("24.50", details=(Detail(end_to_end(A), "30.00"),)), -2450, 0),
    # so large a difference is no plausible charge, unless the bank states it
    (Entry("500.00", details=(Detail(end_to_end(A), "24.50"),)), -50000, 0),
    (Entry("49.00", details=(Detail(end_to_end(A), "24.50"),)), -4900, 0),
    (Entry("12.00", "CRDT", details=(Detail(end_to_end(A), "24.50"),)), 1200, 0),
    (Entry("55.00", details=(Detail(end_to_end(A), "24.50", charges=charges("30.50")),)), -5500, 3050),
    (Entry("4.50", "CRDT", details=(Detail(end_to_end(A), "24.50", charges=charges("20.00")),)), 450, 2000),
]


@pytest.mark.parametrize("version", ["04", "08", "13"])
@pytest.mark.parametrize(("entry", "signed_minor", "charges_minor"), SINGLE, ids=range(len(SINGLE)))
def test_the_charges_of_a_transaction_are_told(version: str, entry: Entry, signed_minor: int, charges_minor: int):
    (line,) = lines_of(entry, version=version)
    assert summary(line) == (A, signed_minor, charges_minor)
    assert line.principal_minor == abs(signed_minor) + (charges_minor if line.is_credit else -charges_minor)


DETAILS = Detail(end_to_end(A), "24.50"), Detail(end_to_end(B), "10.50")
BATCHES = [
    # the bank took its charge with the batch
    (Entry("35.30", details=DETAILS, batch=BATCH), [(A, -2450, 0), (B, -1050, 0), (None, -30, 30)]),
    (Entry("35.30", details=DETAILS), [(A, -2450, 0), (B, -1050, 0), (None, -30, 30)]),
    (Entry("34.70", "CRDT", details=DETAILS), [(A, 2450, 0), (B, 1050, 0), (None, -30, 30)]),
    # a transaction of the batch is missing
    (
        Entry("40.00", details=DETAILS, batch="<Btch><NbOfTxs>3</NbOfTxs></Btch>"),
        [(A, -2450, 0), (B, -1050, 0), (None, -500, 0)],
    ),
    # each transaction has its charge
    (
        Entry("36.00", details=tuple(Detail(d.refs, d.amount, charges=charges("0.50")) for d in DETAILS)),
        [(A, -2500, 50), (B, -1100, 50)],
    ),
    # a return within a batch of debits
    (Entry("14.00", details=(DETAILS[0], Detail(end_to_end(B), "10.50", "CRDT"))), [(A, -2450, 0), (B, 1050, 0)]),
    # more was paid than booked
    (Entry("34.00", details=DETAILS), [(None, -3400, 0)]),
    # the rest is no plausible charge
    (Entry("500.00", details=DETAILS), [(None, -50000, 0)]),
]


@pytest.mark.parametrize("version", ["08", "13"])
@pytest.mark.parametrize(("entry", "expected"), BATCHES, ids=range(len(BATCHES)))
def test_the_lines_of_a_batch_add_up_to_its_entry(version: str, entry: Entry, expected: list[object]):
    lines = lines_of(entry, version=version)
    assert [summary(line) for line in lines] == expected
    assert len(lines[-1].references) > 0


def test_transactions_without_amounts_leave_their_ids_to_the_sum():
    (line,) = lines_of(Entry("35.00", details=(Detail(end_to_end(A)), Detail(end_to_end(B)))), version="02")
    assert (line.end_to_end_id, line.amount_minor) == (None, 3500)
    assert {A, B} <= set(line.references)


CONTRADICTIONS = [
    Entry("24.50", details=(Detail(end_to_end(A), "24.50", "CRDT"),)),
    Entry("24.50", "CRDT", details=(Detail(end_to_end(A), "24.50", "DBIT"),)),
    Entry("35.00", details=(DETAILS[0], Detail(end_to_end(B), "10.50", "CRDT"))),
]


@pytest.mark.parametrize("version", [version for version in VERSIONS if has_own_amounts(version)])
@pytest.mark.parametrize("entry", CONTRADICTIONS, ids=range(len(CONTRADICTIONS)))
def test_a_transaction_of_the_other_direction_matches_nothing_and_is_reported(version: str, entry: Entry):
    file = parse(entry, version=version)
    (line,) = file.statements[0].lines
    assert (line.end_to_end_id, line.references, line.text, line.is_credit) == (None, (), "", entry.side == "CRDT")
    assert [skipped.code for skipped in file.skipped] == ["entry_direction_contradicts"]


ID_PLACES = [
    Detail(f"<InstrId>{A}</InstrId>{end_to_end('NOTPROVIDED')}"),
    Detail(f"{end_to_end('NOTPROVIDED')}<TxId>{A}</TxId>"),
    Detail(f"<PmtInfId>{A}</PmtInfId>"),
    Detail(f"<MsgId>{A}</MsgId>"),
    Detail(f"<ClrSysRef>{A}</ClrSysRef>"),
    Detail(f"<AcctSvcrRef>{A}</AcctSvcrRef>"),
    Detail(f"<Prtry><Tp>OTHR</Tp><Ref>{A}</Ref></Prtry>"),
    Detail(more=f"<RmtInf><Ustrd>EREF+{A}</Ustrd><Ustrd>SVWZ+thanks</Ustrd></RmtInf>"),
    Detail(more=f"<RmtInf><Ustrd>EREF+{A[:20]}</Ustrd><Ustrd>{A[20:]}</Ustrd></RmtInf>"),
    Detail(more=f"<RmtInf><Strd><CdtrRefInf><Ref>{A}</Ref></CdtrRefInf></Strd></RmtInf>"),
    Detail(more=f"<RmtInf><Strd><AddtlRmtInf>{A}</AddtlRmtInf></Strd></RmtInf>"),
    Detail(more=f"<AddtlTxInf>end to end {A.lower()}</AddtlTxInf>"),
]


@pytest.mark.parametrize("version", ["02", "04", "08", "13"])
@pytest.mark.parametrize("detail", ID_PLACES, ids=range(len(ID_PLACES)))
def test_our_id_is_found_wherever_a_bank_puts_it(version: str, detail: Detail):
    (line,) = lines_of(Entry("24.50", details=(detail,)), version=version)
    assert A in line.references
    assert line.end_to_end_id is None
    assert "NOTPROVIDED" not in line.references


@pytest.mark.parametrize("entry", [Entry("24.50", text=f"EREF+{A}"), Entry("24.50", reference=A)])
def test_our_id_is_found_in_the_entry_itself(entry: Entry):
    assert A in lines_of(entry)[0].references


def test_a_return_tells_its_code_apart_from_the_banks_words():
    returned = "<RtrInf><Rsn><Cd>AC04</Cd></Rsn><AddtlInf>holder deceased</AddtlInf></RtrInf>"
    (line,) = lines_of(Entry("24.50", "CRDT", details=(Detail(end_to_end(A), more=returned),)))
    assert (line.reason_code, line.reason_text, line.is_return) == ("AC04", "holder deceased", True)
    assert "deceased" not in line.text


@pytest.mark.parametrize(
    "entry",
    [
        Entry("24.50", "CRDT", is_reversal=True),
        Entry(
            "24.50", "CRDT", code="<Domn><Cd>PMNT</Cd><Fmly><Cd>ICDT</Cd><SubFmlyCd>RRTN</SubFmlyCd></Fmly></Domn>"
        ),
        Entry("24.50", "CRDT", code="<Prtry><Cd>NRTI</Cd></Prtry>"),
    ],
)
def test_a_reversal_is_a_return(entry: Entry):
    assert lines_of(entry)[0].is_return


DATES = [
    ("<ValDt><Dt>2026-11-30</Dt></ValDt>", "2026-11-30"),
    ("<BookgDt><DtTm>2026-11-30T23:30:00-05:00</DtTm></BookgDt>", "2026-11-30"),
    ("", DAY),  # the day of the closing balance
]


@pytest.mark.parametrize(("dates", "day"), DATES)
def test_an_entry_has_the_day_that_the_bank_states(dates: str, day: str):
    assert lines_of(Entry("24.50", dates=dates))[0].booked_on.isoformat() == day


@pytest.mark.parametrize("status", ["PDNG", "INFO", "FUTR"])
@pytest.mark.parametrize("version", VERSIONS)
def test_an_entry_that_is_not_booked_is_skipped_and_reported(version: str, status: str):
    if status == "FUTR" and version < "03":
        status = "INFO"
    file = parse(Entry("24.50"), version=version)
    more = CamtDocument((Report((Entry("24.50"), Entry("1.00", status=status))),), version=version)
    body = more.text.encode()
    assert parse_bank_file(body).statements == file.statements
    assert [str(skipped) for skipped in parse_bank_file(body).skipped] == [
        f"entry_not_booked: entry_number=2, status={status}"
    ]


def test_an_entry_in_another_currency_is_skipped_and_may_explain_the_balance():
    entries = Entry("24.50"), Entry("10.00", currency="USD")
    for closing in ("975.50", "966.20"):
        body = CamtDocument((Report(entries, balance("OPBD", "1000.00") + balance("CLBD", closing)),)).valid_body()
        file = parse_bank_file(body)
        (statement,) = file.statements
        assert [line.amount_minor for line in statement.lines] == [2450]
        assert [skipped.code for skipped in file.skipped] == ["entry_currency_differs"]
        assert statement.skipped_minor == round(float(closing) * 100) - 97_550


def test_an_entry_in_another_currency_with_its_value_is_a_line():
    value = f"<AmtDtls><CntrValAmt>{money('9.30')}</CntrValAmt></AmtDtls>"
    entry = Entry("10.00", currency="USD", amounts=value)
    body = CamtDocument((Report((entry,), balance("OPBD", "1000.00") + balance("CLBD", "990.70")),)).valid_body()
    assert [line.amount_minor for line in parse_bank_file(body).statements[0].lines] == [930]


@pytest.mark.parametrize("amount", ["24.505", "999999999999999.99"])
def test_an_amount_that_we_cannot_carry_is_skipped_and_reported(amount: str):
    body = CamtDocument((Report((Entry("24.50"), Entry(amount))),)).valid_body()
    file = parse_bank_file(body)
    assert [line.amount_minor for line in file.statements[0].lines] == [2450]
    assert len(file.skipped) == 1


@pytest.mark.parametrize("amount", ["+24.50", "024.50", "24.5", "24.50000", " 24.50 "])
def test_an_amount_in_any_form_of_the_schema_is_read(amount: str):
    body = CamtDocument((Report((Entry(amount),)),)).valid_body()
    assert parse_bank_file(body).statements[0].lines[0].amount_minor == 2450
