"""Status reports: every status of every level is delivered, with every id that the bank repeats."""

import pytest

from ledger.reconciliation.statements import PaymentStatus, StatusLevel, StatusOutcome
from ledger.reconciliation.statements.bank_file import parse_bank_file

MESSAGE, BATCH, TRANSACTION = StatusLevel.MESSAGE, StatusLevel.PAYMENT_INFORMATION, StatusLevel.TRANSACTION
VERSIONS = [f"{number:02}" for number in range(3, 15)]


def report(group: str, *batches: str, message_id: str = "STLA-1", version: str = "10") -> bytes:
    name = f"<OrgnlMsgId>{message_id}</OrgnlMsgId>" if message_id else ""
    return (
        f"<Document xmlns='urn:iso:std:iso:20022:tech:xsd:pain.002.001.{version}'><CstmrPmtStsRpt><GrpHdr>"
        "<MsgId>B1</MsgId><CreDtTm>2026-12-01T10:00:00</CreDtTm></GrpHdr><OrgnlGrpInfAndSts>"
        f"{name}<OrgnlMsgNmId>pain.001.001.09</OrgnlMsgNmId>{group}</OrgnlGrpInfAndSts>{''.join(batches)}"
        "</CstmrPmtStsRpt></Document>"
    ).encode()


def batch(status: str, *parts: str, batch_id: str = "STLA-1") -> str:
    head = f"<OrgnlPmtInfId>{batch_id}</OrgnlPmtInfId>" if batch_id else ""
    status = f"<PmtInfSts>{status}</PmtInfSts>" if status else ""
    return f"<OrgnlPmtInfAndSts>{head}{status}{''.join(parts)}</OrgnlPmtInfAndSts>"


def part(ids: str, status: str, reason: str = "") -> str:
    status = f"<TxSts>{status}</TxSts>" if status else ""
    return f"<TxInfAndSts><StsId>1</StsId>{ids}{status}{reason}</TxInfAndSts>"


def payment(payment_id: str, status: str, reason: str = "") -> str:
    return part(f"<OrgnlEndToEndId>{payment_id}</OrgnlEndToEndId>", status, reason)


def because(code: str, text: str = "", tag: str = "Cd") -> str:
    words = f"<AddtlInf>{text}</AddtlInf>" if text else ""
    return f"<StsRsnInf><Rsn><{tag}>{code}</{tag}></Rsn>{words}</StsRsnInf>"


def parse(*arguments: str, **options: str) -> list[PaymentStatus]:
    return list(parse_bank_file(report(*arguments, **options)).statuses)


@pytest.mark.parametrize("version", VERSIONS)
def test_all_levels_of_every_version_are_delivered(version: str):
    parts = payment("PAYA-1", "ACCP"), payment("PAYB-1", "RJCT", because("AC04", "why")), payment("PAYC-1", "PDNG")
    assert parse("<GrpSts>PART</GrpSts>", batch("PART", *parts), version=version) == [
        PaymentStatus(MESSAGE, "PART", "STLA-1"),
        PaymentStatus(BATCH, "PART", "STLA-1", "STLA-1"),
        PaymentStatus(TRANSACTION, "ACCP", "STLA-1", "STLA-1", ("PAYA-1",)),
        PaymentStatus(TRANSACTION, "RJCT", "STLA-1", "STLA-1", ("PAYB-1",), "AC04", "why"),
        PaymentStatus(TRANSACTION, "PDNG", "STLA-1", "STLA-1", ("PAYC-1",)),
    ]


OUTCOMES = {
    StatusOutcome.ACCEPTED: ["ACCP", "ACTC", "ACSP", "ACSC", "ACCC", "ACWC", "ACWP", "ACFC", "ACPD"],
    StatusOutcome.REFUSED: ["RJCT", "CANC"],
    StatusOutcome.PENDING: ["RCVD", "PDNG", "PART", "PATC"],
    StatusOutcome.UNCLEAR: ["BLCK", "XXXX"],
}


@pytest.mark.parametrize(("outcome", "codes"), OUTCOMES.items())
def test_every_code_has_an_outcome(outcome: StatusOutcome, codes: list[str]):
    for code in codes:
        statuses = parse(f"<GrpSts>{code}</GrpSts>", batch("", payment("PAYA-1", code.lower())))
        assert [(s.status_code, s.outcome) for s in statuses] == [(code, outcome)] * 2


@pytest.mark.parametrize("message_id", ["", "NOTPROVIDED", "NotProvided"])
def test_a_report_without_our_message_id_is_delivered_with_the_ids_of_its_parts(message_id: str):
    (status,) = parse("", batch("", payment("PAYA-1", "RJCT")), message_id=message_id)
    assert (status.message_id, status.payment_information_id, status.references) == (None, "STLA-1", ("PAYA-1",))


@pytest.mark.parametrize(
    "ids",
    [
        "<OrgnlInstrId>PAYA-1</OrgnlInstrId>",
        "<OrgnlInstrId>PAYA-1</OrgnlInstrId><OrgnlEndToEndId>NOTPROVIDED</OrgnlEndToEndId>",
        "<OrgnlEndToEndId>paya-1</OrgnlEndToEndId>",
        "<OrgnlTxId>PAYA-1</OrgnlTxId>",
        "<OrgnlTxRef><PmtId><EndToEndId>PAYA-1</EndToEndId></PmtId></OrgnlTxRef>",
    ],
)
def test_any_id_of_a_transaction_is_delivered(ids: str):
    (status,) = parse("", batch("", part(ids, "RJCT"), batch_id=""))
    assert (status.payment_information_id, status.references) == (None, ("PAYA-1",))


def test_a_transaction_without_any_id_does_not_disappear():
    (status,) = parse("", batch("", part("", "RJCT")))
    assert (status.level, status.references) == (TRANSACTION, ())


def test_a_transaction_with_a_reason_and_no_status_is_unclear():
    (status,) = parse("", batch("", payment("PAYA-1", "", because("AC04"))))
    assert (status.status_code, status.outcome, status.reason_code) == ("", StatusOutcome.UNCLEAR, "AC04")


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        (because("AC04"), ("AC04", None)),
        (because("AC04", "holder Erika Beispiel"), ("AC04", "holder Erika Beispiel")),
        (because("Konto erloschen", tag="Prtry"), (None, "Konto erloschen")),
        (because("AM05") + because("NARR", "twice"), ("AM05", "NARR twice")),
        ("<StsRsnInf><AddtlInf>AC01 wrong number</AddtlInf></StsRsnInf>", ("AC01", "wrong number")),
        ("<StsRsnInf><AddtlInf>first</AddtlInf><AddtlInf>second</AddtlInf></StsRsnInf>", (None, "first second")),
    ],
)
def test_the_code_of_a_reason_is_apart_from_the_banks_words(reason: str, expected: tuple[str | None, str | None]):
    (status,) = parse("", batch("", payment("PAYA-1", "RJCT", reason)))
    assert (status.reason_code, status.reason_text) == expected


@pytest.mark.parametrize("code", ["DUPL", "AM05", "DU01"])
def test_a_refusal_as_a_duplicate_is_delivered(code: str):
    statuses = parse(f"<GrpSts>RJCT</GrpSts>{because(code)}", batch("", payment("PAYA-1", "RJCT", because(code))))
    assert [(s.status_code, s.reason_code, s.is_duplicate_refusal) for s in statuses] == [("RJCT", code, True)] * 2


def test_acceptance_of_the_whole_comes_before_its_parts_and_refusal_after_them():
    accepted = parse("<GrpSts>ACCP</GrpSts>", batch("ACCP", payment("PAYA-1", "RJCT")))
    assert [status.level for status in accepted] == [MESSAGE, BATCH, TRANSACTION]
    refused = parse("<GrpSts>RJCT</GrpSts>", batch("RJCT", payment("PAYA-1", "RJCT")))
    assert [status.level for status in refused] == [TRANSACTION, MESSAGE, BATCH]


def test_several_payment_informations_keep_their_transactions():
    batches = (
        batch("", payment("PAYA-1", "ACCP"), batch_id="STLA-1"),
        batch("", payment("PAYB-1", "ACCP"), batch_id="STLB-1"),
    )
    assert [(s.payment_information_id, s.references) for s in parse("", *batches)] == [
        ("STLA-1", ("PAYA-1",)),
        ("STLB-1", ("PAYB-1",)),
    ]
