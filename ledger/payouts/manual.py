"""What people change of an envelope: cancel it before anything was sent, or try a payout that came back again."""

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
    """Return a payout and its envelope, locked until the caller's transaction ends. SettlementRefused: none."""
    settlement_id = await conn.fetchval(_FIND_SETTLEMENT_OF_PAYOUT, payout_id)
    if settlement_id is None:
        raise SettlementRefused(f"there is no payout {payout_id!r}")
    envelope = await lock_settlement(conn, settlement_id)
    return envelope, next(payout for payout in envelope.payouts if payout.payout_id == payout_id)


async def retry_returned(conn: Connection, payout_id: str, payee: str, by: str, now: datetime) -> Settlement:
    """Let a payout that came back wait for another attempt, to an account that may be another by now.

    Joins the caller's transaction. The envelope's hash is another then, so it is to be approved anew.
    """
    envelope, payout = await lock_payout(conn, payout_id)
    if payout.state is not PayoutState.RETURNED:
        raise SettlementRefused(f"{payout_id} is {payout.state.value}: only what came back can be tried again")
    step = payout.latest_step.next_step(
        PayoutState.WAITING, by, now, attempt=payout.latest_step.attempt + 1, payee=payee
    )
    await record_step(conn, envelope, payout, step)
    return await lock_settlement(conn, envelope.settlement_id)


async def record_result_manually(
    conn: Connection, payout_id: str, result: PaymentResult, by: str, now: datetime, evidence: bytes | None
) -> Settlement:
    """Write down what a person knows of a payout that is `sending`, in the caller's transaction."""
    envelope, payout = await lock_payout(conn, payout_id)
    if payout.state is not PayoutState.SENDING:
        raise SettlementRefused(f"{payout_id} is {payout.state.value}, not sending: nothing is unknown of it")
    await ensure_not_being_sent(conn, payout)
    await record_results(conn, envelope, [payout], result, by, now, evidence)
    return await lock_settlement(conn, envelope.settlement_id)
