"""Parse statements in ISO 20022 camt.053, any version from 001.02.

https://www.iso20022.org/catalogue-messages/iso-20022-messages-archive (Bank-to-Customer Cash
Management). A batch entry becomes one line for every transaction if they add up to it, else a
single line that nothing matches.
"""

from xml.etree.ElementTree import Element

from ledger.reconciliation.statements import (
    Statement,
    StatementLine,
    StatementRefused,
    normalize_references,
    parse_date,
    parse_minor,
)
from ledger.reconciliation.statements.xml import find_all, find_text, local_name, require_text

_NO_ID = {"NOTPROVIDED", "NOT PROVIDED", ""}


def parse_statements(root: Element) -> list[Statement]:
    """Return every statement of a document.

    Raises StatementRefused if it is incomplete or has none.
    """
    statements = [_parse_statement(element) for element in find_all(root, "BkToCstmrStmt/Stmt")]
    if not statements:
        raise StatementRefused("statement_missing", element=local_name(root))
    return statements


def _parse_statement(element: Element) -> Statement:
    statement_id = require_text(element, "Id")
    opening, currency = _parse_balance(element, statement_id, "OPBD", "PRCD")
    closing, closing_currency = _parse_balance(element, statement_id, "CLBD")
    if currency != closing_currency:
        raise StatementRefused(
            "statement_changes_currency",
            statement=statement_id,
            currency=currency,
            closing_currency=closing_currency,
        )
    lines: list[StatementLine] = []
    for entry in find_all(element, "Ntry"):
        if (find_text(entry, "Sts/Cd", "Sts") or "BOOK") == "BOOK":
            lines += _parse_lines(entry, currency, len(lines) + 1)
    account = require_text(element, "Acct/Id/IBAN", "Acct/Id/Othr/Id")
    return Statement(account, statement_id, currency, opening, closing, tuple(lines))


def _parse_balance(statement: Element, statement_id: str, *kinds: str) -> tuple[int, str]:
    """Return the first balance of these kinds, in signed minor units, and its currency."""
    for kind in kinds:
        for balance in find_all(statement, "Bal"):
            if find_text(balance, "Tp/CdOrPrtry/Cd") == kind:
                minor, currency = _parse_amount(balance, "Amt")
                return (-minor if require_text(balance, "CdtDbtInd") == "DBIT" else minor), currency
    raise StatementRefused("statement_balance_missing", statement=statement_id, kind=kinds[0])


def _parse_amount(element: Element, *paths: str) -> tuple[int, str]:
    for path in paths:
        for amount in find_all(element, path):
            currency = amount.get("Ccy", "")
            return parse_minor(amount.text or "", currency), currency
    raise StatementRefused("statement_element_missing", element=local_name(element), part=paths[0])


def _parse_lines(entry: Element, currency: str, first_number: int) -> list[StatementLine]:
    amount, entry_currency = _parse_amount(entry, "Amt")
    if entry_currency != currency:
        raise StatementRefused("entry_currency_differs", entry_currency=entry_currency, currency=currency)
    parts = list(find_all(entry, "NtryDtls/TxDtls"))
    if len(parts) <= 1:
        return [_parse_line(entry, parts[0] if parts else entry, amount, first_number)]
    amounts = [_parse_part_minor(part, currency) for part in parts]
    if None in amounts or sum(minor or 0 for minor in amounts) != amount:
        return [_parse_line(entry, entry, amount, first_number)]
    pairs = enumerate(zip(parts, amounts, strict=True), first_number)
    return [_parse_line(entry, part, minor or 0, number) for number, (part, minor) in pairs]


def _parse_part_minor(part: Element, currency: str) -> int | None:
    """Return a transaction's amount in the account's currency, None if it has none."""
    try:
        minor, part_currency = _parse_amount(part, "Amt", "AmtDtls/TxAmt/Amt", "AmtDtls/InstdAmt/Amt")
    except StatementRefused:
        return None
    return minor if part_currency == currency else None


def _parse_line(entry: Element, part: Element, amount_minor: int, number: int) -> StatementLine:
    end_to_end_id = find_text(part, "Refs/EndToEndId") or ""
    texts = [element.text or "" for element in find_all(part, "RmtInf/Ustrd")]
    extra = [find_text(part, "AddtlTxInf"), find_text(entry, "AddtlNtryInf")]
    return StatementLine(
        number=number,
        amount_minor=amount_minor,
        is_credit=require_text(entry, "CdtDbtInd") == "CRDT",
        booked_on=parse_date(require_text(entry, "BookgDt/Dt", "BookgDt/DtTm", "ValDt/Dt", "ValDt/DtTm")),
        end_to_end_id=None if end_to_end_id.upper() in _NO_ID else end_to_end_id[:35],
        bank_reference=(find_text(part, "Refs/AcctSvcrRef") or find_text(entry, "AcctSvcrRef", "NtryRef") or "")[:140]
        or None,
        reason_code=find_text(part, "RtrInf/Rsn/Cd", "RtrInf/Rsn/Prtry"),
        reason_text=(find_text(part, "RtrInf/AddtlInf") or "")[:500] or None,
        references=normalize_references(end_to_end_id),
        text=" ".join(filter(None, [*texts, *extra]))[:500],
    )
