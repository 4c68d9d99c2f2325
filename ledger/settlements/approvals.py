"""Approvals: different people say yes to the same hash; any change makes another hash, and their yes void."""

from datetime import datetime

from ledger.errors import SettlementRefused
from ledger.settlements.model import Envelope, envelopes
from ledger.settlements.payout_steps import State
from sql import Connection, query

_LOCK_CAMPAIGN_OF_SETTLEMENT = query("lock_campaign_of_settlement")
_ADD_APPROVAL = query("add_approval")


async def locked(conn: Connection, settlement_id: str) -> Envelope:
    """Return the envelope as it is, locked until the caller's transaction ends. SettlementRefused: there is none."""
    await conn.execute(_LOCK_CAMPAIGN_OF_SETTLEMENT, settlement_id)
    found = await envelopes(conn, settlement_id=settlement_id)
    if not found:
        raise SettlementRefused(f"there is no settlement {settlement_id!r}")
    return found[0]


async def approve(conn: Connection, settlement_id: str, approved_hash: bytes, person: str, now: datetime) -> Envelope:
    """Approve what the hash names, in the caller's transaction; again: changes nothing. Returns the envelope.

    SettlementRefused: it is another hash by now, there is nothing to approve, or the person made it.
    """
    envelope = await locked(conn, settlement_id)
    refused = why_not(envelope, approved_hash, person)
    if refused:
        raise SettlementRefused(refused)
    await conn.execute(_ADD_APPROVAL, settlement_id, approved_hash, person, now)
    return await locked(conn, settlement_id)


def why_not(envelope: Envelope, approved_hash: bytes, person: str) -> str | None:
    """Return why this person cannot approve that; None: they can. Pure."""
    if approved_hash != envelope.hash:
        return f"{envelope.settlement_id} has changed: look at it again, its hash is {envelope.hash.hex()}"
    if person == envelope.made_by:
        return f"{person} made {envelope.settlement_id} and cannot approve it"
    if person in envelope.makers:
        return f"{person} asked for another attempt of a payout in {envelope.settlement_id} and cannot approve it"
    if not any(payout.state is State.WAITING for payout in envelope.payouts):
        return f"{envelope.settlement_id} holds nothing that waits to be sent: there is nothing to approve"
    return None
