"""Parse statements in CSV, for banks without camt.053: one row for every line and balance.

    account,statement,kind,date,amount,currency,direction,end_to_end_id,bank_reference,reason,text

`kind` is `opening`, `entry` or `closing`; `direction` is `debit` or `credit`. UTF-8, UTF-16 or
GB18030, comma, a header line.
"""

import csv
from collections.abc import Mapping
from io import StringIO

from ledger.reconciliation.statements import (
    BankFile,
    Skipped,
    Statement,
    StatementLine,
    StatementRefused,
    is_reference,
    normalize_references,
)
from ledger.reconciliation.statements.accounts import choose_accounts, normalize_account
from ledger.reconciliation.statements.amounts import parse_date, parse_minor, validate_statement
from ledger.reconciliation.statements.reasons import parse_reason
from ledger.reconciliation.statements.references import find_references

COLUMNS = (
    "account",
    "statement",
    "kind",
    "date",
    "amount",
    "currency",
    "direction",
    "end_to_end_id",
    "bank_reference",
    "reason",
    "text",
)
_DIRECTIONS = {"debit": False, "credit": True}


def parse_statements(text: str, own_account: str | None = None) -> BankFile:
    """Return the statements of the payer's account; None is any account.

    Raises StatementRefused if a row is invalid.
    """
    groups: dict[tuple[str, str, str], list[Mapping[str, str]]] = {}
    try:
        reader = csv.DictReader(StringIO(text, newline=""), strict=True)
        if tuple(reader.fieldnames or ()) != COLUMNS:
            raise StatementRefused("statement_columns_wrong", columns=",".join(COLUMNS))
        for number, row in enumerate(reader, 2):
            groups.setdefault(_statement_key(row, number), []).append(row)
    except csv.Error as error:
        raise StatementRefused("statement_csv_malformed", detail=str(error)) from None
    chosen = choose_accounts((account for account, *_ in groups), own_account)
    return BankFile(
        tuple(
            validate_statement(_parse_statement(normalize_account(own_account or account), statement, currency, rows))
            for (account, statement, currency), rows in groups.items()
            if account in chosen
        ),
        skipped=tuple(
            Skipped("statement_of_other_account", statement=statement[:40], account_ending=account[-4:])
            for account, statement, _ in groups
            if account not in chosen
        ),
    )


def _statement_key(row: Mapping[str, str | None], number: int) -> tuple[str, str, str]:
    if None in row.values() or None in row:
        raise StatementRefused("statement_row_columns", row_number=number, columns_number=len(COLUMNS))
    if row["kind"] not in {"opening", "entry", "closing"} or row["direction"] not in _DIRECTIONS:
        raise StatementRefused("statement_row_kind", row_number=number)
    return row["account"] or "", row["statement"] or "", row["currency"] or ""


def _parse_statement(account: str, statement: str, currency: str, rows: list[Mapping[str, str]]) -> Statement:
    entries = [row for row in rows if row["kind"] == "entry"]
    lines = tuple(_parse_line(row, number) for number, row in enumerate(entries, 1))
    opening, closing = (_parse_balance(statement, rows, kind) for kind in ("opening", "closing"))
    days = sorted(parse_date(row["date"]).isoformat() for row in rows if row["kind"] != "entry")
    edition = f"{currency} {'/'.join(dict.fromkeys(days))}"
    return Statement(account, statement, currency, opening, closing, lines, edition=edition)


def _parse_balance(statement: str, rows: list[Mapping[str, str]], kind: str) -> int:
    balances = [row for row in rows if row["kind"] == kind]
    if len(balances) != 1:
        raise StatementRefused("statement_needs_one_balance", statement=statement[:40], kind=kind)
    minor = parse_minor(balances[0]["amount"], balances[0]["currency"])
    return minor if _DIRECTIONS[balances[0]["direction"]] else -minor


def _parse_line(row: Mapping[str, str], number: int) -> StatementLine:
    reason_code, reason_text = parse_reason([], [row["reason"]])
    return StatementLine(
        number=number,
        amount_minor=parse_minor(row["amount"], row["currency"]),
        is_credit=_DIRECTIONS[row["direction"]],
        booked_on=parse_date(row["date"]),
        end_to_end_id=row["end_to_end_id"][:35] if is_reference(row["end_to_end_id"]) else None,
        bank_reference=row["bank_reference"][:140] or None,
        reason_code=reason_code,
        reason_text=reason_text,
        text=row["text"][:500],
        references=normalize_references(row["bank_reference"], row["end_to_end_id"], *find_references([row["text"]])),
    )
