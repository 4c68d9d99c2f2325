"""Statuses that no rule could apply: list them, and record what a person decides."""

from datetime import datetime
from typing import Any

from ledger.errors import SettlementRefused
from ledger.payouts.manual import lock_payout
from ledger.reconciliation.bookings import StatementSource
from ledger.reconciliation.reconcile import lock_statements
from ledger.reconciliation.statements import PaymentStatus, StatusLevel, StatusOutcome
from ledger.reconciliation.statuses import record_status
from ledger.reconciliation.unmatched import clean_reason
from ledger.settlements.payout_steps import PayoutState
from sql import Connection, query

_LISTED_MAX = 1_000

_LIST_UNREVIEWED_STATUSES = query("list_unreviewed_statuses")
_FIND_PAYMENT_STATUS = query("find_payment_status")
_ADD_STATUS_REVIEW = query("add_status_review")


async def list_unreviewed(conn: Connection, evidence: bytes | None = None) -> list[dict[str, Any]]:
    """Return the newest statuses that wait for a person; of one file, or all if None."""
    return [
        {
            "id": row["status_id"],
            "level": row["level"],
            "status": row["status_code"],
            "message": row["message_id"] or row["payment_information_id"],
            "references": row["refs"],
            "reason_code": row["reason_code"],
            "reason_text": row["reason_text"],
            "match_rule": row["unmatched_by"],
            "imported_at": row["imported_at"].isoformat(),
        }
        for row in await conn.fetch(_LIST_UNREVIEWED_STATUSES, evidence, _LISTED_MAX)
    ]


async def review_status(
    conn: Connection, status_id: str, payout_id: str | None, reason: str, by: str, now: datetime
) -> bool:
    """Record a person's decision about a status: it refuses a payout, or changes nothing.

    Return whether it is new; deciding the same again changes nothing. Raises SettlementRefused if
    the status or the payout does not exist, the status was decided otherwise, or it cannot refuse
    the payout. Joins the caller's transaction.
    """
    await lock_statements(conn)
    reason = clean_reason(reason)
    row = await conn.fetchrow(_FIND_PAYMENT_STATUS, status_id)
    if row is None:
        raise SettlementRefused("payment_status_not_found", status=status_id)
    if row["is_reviewed"]:
        if row["payout_id"] == payout_id:
            return False
        raise SettlementRefused("payment_status_already_reviewed", status=status_id)
    if payout_id is not None:
        await _refuse_payout(conn, row, payout_id, StatementSource(by, now, row["evidence"]))
    await conn.execute(_ADD_STATUS_REVIEW, status_id, payout_id, reason, by, now)
    return True


async def _refuse_payout(conn: Connection, row: Any, payout_id: str, source: StatementSource) -> None:
    settlement, payout = await lock_payout(conn, payout_id)
    status = PaymentStatus(
        StatusLevel(row["level"]), row["status_code"], reason_code=row["reason_code"], reason_text=row["reason_text"]
    )
    if status.outcome is not StatusOutcome.REFUSED:
        code = status.status_code
        raise SettlementRefused("payment_status_refuses_nothing", status=row["status_id"], status_code=code)
    if payout.state not in {PayoutState.SENDING, PayoutState.SENT}:
        raise SettlementRefused("payout_cannot_be_refused", payout=payout_id, state=payout.state.value)
    await record_status(conn, status, settlement, payout, source)
