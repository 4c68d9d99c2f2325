"""Property: the container and the encoding of a bank file change nothing of its statement."""

import zipfile
from io import BytesIO

from hypothesis import given, settings
from hypothesis import strategies as st

from camt_documents import VERSIONS, CamtDocument, Detail, Entry, Report
from ledger.reconciliation.statements.bank_file import parse_bank_file

ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "gb18030", "gbk", "gb2312")
DECLARED = st.sampled_from(["", "UTF-8", "GBK", "gb18030", "UTF-16", "x-unknown"])
TEXTS = st.text("点赞捐账本 abcäöü-+.0123456789", max_size=30)
WRAPPERS = st.sampled_from(["", "BizMsgEnvlp", "Batch"])
AMOUNTS = st.sampled_from(["24.50", "+24.50", "024.5", "24.50000"])


@settings(max_examples=200)
@given(
    encoding=st.sampled_from(ENCODINGS),
    declared=DECLARED,
    wrapper=WRAPPERS,
    is_archive=st.booleans(),
    version=st.sampled_from(VERSIONS),
    amount=AMOUNTS,
    text=TEXTS,
)
def test_a_statement_has_one_digest_in_every_container(
    *, encoding: str, declared: str, wrapper: str, is_archive: bool, version: str, amount: str, text: str
):
    detail = Detail("<EndToEndId>PAYA-1</EndToEndId>", more=f"<RmtInf><Ustrd>{text.strip() or '-'}</Ustrd></RmtInf>")
    document = CamtDocument((Report((Entry(amount, details=(detail,)),)),), version=version).text
    expected = CamtDocument((Report((Entry("24.50", details=(detail,)),)),)).text
    if wrapper:
        document = f"<{wrapper}><AppHdr/>{document}</{wrapper}>"
    if declared:
        document = f"<?xml version='1.0' encoding='{declared}'?>{document}"
    body = document.encode(encoding, errors="xmlcharrefreplace")
    if is_archive:
        stream = BytesIO()
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as file:
            file.writestr("1.xml", body)
        body = stream.getvalue()
    (statement,) = parse_bank_file(body).statements
    (plain,) = parse_bank_file(expected.encode()).statements
    assert (statement.digest, statement.edition) == (plain.digest, plain.edition)
