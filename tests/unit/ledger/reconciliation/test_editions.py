"""Statements: what tells them apart, which balances they join, and what of a file is ours."""

from dataclasses import replace

import pytest

from camt_documents import IBAN, VERSIONS, CamtDocument, Entry, Report, balance
from ledger.reconciliation.statements import DocumentKind, Statement, StatementRefused
from ledger.reconciliation.statements.bank_file import parse_bank_file

PAID = Report((Entry("24.50"),))
FIRST_PAGE = "<StmtPgntn><PgNb>1</PgNb><LastPgInd>false</LastPgInd></StmtPgntn>"
LAST_PAGE = "<StmtPgntn><PgNb>2</PgNb><LastPgInd>true</LastPgInd></StmtPgntn>"


def parse_one(report: Report, **options: str) -> Statement:
    (statement,) = parse_bank_file(CamtDocument((report,), **options).valid_body()).statements
    return statement


def period(first: str, last: str) -> str:
    return f"<FrToDt><FrDtTm>{first}T00:00:00</FrDtTm><ToDtTm>{last}T23:59:59</ToDtTm></FrToDt>"


SEQUENCE_5, SEQUENCE_6 = "<ElctrncSeqNb>5</ElctrncSeqNb>", "<ElctrncSeqNb>6</ElctrncSeqNb>"
OTHERS = {
    "the next day": replace(
        PAID, balances=balance("OPBD", "1000", "2026-12-02") + balance("CLBD", "975.50", "2026-12-02")
    ),
    "created next year": replace(PAID, created="2027-12-01T22:00:00"),
    "a number": replace(PAID, head=SEQUENCE_5),
    "another number": replace(PAID, head=SEQUENCE_6),
    "a legal number": replace(PAID, head="<LglSeqNb>7</LglSeqNb>"),
    "a period": replace(PAID, period=period("2026-12-01", "2026-12-31")),
    "another period": replace(PAID, period=period("2027-12-01", "2027-12-31")),
    "the first page": replace(PAID, head=FIRST_PAGE),
    "the last page": replace(PAID, head=LAST_PAGE),
}


def test_statements_of_one_id_are_told_apart():
    statements = [parse_one(report) for report in (PAID, *OTHERS.values())]
    assert {statement.statement_id for statement in statements} == {"00001"}
    assert len({statement.edition for statement in statements}) == len(statements)
    assert parse_one(replace(PAID, head=SEQUENCE_5, period=period("2026-12-01", "2026-12-31"))).edition == (
        "EUR 2026-12-01/2026-12-31 no.5"
    )


def test_another_currency_is_another_statement():
    dollars = Report(
        (Entry("24.50", currency="USD"),),
        balance("OPBD", "1000.00", currency="USD") + balance("CLBD", "975.50", currency="USD"),
        currency="<Ccy>USD</Ccy>",
    )
    first, second = parse_bank_file(CamtDocument((PAID, dollars)).valid_body()).statements
    assert (first.currency, second.currency) == ("EUR", "USD")
    assert first.edition != second.edition


@pytest.mark.parametrize("report", [PAID, *OTHERS.values()], ids=["plain", *OTHERS])
def test_a_statement_fetched_again_is_the_same(report: Report):
    again = replace(report, created=f"{report.created[:4]}-12-05T08:00:00")
    assert (parse_one(again).edition, parse_one(again).digest) == (
        parse_one(report).edition,
        parse_one(report).digest,
    )


@pytest.mark.parametrize("version", VERSIONS)
def test_every_version_gives_the_same_statement(version: str):
    report = replace(PAID, head=SEQUENCE_5, period=period("2026-12-01", "2026-12-01"))
    assert parse_one(report, version=version) == parse_one(report)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(("kind", "expected"), [("052", DocumentKind.REPORT), ("054", DocumentKind.NOTIFICATION)])
def test_reports_and_notifications_are_read_without_balances(version: str, kind: str, expected: DocumentKind):
    statement = parse_one(PAID, kind=kind, version=version)
    assert (statement.kind, statement.opening_minor, statement.closing_minor) == (expected, None, None)
    assert [line.amount_minor for line in statement.lines] == [2450]
    assert statement.edition.startswith(f"{expected.value} EUR 2026-12-01T22:00:00")


def test_reports_of_a_running_day_are_told_apart():
    day = replace(PAID, period=period("2026-12-01", "2026-12-01"))
    later = replace(day, entries=(Entry("24.50"), Entry("1.00")), created="2026-12-01T23:00:00")
    first, second = (parse_one(report, kind="052") for report in (day, later))
    assert first.edition != second.edition
    assert first.digest != replace(first, kind=DocumentKind.STATEMENT).digest


ADD_UP = {
    "several days": [("OPBD", 500, 1), ("CLBD", 500, 1), ("OPBD", 500, 2), ("CLBD", 475.5, 2)],
    "several days, the newest first": [("OPBD", 500, 2), ("CLBD", 475.5, 2), ("OPBD", 500, 1), ("CLBD", 500, 1)],
    "the previous closing": [("PRCD", 500, 1), ("CLBD", 475.5, 2)],
    "other kinds beside": [
        ("OPBD", 500, 1), ("CLBD", 475.5, 1), ("CLAV", 100, 1), ("OPAV", 90, 1), ("FWAV", 80, 2), ("ITAV", 7, 1),
    ],
    "intermediate ones beside": [("OPBD", 500, 1), ("ITBD", 490, 1), ("ITBD", 480, 1), ("CLBD", 475.5, 1)],
    "a page that ends amidst": [("OPBD", 500, 1), ("ITBD", 475.5, 1)],
    "a page that begins amidst": [("ITBD", 500, 1), ("CLBD", 475.5, 1)],
    "a page amidst": [("ITBD", 500, 1), ("ITBD", 475.5, 1)],
    "the old closing of the day before too": [("PRCD", 400, 1), ("OPBD", 500, 2), ("CLBD", 475.5, 2)],
}  # fmt: skip


@pytest.mark.parametrize("kinds", ADD_UP.values(), ids=ADD_UP)
def test_a_statement_adds_up_between_its_first_and_last_balance(kinds: list[tuple[str, float, int]]):
    balances = "".join(balance(kind, f"{amount:.2f}", f"2026-12-0{day}") for kind, amount, day in kinds)
    statement = parse_one(replace(PAID, balances=balances))
    assert (statement.opening_minor, statement.closing_minor) == (50_000, 47_550)


def test_an_overdrawn_account_adds_up():
    balances = balance("OPBD", "10.00") + balance("CLBD", "14.50", side="DBIT")
    assert parse_one(replace(PAID, balances=balances)).closing_minor == -1450


def test_a_balance_in_another_currency_is_left_out():
    balances = balance("OPBD", "1", currency="USD") + PAID.balances + balance("CLBD", "2", currency="USD")
    assert parse_one(replace(PAID, balances=balances)).closing_minor == 97_550


@pytest.mark.parametrize(("kind", "missing"), [("OPBD", "CLBD"), ("CLBD", "OPBD")])
def test_a_statement_with_one_balance_is_read_and_reported(kind: str, missing: str):
    file = parse_bank_file(CamtDocument((replace(PAID, balances=balance(kind, "975.50")),)).valid_body())
    assert [str(skipped) for skipped in file.skipped] == [
        f"statement_balance_missing: statement=00001, kind={missing}"
    ]
    assert len(file.statements[0].lines) == 1


@pytest.mark.parametrize("head", [FIRST_PAGE, LAST_PAGE])
def test_a_page_with_the_balances_of_all_pages_is_read_and_reported(head: str):
    balances = balance("OPBD", "1000.00") + balance("CLBD", "1.00")
    file = parse_bank_file(CamtDocument((replace(PAID, head=head, balances=balances),)).valid_body())
    assert [skipped.code for skipped in file.skipped] == ["statement_page_not_checked"]


@pytest.mark.parametrize("balances", [balance("OPBD", "1000.00") + balance("CLBD", "975.49")])
def test_a_statement_that_does_not_add_up_is_refused(balances: str):
    with pytest.raises(StatementRefused, match=r"^statement_does_not_add_up"):
        parse_one(replace(PAID, balances=balances))


OTHER = Report(
    (Entry("7.00", dates="", amounts=""),),
    balance("OPBD", "1.00") + balance("CLBD", "999.00"),  # does not add up, which is not our matter
    account="<IBAN>DE50370400440000000001</IBAN>",
)


def test_a_statement_of_another_account_is_skipped_unread():
    file = parse_bank_file(CamtDocument((OTHER, PAID)).valid_body(), IBAN)
    assert [statement.account for statement in file.statements] == [IBAN]
    assert [str(skipped) for skipped in file.skipped] == [
        "statement_of_other_account: statement=00001, account_ending=0001"
    ]


def test_a_file_with_nothing_of_ours_says_so():
    with pytest.raises(StatementRefused, match=r"^statement_of_other_account: .*account_ending=0001"):
        parse_bank_file(CamtDocument((OTHER,)).valid_body(), IBAN)


@pytest.mark.parametrize("scheme", ["<SchmeNm><Cd>BBAN</Cd></SchmeNm>", ""])
def test_an_account_as_bban_is_the_payers(scheme: str):
    report = replace(PAID, account=f"<Othr><Id>{IBAN[4:]}</Id>{scheme}</Othr>")
    (statement,) = parse_bank_file(CamtDocument((report,)).valid_body(), IBAN).statements
    assert (statement.account, statement.digest) == (IBAN, parse_one(PAID).digest)


def test_statements_come_in_the_order_of_their_days():
    later = replace(PAID, statement_id="00002", entries=(Entry("24.50", dates="<ValDt><Dt>2026-12-05</Dt></ValDt>"),))
    file = parse_bank_file(CamtDocument((later, PAID)).valid_body())
    assert [statement.statement_id for statement in file.statements] == ["00001", "00002"]
