"""Statement lines and statuses that no rule matched: list them, and decide them by hand.

A manual match moves money as the statement would have: the same steps and transfers, once. What the
line holds beyond its payouts becomes a difference with the person's reason.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import asyncpg

from ledger.errors import Refusal, SettlementRefused
from ledger.payouts.manual import lock_payout
from ledger.reconciliation.bookings import (
    DifferenceKind,
    LineKey,
    StatementSource,
    record_booking,
    record_difference,
    was_sent,
)
from ledger.reconciliation.reconcile import lock_statements
from ledger.reconciliation.statements import StatementLine
from ledger.settlements.model import Payout, Settlement
from ledger.settlements.payout_steps import PayoutState
from sql import Connection, query

_LISTED_MAX = 1_000
_REASON_CHARS_MAX = 500

_LIST_UNMATCHED_LINES = query("list_unmatched_lines")
_LIST_UNMATCHED_LINES_OF_FILE = query("list_unmatched_lines_of_file")
_FIND_LINE = query("find_statement_line")
_ADD_STATEMENT_MATCH = query("add_statement_match")

_DEBIT_STATES = {PayoutState.SENDING, PayoutState.SENT}
_UNDONE_STATES = {PayoutState.RETURNED, PayoutState.WAITING}  # the bank executed what it had refused
_CREDIT_STATES = {PayoutState.SENDING, PayoutState.SENT, PayoutState.PAID}


class LineParts(NamedTuple):
    """The parts of a line beside its payouts, as the account's loss."""

    charge_minor: int  # stated by the bank
    difference_minor: int  # a person accepts it


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
    conn: Connection, line_id: str, payout_ids: Sequence[str], reason: str, by: str, now: datetime
) -> LineParts:
    """Match a line to payouts by hand; return the rest of the line. Again, it changes nothing.

    Raises SettlementRefused if the line or a payout does not exist, the line has other payouts, or
    the line does not fit the payouts. Joins the caller's transaction.
    """
    await lock_statements(conn)
    reason = clean_reason(reason)
    row = await conn.fetchrow(_FIND_LINE, line_id)
    if row is None:
        raise SettlementRefused("statement_line_not_found", line=line_id)
    pairs = [await lock_payout(conn, payout_id) for payout_id in sorted(set(payout_ids))]
    line = build_statement_line(row)
    parts = split_line(line, [payout for _, payout in pairs])
    if row["payout_ids"]:
        if row["is_manual"] and set(row["payout_ids"]) == set(payout_ids):
            return parts
        raise SettlementRefused("statement_line_already_matched", line=line_id, payout=", ".join(row["payout_ids"]))
    for settlement, payout in pairs:
        blocker = match_blocker(line, row["currency"], settlement, payout)
        if blocker:
            raise blocker
    key = LineKey(row["account"], row["statement_id"], row["edition"], row["number"])
    source = StatementSource(by, now, row["evidence"])
    await conn.execute(_ADD_STATEMENT_MATCH, *key, reason, by, now)
    await record_difference(conn, key, DifferenceKind.CHARGE, parts.charge_minor, source)
    await record_difference(conn, key, DifferenceKind.DIFFERENCE, parts.difference_minor, source)
    for settlement, payout in pairs:
        await record_booking(conn, settlement, payout, line, key, source)
    return parts


def clean_reason(reason: str) -> str:
    """Return a person's reason without surrounding spaces.

    Raises SettlementRefused if it is empty, too long or not printable.
    """
    trimmed = reason.strip()
    if not (1 <= len(trimmed) <= _REASON_CHARS_MAX and trimmed.isprintable()):
        raise SettlementRefused("reason_not_printable", chars_number=_REASON_CHARS_MAX)
    return trimmed


def build_statement_line(row: asyncpg.Record) -> StatementLine:
    """Return a stored row as a line. Pure."""
    description: str = row["description"]
    return StatementLine(
        number=row["number"],
        amount_minor=row["amount_minor"],
        is_credit=row["is_credit"],
        booked_on=row["booked_on"],
        end_to_end_id=row["end_to_end_id"],
        bank_reference=row["bank_reference"],
        reason_code=row["reason_code"],
        reason_text=description[:_REASON_CHARS_MAX] or None,
        text=description,
        references=tuple(row["line_references"]),
        charges_minor=row["charges_minor"],
    )


def split_line(line: StatementLine, payouts: Sequence[Payout]) -> LineParts:
    """Return the parts of a line beside these payouts, the bank's stated charges first. Pure."""
    payouts_minor = sum(payout.amount_minor for payout in payouts)
    lost_minor = payouts_minor - line.amount_minor if line.is_credit else line.amount_minor - payouts_minor
    charge_minor = max(0, min(lost_minor, line.charges_minor))
    return LineParts(charge_minor, lost_minor - charge_minor)


def match_blocker(line: StatementLine, currency: str, settlement: Settlement, payout: Payout) -> Refusal | None:
    """Return the reason why a line cannot belong to a payout, None if it can. Pure."""
    if currency != settlement.currency:
        return SettlementRefused(
            "statement_line_currency_differs",
            line_currency=currency,
            payout=payout.payout_id,
            payout_currency=settlement.currency,
        )
    if line.is_credit:
        is_possible = payout.state in _CREDIT_STATES
    else:
        is_possible = payout.state in _DEBIT_STATES or (payout.state in _UNDONE_STATES and was_sent(payout))
    if is_possible:
        return None
    code = "payout_cannot_have_returned" if line.is_credit else "payout_cannot_have_left"
    return SettlementRefused(code, payout=payout.payout_id, state=payout.state.value)
