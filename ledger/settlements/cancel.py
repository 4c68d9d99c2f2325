"""Cancel a settlement before any of its payouts was sent."""

from datetime import datetime

from ledger.accounting.journal import Account, Posting, Step, post
from ledger.errors import SettlementRefused
from ledger.settlements.approvals import locked
from ledger.settlements.model import Envelope, EnvelopeState, Rules
from ledger.settlements.payout_steps import State
from ledger.settlements.payout_transfers import correction_key
from ledger.settlements.transitions import told
from sql import Connection, query

_FIND_NEWEST_SETTLEMENT = query("find_newest_settlement")
_SUM_UNCORRECTABLE_MINOR = query("sum_uncorrectable_minor")
# The pledge that its money came by was corrected since, and is corrected once only (decision 0008).
_STRANDED = (
    "{} cannot be cancelled: likes were taken back since it was made, and its money could not follow them; send it"
)


async def cancel(conn: Connection, settlement_id: str, own: Rules, by: str, now: datetime) -> Envelope:
    """Cancel an envelope of which nothing was sent; its money goes back to `pledged`, for the next period to take.

    Joins the caller's transaction, which holds the campaign's lock. SettlementRefused where it cannot be.
    """
    envelope = await locked(conn, settlement_id)
    refused = may_cancel(envelope, own, await conn.fetchval(_FIND_NEWEST_SETTLEMENT, settlement_id))
    if refused:
        raise SettlementRefused(refused)
    for payout in envelope.payouts:
        await told(conn, envelope, payout, payout.now.follow(State.CANCELLED, by, now))
    for share in envelope.shares:
        if share.transfer_id is not None:
            source = Account("payable", envelope.currency, envelope.campaign, share.charity)
            target = Account("pledged", envelope.currency, envelope.campaign)
            key, reason = correction_key(share.transfer_id), f"{settlement_id} cancelled"
            await post(conn, Posting(key, Step.SETTLE, source, target, share.share_minor, reason, share.transfer_id))
    if await conn.fetchval(_SUM_UNCORRECTABLE_MINOR, envelope.campaign, "pledged") > 0:
        raise SettlementRefused(_STRANDED.format(settlement_id))
    return await locked(conn, settlement_id)


def may_cancel(envelope: Envelope, own: Rules, newest_id: str) -> str | None:
    """Return why an envelope cannot be cancelled; None: it can. Pure."""
    state = envelope.state(own)
    if state not in {EnvelopeState.OPEN, EnvelopeState.APPROVED}:
        return f"{envelope.settlement_id} is {state.value}: only what was not sent at all can be cancelled"
    if newest_id != envelope.settlement_id:
        return f"a later period of {envelope.campaign} builds on {envelope.settlement_id}"
    return None
