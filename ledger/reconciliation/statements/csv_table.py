"""Statements as CSV, for banks that offer no camt.053: the same columns, one line a row, balances among them.

    account,statement,kind,date,amount,currency,direction,end_to_end_id,bank_reference,reason,text

`kind` is `opening`, `entry` or `closing`; `direction` is `debit` or `credit`. UTF-8, comma, a header line.
"""

import csv
from collections.abc import Mapping
from io import StringIO

from ledger.reconciliation.statements import Statement, StatementLine, StatementRefused, parse_date, parse_minor

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
    """Return every statement of a file. StatementRefused names the row that cannot be read."""
    if b"\0" in body:
        raise StatementRefused("the file is no text")
    try:
        reader = csv.DictReader(StringIO(body.decode("utf-8-sig"), newline=""), strict=True)
        if tuple(reader.fieldnames or ()) != COLUMNS:
            raise StatementRefused(f"the columns must be {','.join(COLUMNS)}")
        groups: dict[tuple[str, str, str], list[Mapping[str, str]]] = {}
        for number, row in enumerate(reader, 2):
            groups.setdefault(_statement_key(row, number), []).append(row)
    except UnicodeDecodeError:
        raise StatementRefused("the file is not UTF-8") from None
    except csv.Error as error:
        raise StatementRefused(f"no CSV: {error}") from None
    return [_parse_statement(*key, rows) for key, rows in groups.items()]


def _statement_key(row: Mapping[str, str | None], number: int) -> tuple[str, str, str]:
    if None in row.values() or None in row:
        raise StatementRefused(f"row {number} has not {len(COLUMNS)} columns")
    if row["kind"] not in {"opening", "entry", "closing"} or row["direction"] not in _DIRECTIONS:
        raise StatementRefused(f"row {number}: kind is opening, entry or closing, direction debit or credit")
    return row["account"] or "", row["statement"] or "", row["currency"] or ""


def _parse_statement(account: str, statement: str, currency: str, rows: list[Mapping[str, str]]) -> Statement:
    entries = [row for row in rows if row["kind"] == "entry"]
    lines = tuple(_parse_line(row, number) for number, row in enumerate(entries, 1))
    opening, closing = (_parse_balance(statement, rows, kind) for kind in ("opening", "closing"))
    return Statement(account, statement, currency, opening, closing, lines)


def _parse_balance(statement: str, rows: list[Mapping[str, str]], kind: str) -> int:
    found = [row for row in rows if row["kind"] == kind]
    if len(found) != 1:
        raise StatementRefused(f"statement {statement[:40]} needs one {kind} balance")
    minor = parse_minor(found[0]["amount"], found[0]["currency"])
    return minor if _DIRECTIONS[found[0]["direction"]] else -minor


def _parse_line(row: Mapping[str, str], number: int) -> StatementLine:
    return StatementLine(
        number=number,
        amount_minor=parse_minor(row["amount"], row["currency"]),
        is_credit=_DIRECTIONS[row["direction"]],
        booked_on=parse_date(row["date"]),
        end_to_end_id=row["end_to_end_id"][:35] or None,
        bank_reference=row["bank_reference"][:140] or None,
        reason=row["reason"][:500] or None,
        text=row["text"][:500],
    )
