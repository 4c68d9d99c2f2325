"""Parse statements in CSV, for banks without camt.053: one row for every line and balance.

    account,statement,kind,date,amount,currency,direction,end_to_end_id,bank_reference,reason,text

`kind` is `opening`, `entry` or `closing`; `direction` is `debit` or `credit`. UTF-8, comma, a
header line.
"""

import csv
from collections.abc import Mapping
from io import StringIO

from ledger.reconciliation.statements import (
    Statement,
    StatementLine,
    StatementRefused,
    normalize_references,
    parse_date,
    parse_minor,
    split_reason,
)

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


def parse_statements(body: bytes) -> list[Statement]:
    """Return every statement of a file. Raises StatementRefused if a row is invalid."""
    if b"\0" in body:
        raise StatementRefused("statement_file_is_binary")
    try:
        reader = csv.DictReader(StringIO(body.decode("utf-8-sig"), newline=""), strict=True)
        if tuple(reader.fieldnames or ()) != COLUMNS:
            raise StatementRefused("statement_columns_wrong", columns=",".join(COLUMNS))
        groups: dict[tuple[str, str, str], list[Mapping[str, str]]] = {}
        for number, row in enumerate(reader, 2):
            groups.setdefault(_statement_key(row, number), []).append(row)
    except UnicodeDecodeError:
        raise StatementRefused("statement_file_not_utf8") from None
    except csv.Error as error:
        raise StatementRefused("statement_csv_malformed", detail=str(error)) from None
    return [_parse_statement(*key, rows) for key, rows in groups.items()]


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
    return Statement(account, statement, currency, opening, closing, lines)


def _parse_balance(statement: str, rows: list[Mapping[str, str]], kind: str) -> int:
    balances = [row for row in rows if row["kind"] == kind]
    if len(balances) != 1:
        raise StatementRefused("statement_needs_one_balance", statement=statement[:40], kind=kind)
    minor = parse_minor(balances[0]["amount"], balances[0]["currency"])
    return minor if _DIRECTIONS[balances[0]["direction"]] else -minor


def _parse_line(row: Mapping[str, str], number: int) -> StatementLine:
    code, words = split_reason(row["reason"])
    return StatementLine(
        number=number,
        amount_minor=parse_minor(row["amount"], row["currency"]),
        is_credit=_DIRECTIONS[row["direction"]],
        booked_on=parse_date(row["date"]),
        end_to_end_id=row["end_to_end_id"][:35] or None,
        bank_reference=row["bank_reference"][:140] or None,
        reason_code=code,
        reason_text=words or None,
        text=row["text"][:500],
        references=normalize_references(row["end_to_end_id"]),
    )
