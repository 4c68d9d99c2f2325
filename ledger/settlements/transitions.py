"""Record the next step of a payout, with its leaf."""

from ledger.settlements.model import Envelope, Payout
from ledger.settlements.payout_steps import PayoutStep, take_step
from sql import Connection


async def told(conn: Connection, envelope: Envelope, payout: Payout, step: PayoutStep) -> None:
    """Store a payout's next step and tell the log, in the caller's transaction."""
    await take_step(conn, step, envelope.campaign, envelope.settlement_id, payout.charity, payout.amount_minor)
