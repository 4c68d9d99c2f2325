"""Statement lines that no rule matched: list them, and match them to a payout by hand.

A manual match moves money as the statement would have: the same steps and transfers, once.
"""

from datetime import datetime
from typing import Any

import asyncpg

from ledger.errors import Refusal, SettlementRefused
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
    """Return the newest unmatched statement lines, with the rule that failed."""
    return [
        {
            "id": row["line_id"],
            "account": row["account"],
            "statement": row["statement_id"],
            "edition": row["edition"],
            "line": row["number"],
            "amount_minor": row["amount_minor"],
            "direction": "credit" if row["is_credit"] else "debit",
            "booked_on": row["booked_on"].isoformat(),
            "end_to_end_id": row["end_to_end_id"],
            "bank_reference": row["bank_reference"],
            "description": row["description"],
            "match_rule": row["matched_by"],
        }
        for row in await conn.fetch(_LIST_UNMATCHED_LINES, _LISTED_MAX)
    ]


async def list_unmatched_in_file(conn: Connection, evidence: bytes) -> list[dict[str, Any]]:
    """Return the unmatched lines of a file, named by its SHA-256."""
    return [
        {
            "line": row["number"],
            "amount_minor": row["amount_minor"],
            "direction": "credit" if row["is_credit"] else "debit",
            "booked_on": row["booked_on"].isoformat(),
            "end_to_end_id": row["end_to_end_id"],
            "description": row["description"],
            "match_rule": row["matched_by"],
        }
        for row in await conn.fetch(_LIST_UNMATCHED_LINES_OF_FILE, evidence)
    ]


async def match_manually(
    conn: Connection, line_id: str, payout_id: str, reason: str, by: str, now: datetime
) -> Settlement:
    """Match a line to a payout by hand; return the settlement. Matching again changes nothing.

    Raises SettlementRefused if the line or payout does not exist, the line has another payout, or
    the line does not fit the payout. Joins the caller's transaction.
    """
    await lock_statements(conn)
    reason = _clean_reason(reason)
    row = await conn.fetchrow(_FIND_UNMATCHED_LINE, line_id)
    if row is None:
        raise SettlementRefused("statement_line_not_found", line=line_id)
    settlement, payout = await lock_payout(conn, payout_id)
    if row["payout_id"] == payout_id:
        return settlement
    line = _build_statement_line(row)
    blocker = match_blocker(line_id, row, line, settlement, payout)
    if blocker:
        raise blocker
    head = row["account"], row["statement_id"], row["edition"], row["number"]
    await conn.execute(_ADD_STATEMENT_MATCH, *head, payout_id, reason, by, now)
    post_match = record_returned if line.is_credit else record_paid
    await post_match(conn, settlement, payout, line, StatementSource(by, now, row["evidence"]))
    return (await lock_payout(conn, payout_id))[0]


def _clean_reason(reason: str) -> str:
    trimmed = reason.strip()
    if not (1 <= len(trimmed) <= _REASON_CHARS_MAX and trimmed.isprintable()):
        raise SettlementRefused("reason_not_printable", chars_number=_REASON_CHARS_MAX)
    return trimmed


def _build_statement_line(row: asyncpg.Record) -> StatementLine:
    description: str = row["description"]
    return StatementLine(
        number=row["number"],
        amount_minor=row["amount_minor"],
        is_credit=row["is_credit"],
        booked_on=row["booked_on"],
        end_to_end_id=row["end_to_end_id"],
        bank_reference=row["bank_reference"],
        reason_text=description[:_REASON_CHARS_MAX] or None,
        text=description,
    )


def match_blocker(
    line_id: str, row: asyncpg.Record, line: StatementLine, settlement: Settlement, payout: Payout
) -> Refusal | None:
    """Return the reason why a line cannot belong to a payout, None if it can. Pure."""
    if row["payout_id"] is not None:
        return SettlementRefused("statement_line_already_matched", line=line_id, payout=row["payout_id"])
    if (line.amount_minor, row["currency"]) != (payout.amount_minor, settlement.currency):
        return SettlementRefused(
            "statement_line_amount_differs",
            line_minor=line.amount_minor,
            line_currency=row["currency"],
            payout=payout.payout_id,
            payout_minor=payout.amount_minor,
            payout_currency=settlement.currency,
        )
    if not fits_state(line, payout.state):
        code = "payout_cannot_have_returned" if line.is_credit else "payout_cannot_have_left"
        return SettlementRefused(code, payout=payout.payout_id, state=payout.state.value)
    return None
