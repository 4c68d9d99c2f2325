"""Parse a bank file: camt.052, .053, .054, pain.002 or CSV, in an archive or an envelope. Pure."""

from collections.abc import Iterator
from xml.etree.ElementTree import Element

from ledger.reconciliation.statements import (
    FILE_BYTES_MAX,
    BankFile,
    Skipped,
    Statement,
    StatementRefused,
    camt,
    csv_table,
    pain002,
)
from ledger.reconciliation.statements.archive import is_archive, read_members
from ledger.reconciliation.statements.text import decode_text
from ledger.reconciliation.statements.xml import local_name, parse_xml

_STATUS_REPORT = "CstmrPmtStsRpt"
_ENVELOPE_DEPTH_MAX = 8


def parse_bank_file(body: bytes, account: str | None = None) -> BankFile:
    """Return what a file says of the payer's account, oldest statement first; None is any account.

    Raises StatementRefused if the file is invalid, has nothing of the account, or a statement of
    the account does not add up.
    """
    if len(body) > FILE_BYTES_MAX:
        raise StatementRefused("statement_file_too_large", mebibytes_number=FILE_BYTES_MAX // 1024**2)
    file = _parse_archive(body, account) if is_archive(body) else _parse_document(body, account)
    if not file.statements and not file.statuses:
        raise _nothing_of_ours(file)
    return BankFile(tuple(sorted(file.statements, key=_first_day)), file.statuses, file.skipped)


def _nothing_of_ours(file: BankFile) -> StatementRefused:
    if not file.skipped:
        return StatementRefused("statement_file_empty")
    return StatementRefused(file.skipped[0].code, **file.skipped[0].params)


def _first_day(statement: Statement) -> str:
    return min((line.booked_on.isoformat() for line in statement.lines), default="")


def _parse_archive(body: bytes, account: str | None) -> BankFile:
    file = BankFile()
    for name, content in read_members(body):
        if is_archive(content):
            file += BankFile(skipped=(Skipped("archive_nested", member=name),))
        elif not _is_document(content):
            file += BankFile(skipped=(Skipped("archive_member_unknown", member=name),))
        else:
            file += _parse_document(content, account)
    return file


def _is_document(content: bytes) -> bool:
    """Tell whether a member of an archive is XML or one of our CSV files."""
    try:
        text = decode_text(content).lstrip()
    except StatementRefused:
        return False
    return text.startswith(("<", ",".join(csv_table.COLUMNS)))


def _parse_document(body: bytes, account: str | None) -> BankFile:
    text = decode_text(body).lstrip()
    if not text.startswith("<"):
        return csv_table.parse_statements(text, account)
    root = parse_xml(text)
    messages = list(_find_messages(root))
    if not messages:
        return BankFile(skipped=(Skipped("statement_missing", element=local_name(_innermost(root))[:40]),))
    file = BankFile()
    for message in messages:
        if local_name(message) == _STATUS_REPORT:
            file += BankFile(statuses=tuple(pain002.parse_statuses(message)))
        else:
            file += camt.parse_message(message, account)
    return file


def _find_messages(element: Element, depth: int = 0) -> Iterator[Element]:
    """Yield the messages that we read, below a document or any envelope."""
    if local_name(element) == _STATUS_REPORT or local_name(element) in camt.MESSAGES:
        yield element
    elif depth < _ENVELOPE_DEPTH_MAX:
        for child in element:
            yield from _find_messages(child, depth + 1)


def _innermost(root: Element) -> Element:
    """Return the message of a document that we do not read, or the root."""
    document = next((element for element in root.iter() if local_name(element) == "Document"), None)
    return root if document is None or not len(document) else document[0]
