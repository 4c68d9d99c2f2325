"""Statements as ISO 20022 camt.053, any version from 001.02 on.

https://www.iso20022.org/catalogue-messages/iso-20022-messages-archive (Bank-to-Customer Cash Management). A batch
entry gives a line for each of its transactions where they add up to it, and else one line that nothing matches.
"""

from xml.etree.ElementTree import Element

from ledger.reconciliation.statements import Statement, StatementLine, StatementRefused, day, minor_units
from ledger.reconciliation.statements.xml import every, local, needed, word

_NO_ID = {"NOTPROVIDED", "NOT PROVIDED", ""}


def statements(root: Element) -> list[Statement]:
    """Return every statement of a document."""
    found = [_statement(one) for one in every(root, "BkToCstmrStmt/Stmt")]
    if not found:
        raise StatementRefused(f"{local(root)} holds no statement")
    return found


def _statement(one: Element) -> Statement:
    statement_id = needed(one, "Id")
    opening, currency = _balance(one, statement_id, "OPBD", "PRCD")
    closing, closing_currency = _balance(one, statement_id, "CLBD")
    if currency != closing_currency:
        raise StatementRefused(f"statement {statement_id} opens in {currency} and closes in {closing_currency}")
    lines: list[StatementLine] = []
    for entry in every(one, "Ntry"):
        if (word(entry, "Sts/Cd", "Sts") or "BOOK") == "BOOK":
            lines += _lines(entry, currency, len(lines) + 1)
    account = needed(one, "Acct/Id/IBAN", "Acct/Id/Othr/Id")
    return Statement(account, statement_id, currency, opening, closing, tuple(lines))


def _balance(one: Element, statement_id: str, *kinds: str) -> tuple[int, str]:
    """Return the first balance of one of these kinds, signed, and its currency."""
    for kind in kinds:
        for balance in every(one, "Bal"):
            if word(balance, "Tp/CdOrPrtry/Cd") == kind:
                minor, currency = _amount(balance, "Amt")
                return (-minor if needed(balance, "CdtDbtInd") == "DBIT" else minor), currency
    raise StatementRefused(f"statement {statement_id} has no balance {kinds[0]}")


def _amount(element: Element, *paths: str) -> tuple[int, str]:
    for path in paths:
        for found in every(element, path):
            currency = found.get("Ccy", "")
            return minor_units(found.text or "", currency), currency
    raise StatementRefused(f"{local(element)} has no {paths[0]}")


def _lines(entry: Element, currency: str, first: int) -> list[StatementLine]:
    amount, own_currency = _amount(entry, "Amt")
    if own_currency != currency:
        raise StatementRefused(f"an entry is in {own_currency}, its statement in {currency}")
    parts = list(every(entry, "NtryDtls/TxDtls"))
    if len(parts) <= 1:
        return [_line(entry, parts[0] if parts else entry, amount, first)]
    amounts = [_part_minor(part, currency) for part in parts]
    if None in amounts or sum(minor or 0 for minor in amounts) != amount:
        return [_line(entry, entry, amount, first)]
    pairs = enumerate(zip(parts, amounts, strict=True), first)
    return [_line(entry, part, minor or 0, number) for number, (part, minor) in pairs]


def _part_minor(part: Element, currency: str) -> int | None:
    """Return a transaction's amount in the account's currency; None: it does not say."""
    try:
        minor, own_currency = _amount(part, "Amt", "AmtDtls/TxAmt/Amt", "AmtDtls/InstdAmt/Amt")
    except StatementRefused:
        return None
    return minor if own_currency == currency else None


def _line(entry: Element, part: Element, amount_minor: int, number: int) -> StatementLine:
    own_id = word(part, "Refs/EndToEndId")
    texts = [found.text or "" for found in every(part, "RmtInf/Ustrd")]
    extra = [word(part, "AddtlTxInf"), word(entry, "AddtlNtryInf")]
    return StatementLine(
        number=number,
        amount_minor=amount_minor,
        is_credit=needed(entry, "CdtDbtInd") == "CRDT",
        booked_on=day(needed(entry, "BookgDt/Dt", "BookgDt/DtTm", "ValDt/Dt", "ValDt/DtTm")),
        end_to_end_id=None if own_id is None or own_id.upper() in _NO_ID else own_id[:35],
        bank_reference=(word(part, "Refs/AcctSvcrRef") or word(entry, "AcctSvcrRef", "NtryRef") or "")[:140] or None,
        reason=_reason(part),
        text=" ".join(filter(None, [*texts, *extra]))[:500],
    )


def _reason(part: Element) -> str | None:
    code = word(part, "RtrInf/Rsn/Cd", "RtrInf/Rsn/Prtry")
    more = word(part, "RtrInf/AddtlInf")
    return " ".join(filter(None, [code, more]))[:500] or None
