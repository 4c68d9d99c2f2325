"""Containers of bank files: archives, encodings and envelopes, within limits."""

import zipfile
from io import BytesIO

import pytest

from camt_documents import CamtDocument, Entry, Report
from ledger.reconciliation.statements import BankFile, StatementRefused
from ledger.reconciliation.statements.archive import MEMBERS_MAX
from ledger.reconciliation.statements.bank_file import parse_bank_file
from ledger.reconciliation.statements.csv_table import COLUMNS

TEXT = "支付 rural-education 慈善"
DETAIL_TEXT = f"<NtryDtls><TxDtls><RmtInf><Ustrd>{TEXT}</Ustrd></RmtInf></TxDtls></NtryDtls>"
DOCUMENT = CamtDocument((Report((Entry("24.50", charges=DETAIL_TEXT),)),)).text
STATUS = (
    "<Document xmlns='urn:iso:std:iso:20022:tech:xsd:pain.002.001.10'><CstmrPmtStsRpt><OrgnlGrpInfAndSts>"
    "<OrgnlMsgId>STLA-1</OrgnlMsgId><GrpSts>ACCP</GrpSts></OrgnlGrpInfAndSts></CstmrPmtStsRpt></Document>"
)
CSV = f"{','.join(COLUMNS)}\n622,S1,opening,2026-11-10,9.00,CNY,credit,,,,\n\
622,S1,entry,2026-11-10,1.00,CNY,debit,A-1,B1,,{TEXT}\n622,S1,closing,2026-11-10,8.00,CNY,credit,,,,\n"


def archive(*members: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    stream = BytesIO()
    with zipfile.ZipFile(stream, "w", method) as file:
        for name, content in members:
            file.writestr(name, content)
    return stream.getvalue()


def declare(encoding: str) -> str:
    return f"<?xml version='1.0' encoding='{encoding}'?>"


PLAIN = parse_bank_file(DOCUMENT.encode())
BODIES = {
    "utf-8 with a mark": DOCUMENT.encode("utf-8-sig"),
    "utf-8 declared": (declare("UTF-8") + DOCUMENT).encode(),
    "utf-16 with a mark": (declare("UTF-16") + DOCUMENT).encode("utf-16"),
    "utf-16 declared as utf-8": (declare("UTF-8") + DOCUMENT).encode("utf-16"),
    "utf-16 big-endian without a mark": DOCUMENT.encode("utf-16-be"),
    "utf-16 little-endian without a mark": DOCUMENT.encode("utf-16-le"),
    "gbk declared": (declare("GBK") + DOCUMENT).encode("gbk"),
    "gb2312 declared": (declare("gb2312") + DOCUMENT).encode("gb2312"),
    "gb18030 declared": (declare("GB18030") + DOCUMENT).encode("gb18030"),
    "gbk declared as utf-8": (declare("UTF-8") + DOCUMENT).encode("gbk"),
    "gbk not declared": DOCUMENT.encode("gbk"),
    "an unknown encoding declared": (declare("x-unknown") + DOCUMENT).encode(),
    "blank lines before": ("\r\n \n" + DOCUMENT).encode(),
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_an_encoding_does_not_change_the_content(body: bytes):
    assert parse_bank_file(body) == PLAIN
    assert PLAIN.statements[0].lines[0].text == TEXT


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gbk", "gb18030"])
def test_a_csv_file_may_have_any_of_these_encodings(encoding: str):
    assert parse_bank_file(CSV.encode(encoding)).statements[0].lines[0].text == TEXT


def test_a_western_encoding_is_read_as_declared_or_guessed():
    document = DOCUMENT.replace(TEXT, "Stiftung für Kinder")
    for body in ((declare("ISO-8859-15") + document).encode("iso-8859-15"), document.encode("cp1252")):
        assert parse_bank_file(body).statements[0].digest == PLAIN.statements[0].digest
    assert parse_bank_file((declare("ISO-8859-1") + document).encode("latin-1")).statements[0].lines[0].text == (
        "Stiftung für Kinder"
    )


@pytest.mark.parametrize("encoding", ["rot13", "zlib", "utf-7", "unicode_escape", "punycode", "idna"])
def test_an_encoding_that_is_no_character_set_is_not_used(encoding: str):
    assert parse_bank_file((declare(encoding) + DOCUMENT).encode()) == PLAIN


ENVELOPE = (
    "<?xml version='1.0'?><{wrapper} xmlns='urn:iso:std:iso:20022:tech:xsd:nvlp.001.001.01'>"
    "<AppHdr xmlns='urn:iso:std:iso:20022:tech:xsd:head.001.001.02'><BizMsgIdr>1</BizMsgIdr></AppHdr>"
    "{documents}</{wrapper}>"
)


@pytest.mark.parametrize("wrapper", ["BizMsgEnvlp", "Message", "RequestPayload", "DataPDU"])
def test_a_document_in_an_envelope_is_read(wrapper: str):
    for inner in (DOCUMENT, f"<Body><Inner>{DOCUMENT}</Inner></Body>"):
        assert parse_bank_file(ENVELOPE.format(wrapper=wrapper, documents=inner).encode()) == PLAIN


def test_several_documents_in_an_envelope_are_all_read():
    body = ENVELOPE.format(wrapper="Batch", documents=DOCUMENT + STATUS + DOCUMENT.replace("00001", "00002")).encode()
    file = parse_bank_file(body)
    assert [statement.statement_id for statement in file.statements] == ["00001", "00002"]
    assert [status.status_code for status in file.statuses] == ["ACCP"]


def test_an_archive_is_read_in_its_order():
    members = ("a/1.xml", DOCUMENT.encode()), ("b.csv", CSV.encode("gbk")), ("c.xml", STATUS.encode())
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        file = parse_bank_file(archive(*members, method=method))
        assert {statement.statement_id for statement in file.statements} == {"00001", "S1"}
        assert len(file.statuses) == 1
        assert file.skipped == ()


def test_members_that_are_no_bank_file_are_skipped_and_reported():
    body = archive(
        ("1.xml", DOCUMENT.encode()),
        ("2.pdf", b"%PDF-1.7\x00"),
        ("3.txt", b"read me"),
        ("4.zip", archive(("1.xml", DOCUMENT.encode()))),
        ("5.xml", b"<Document><Other/></Document>"),
        ("__MACOSX/1.xml", b"\x00"),
        (".DS_Store", b"\x00"),
        ("folder/", b""),
    )
    file = parse_bank_file(body)
    assert file.statements == PLAIN.statements
    assert [str(skipped) for skipped in file.skipped] == [
        "archive_member_unknown: member=2.pdf",
        "archive_member_unknown: member=3.txt",
        "archive_nested: member=4.zip",
        "statement_missing: element=Other",
    ]


def encrypted_archive() -> bytes:
    """Return an archive whose member says that it is encrypted."""
    body = bytearray(archive(("1.xml", DOCUMENT.encode())))
    body[body.index(b"PK\x01\x02") + 8] |= 1
    body[6] |= 1
    return bytes(body)


def damaged_archive() -> bytes:
    """Return an archive whose content does not have its checksum."""
    body = archive(("1.xml", DOCUMENT.encode()), method=zipfile.ZIP_STORED)
    return body.replace(b"24.50", b"99.50")


BOMB = archive(*((f"{number}.xml", b" " * 2**20) for number in range(40)))
BROKEN = {
    "a bomb": (BOMB, "statement_file_too_large"),
    "a large member": (archive(("1.xml", b"<" * (33 * 2**20))), "statement_file_too_large"),
    "too many members": (archive(*((str(n), b"") for n in range(MEMBERS_MAX + 1))), "archive_members_too_many"),
    "cut off": (archive(("1.xml", DOCUMENT.encode()))[:-30], "archive_broken"),
    "damaged": (damaged_archive(), "archive_broken"),
    "encrypted": (encrypted_archive(), "archive_encrypted"),
    "empty": (archive(), "statement_file_empty"),
    "nothing of ours": (archive(("1.txt", b"x")), "archive_member_unknown"),
    "nested only": (archive(("1.zip", archive(("1.xml", DOCUMENT.encode())))), "archive_nested"),
    "a broken document": (archive(("1.xml", DOCUMENT.encode()[:-9])), "xml_malformed"),
    "a document type": (archive(("1.xml", b"<!DOCTYPE a []><a/>")), "dtd_forbidden"),
    "too deep": (b"<a>" * 200 + b"</a>" * 200, "xml_too_large"),
    "another message": (b"<Document><CstmrCdtTrfInitn/></Document>", "statement_missing: element=CstmrCdtTrfInitn"),
    "no status": (STATUS.replace("<GrpSts>ACCP</GrpSts>", "").encode(), "statement_file_empty"),
    "binary": (b"\x89PNG\r\n\x1a\n\x00\x00", "statement_file_is_binary"),
}


@pytest.mark.parametrize(("body", "code"), BROKEN.values(), ids=BROKEN)
def test_a_container_beyond_the_limits_is_refused_with_the_reason(body: bytes, code: str):
    with pytest.raises(StatementRefused, match=f"^{code}"):
        parse_bank_file(body)


def test_an_empty_file_has_no_content():
    assert BankFile() + BankFile() == BankFile()
