"""Approvals: people approve a settlement's hash; any change of it voids their approvals."""

from datetime import datetime

from ledger.errors import Refusal, SettlementRefused
from ledger.person_names import is_same_person
from ledger.settlements.model import Settlement, list_settlements
from ledger.settlements.payout_steps import PayoutState
from sql import Connection, query

_LOCK_CAMPAIGN_OF_SETTLEMENT = query("lock_campaign_of_settlement")
_ADD_APPROVAL = query("add_approval")


async def lock_settlement(conn: Connection, settlement_id: str) -> Settlement:
    """Return a settlement, locked until the caller's transaction ends.

    Raises SettlementRefused if it does not exist. Joins the caller's transaction.
    """
    await conn.execute(_LOCK_CAMPAIGN_OF_SETTLEMENT, settlement_id)
    settlements = await list_settlements(conn, settlement_id=settlement_id)
    if not settlements:
        raise SettlementRefused("settlement_not_found", settlement=settlement_id)
    return settlements[0]


async def approve(
    conn: Connection, settlement_id: str, approved_hash: bytes, approver: str, now: datetime
) -> Settlement:
    """Store the approval of a hash; return the settlement. Approving again changes nothing.

    Raises SettlementRefused if the settlement has another hash, if nothing waits to be sent, or if
    the approver made it. Joins the caller's transaction.
    """
    settlement = await lock_settlement(conn, settlement_id)
    blocker = approval_blocker(settlement, approved_hash, approver)
    if blocker:
        raise blocker
    await conn.execute(_ADD_APPROVAL, settlement_id, approved_hash, approver, now)
    return await lock_settlement(conn, settlement_id)


def approval_blocker(settlement: Settlement, approved_hash: bytes, approver: str) -> Refusal | None:
    """Return the reason why this person cannot approve this hash, None if they can. Pure."""
    settlement_id = settlement.settlement_id
    if approved_hash != settlement.hash:
        return SettlementRefused("settlement_changed", settlement=settlement_id, hash=settlement.hash.hex())
    if is_same_person(approver, settlement.made_by):
        return SettlementRefused("approver_made_settlement", name=approver, settlement=settlement_id)
    if any(is_same_person(approver, maker) for maker in settlement.makers):
        return SettlementRefused("approver_retried_payout", name=approver, settlement=settlement_id)
    if not any(payout.state is PayoutState.WAITING for payout in settlement.payouts):
        return SettlementRefused("nothing_to_approve", settlement=settlement_id)
    return None
