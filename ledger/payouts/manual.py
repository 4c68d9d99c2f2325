"""Changes that a person makes to a payout: retry it, or record its result."""

from datetime import datetime

from ledger.errors import SettlementRefused
from ledger.payouts.channels import PaymentResult
from ledger.payouts.sending import ensure_not_being_sent, record_results
from ledger.settlements.approvals import lock_settlement
from ledger.settlements.model import Payout, Settlement
from ledger.settlements.payout_steps import PayoutState
from ledger.settlements.transitions import record_step
from sql import Connection, query

_FIND_SETTLEMENT_OF_PAYOUT = query("find_settlement_of_payout")


async def lock_payout(conn: Connection, payout_id: str) -> tuple[Settlement, Payout]:
    """Return a payout with its settlement, locked until the caller's transaction ends.

    Raises SettlementRefused if it does not exist. Joins the caller's transaction.
    """
    settlement_id = await conn.fetchval(_FIND_SETTLEMENT_OF_PAYOUT, payout_id)
    if settlement_id is None:
        raise SettlementRefused("payout_not_found", payout=payout_id)
    settlement = await lock_settlement(conn, settlement_id)
    return settlement, next(payout for payout in settlement.payouts if payout.payout_id == payout_id)


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


async def record_result_manually(
    conn: Connection, payout_id: str, result: PaymentResult, by: str, now: datetime, evidence: bytes | None
) -> Settlement:
    """Record a result that a person reports for a `sending` payout; return its settlement.

    Raises SettlementRefused if the payout is not `sending`, and ConcurrentUpdate if it is being
    sent right now. Joins the caller's transaction.
    """
    settlement, payout = await lock_payout(conn, payout_id)
    if payout.state is not PayoutState.SENDING:
        raise SettlementRefused("payout_not_sending", payout=payout_id, state=payout.state.value)
    await ensure_not_being_sent(conn, payout)
    await record_results(conn, settlement, [payout], result, by, now, evidence)
    return await lock_settlement(conn, settlement.settlement_id)
