"""Record the result of a payout that a person reports."""

from datetime import datetime

from ledger.errors import SettlementRefused
from ledger.payouts.channels import PaymentOutcome, PaymentResult
from ledger.payouts.sending import ensure_not_being_sent, record_results
from ledger.settlements.approvals import lock_settlement
from ledger.settlements.model import Payout, Settlement
from ledger.settlements.payout_steps import PayoutState
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


def takes_result(state: PayoutState, outcome: PaymentOutcome) -> bool:
    """Tell whether a payout in this state can have this result. Pure."""
    is_refused_later = state is PayoutState.SENT and outcome is PaymentOutcome.REFUSED
    return state is PayoutState.SENDING or is_refused_later


async def record_result_manually(
    conn: Connection, payout_id: str, result: PaymentResult, by: str, now: datetime, evidence: bytes | None
) -> Settlement:
    """Record a result that a person reports for a payout; return its settlement.

    A payout takes any result while it is `sending`, and a refusal while it is `sent`. Raises
    SettlementRefused in other states, and ConcurrentUpdate if it is being sent right now. Joins the
    caller's transaction.
    """
    settlement, payout = await lock_payout(conn, payout_id)
    if not takes_result(payout.state, result.outcome):
        raise SettlementRefused("payout_not_sending", payout=payout_id, state=payout.state.value)
    await ensure_not_being_sent(conn, payout)
    await record_results(conn, settlement, [payout], result, by, now, evidence)
    return await lock_settlement(conn, settlement.settlement_id)
