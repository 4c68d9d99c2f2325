"""Approvals: different people say yes to the same hash; any change makes another hash, and their yes void."""

from datetime import datetime

from ledger.errors import SettlementRefused
from ledger.settlements.model import Settlement, list_settlements
from ledger.settlements.payout_steps import PayoutState
from sql import Connection, query

_LOCK_CAMPAIGN_OF_SETTLEMENT = query("lock_campaign_of_settlement")
_ADD_APPROVAL = query("add_approval")


async def lock_settlement(conn: Connection, settlement_id: str) -> Settlement:
    """Return the envelope as it is, locked until the caller's transaction ends. SettlementRefused: there is none."""
    await conn.execute(_LOCK_CAMPAIGN_OF_SETTLEMENT, settlement_id)
    found = await list_settlements(conn, settlement_id=settlement_id)
    if not found:
        raise SettlementRefused(f"there is no settlement {settlement_id!r}")
    return found[0]


async def approve(
    conn: Connection, settlement_id: str, approved_hash: bytes, approver: str, now: datetime
) -> Settlement:
    """Approve what the hash names, in the caller's transaction; again: changes nothing. Returns the envelope.

    SettlementRefused: it is another hash by now, there is nothing to approve, or the person made it.
    """
    envelope = await lock_settlement(conn, settlement_id)
    refused = approval_blocker(envelope, approved_hash, approver)
    if refused:
        raise SettlementRefused(refused)
    await conn.execute(_ADD_APPROVAL, settlement_id, approved_hash, approver, now)
    return await lock_settlement(conn, settlement_id)


def approval_blocker(settlement: Settlement, approved_hash: bytes, approver: str) -> str | None:
    """Return why this person cannot approve that; None: they can. Pure."""
    if approved_hash != settlement.hash:
        return f"{settlement.settlement_id} has changed: look at it again, its hash is {settlement.hash.hex()}"
    if approver == settlement.made_by:
        return f"{approver} made {settlement.settlement_id} and cannot approve it"
    if approver in settlement.makers:
        return f"{approver} asked for another attempt of a payout in {settlement.settlement_id} and cannot approve it"
    if not any(payout.state is PayoutState.WAITING for payout in settlement.payouts):
        return f"{settlement.settlement_id} holds nothing that waits to be sent: there is nothing to approve"
    return None
