"""Retry a returned payout."""

from datetime import datetime

from ledger.errors import SettlementRefused
from ledger.payouts.manual import lock_payout
from ledger.settlements.approvals import lock_settlement
from ledger.settlements.model import Settlement
from ledger.settlements.payout_steps import PayoutState
from ledger.settlements.transitions import record_step
from sql import Connection


async def retry_returned(conn: Connection, payout_id: str, payee: str, by: str, now: datetime) -> Settlement:
    """Start another attempt of a payout, to `payee` (RFC 8785 JSON); return its settlement.

    The settlement's hash changes, so it needs new approvals. Raises SettlementRefused if the payout
    was not returned. Joins the caller's transaction.
    """
    settlement, payout = await lock_payout(conn, payout_id)
    if payout.state is not PayoutState.RETURNED:
        raise SettlementRefused("payout_not_returned", payout=payout_id, state=payout.state.value)
    step = payout.latest_step.next_step(
        PayoutState.WAITING, by, now, attempt=payout.latest_step.attempt + 1, payee=payee
    )
    await record_step(conn, settlement, payout, step)
    return await lock_settlement(conn, settlement.settlement_id)
