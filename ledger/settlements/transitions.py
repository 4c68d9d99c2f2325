"""Record the next step of a payout and its leaf."""

from ledger.settlements.model import Payout, Settlement
from ledger.settlements.payout_steps import PayoutStep, insert_step
from sql import Connection


async def record_step(conn: Connection, settlement: Settlement, payout: Payout, step: PayoutStep) -> None:
    """Store a payout's next step and enqueue its leaf. Joins the caller's transaction."""
    await insert_step(conn, step, settlement.campaign, settlement.settlement_id, payout.charity, payout.amount_minor)
