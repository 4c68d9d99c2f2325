"""Statement lines that are of no payout by any rule: listed with the reason, until a person says whose they are.

What a person says moves money the way that the statement would have: the same steps, the same transfers, once.
"""

from datetime import datetime
from typing import Any

import asyncpg

from ledger.errors import SettlementRefused
from ledger.payouts.manual import lock_payout
from ledger.reconciliation.matching import fits_state
from ledger.reconciliation.reconcile import StatementSource, lock_statements, record_paid, record_returned
from ledger.reconciliation.statements import StatementLine
from ledger.settlements.model import Payout, Settlement
from sql import Connection, query

_LISTED_MAX = 1_000
_REASON_CHARS_MAX = 500

_LIST_UNMATCHED_LINES = query("list_unmatched_lines")
_LIST_UNMATCHED_LINES_OF_FILE = query("list_unmatched_lines_of_file")
_FIND_UNMATCHED_LINE = query("find_unmatched_line")
_ADD_STATEMENT_MATCH = query("add_statement_match")


async def list_unmatched(conn: Connection) -> list[dict[str, Any]]:
    """Return the newest statement lines that are of no payout, and why."""
    return [
        {
            "id": row["line_id"],
            "account": row["account"],
            "statement": row["statement_id"],
            "line": row["number"],
            "amount_minor": row["amount_minor"],
            "direction": "credit" if row["is_credit"] else "debit",
            "booked_on": row["booked_on"].isoformat(),
            "end_to_end_id": row["end_to_end_id"],
            "bank_reference": row["bank_reference"],
            "text": row["description"],
            "because": row["matched_by"],
        }
        for row in await conn.fetch(_LIST_UNMATCHED_LINES, _LISTED_MAX)
    ]


async def list_unmatched_in_file(conn: Connection, evidence: bytes) -> list[dict[str, Any]]:
    """Return the lines of a file, by its SHA-256, that no rule could match, and why."""
    return [
        {
            "line": row["number"],
            "amount_minor": row["amount_minor"],
            "direction": "credit" if row["is_credit"] else "debit",
            "booked_on": row["booked_on"].isoformat(),
            "end_to_end_id": row["end_to_end_id"],
            "text": row["description"],
            "because": row["matched_by"],
        }
        for row in await conn.fetch(_LIST_UNMATCHED_LINES_OF_FILE, evidence)
    ]


async def match_manually(
    conn: Connection, line_id: str, payout_id: str, reason: str, by: str, now: datetime
) -> Settlement:
    """Take a line as a payout's because a person says so, in the caller's transaction; again: changes nothing.

    SettlementRefused: there is no such line or payout, the line is another's, or it cannot be of this payout.
    """
    await lock_statements(conn)
    reason = _clean_reason(reason)
    row = await conn.fetchrow(_FIND_UNMATCHED_LINE, line_id)
    if row is None:
        raise SettlementRefused(f"there is no statement line {line_id!r}")
    envelope, payout = await lock_payout(conn, payout_id)
    if row["payout_id"] == payout_id:
        return envelope
    line = _build_statement_line(row)
    refused = match_blocker(line_id, row, line, envelope, payout)
    if refused:
        raise SettlementRefused(refused)
    head = row["account"], row["statement_id"], row["number"]
    await conn.execute(_ADD_STATEMENT_MATCH, *head, payout_id, reason, by, now)
    await (record_returned if line.is_credit else record_paid)(
        conn, envelope, payout, line, StatementSource(by, now, row["evidence"])
    )
    return (await lock_payout(conn, payout_id))[0]


def _clean_reason(reason: str) -> str:
    trimmed = reason.strip()
    if not (1 <= len(trimmed) <= _REASON_CHARS_MAX and trimmed.isprintable()):
        raise SettlementRefused(f"a reason is a text of 1 to {_REASON_CHARS_MAX} printable characters")
    return trimmed


def _build_statement_line(row: asyncpg.Record) -> StatementLine:
    said: str = row["description"]
    own = row["end_to_end_id"], row["bank_reference"], said[:_REASON_CHARS_MAX] or None
    return StatementLine(row["number"], row["amount_minor"], row["is_credit"], row["booked_on"], *own, text=said)


def match_blocker(
    line_id: str, row: asyncpg.Record, line: StatementLine, settlement: Settlement, payout: Payout
) -> str | None:
    """Return why a line cannot be of a payout; None: it can. Pure."""
    if row["payout_id"] is not None:
        return f"{line_id} is of {row['payout_id']} already"
    if (line.amount_minor, row["currency"]) != (payout.amount_minor, settlement.currency):
        mine = f"{payout.amount_minor} minor units of {settlement.currency}"
        return f"{line_id} is of {line.amount_minor} minor units of {row['currency']}, {payout.payout_id} of {mine}"
    if not fits_state(line, payout.state):
        moved = "came back" if line.is_credit else "left the account"
        return f"{payout.payout_id} is {payout.state.value}: it cannot be what {moved}"
    return None
