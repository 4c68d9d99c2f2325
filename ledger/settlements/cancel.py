"""Cancel a settlement before any of its payouts was sent."""

from datetime import datetime

from ledger.accounting.journal import Account, Posting, TransferStep, post_transfer
from ledger.errors import SettlementRefused
from ledger.settlements.approvals import lock_settlement
from ledger.settlements.model import ApprovalRules, Settlement, SettlementState
from ledger.settlements.payout_steps import PayoutState
from ledger.settlements.payout_transfers import correction_key
from ledger.settlements.transitions import record_step
from sql import Connection, query

_FIND_NEWEST_SETTLEMENT = query("find_newest_settlement")
_SUM_UNCORRECTABLE_MINOR = query("sum_uncorrectable_minor")
# The pledge that its money came by was corrected since, and is corrected once only (decision 0008).
_STRANDED_MONEY = (
    "{} cannot be cancelled: likes were taken back since it was made, and its money could not follow them; send it"
)


async def cancel_settlement(
    conn: Connection, settlement_id: str, rules: ApprovalRules, by: str, now: datetime
) -> Settlement:
    """Cancel an envelope of which nothing was sent; its money goes back to `pledged`, for the next period to take.

    Joins the caller's transaction, which holds the campaign's lock. SettlementRefused where it cannot be.
    """
    envelope = await lock_settlement(conn, settlement_id)
    refused = cancellation_blocker(envelope, rules, await conn.fetchval(_FIND_NEWEST_SETTLEMENT, settlement_id))
    if refused:
        raise SettlementRefused(refused)
    for payout in envelope.payouts:
        await record_step(conn, envelope, payout, payout.latest_step.next_step(PayoutState.CANCELLED, by, now))
    for share in envelope.shares:
        if share.transfer_id is not None:
            source = Account("payable", envelope.currency, envelope.campaign, share.charity)
            target = Account("pledged", envelope.currency, envelope.campaign)
            key, reason = correction_key(share.transfer_id), f"{settlement_id} cancelled"
            await post_transfer(
                conn, Posting(key, TransferStep.SETTLE, source, target, share.share_minor, reason, share.transfer_id)
            )
    if await conn.fetchval(_SUM_UNCORRECTABLE_MINOR, envelope.campaign, "pledged") > 0:
        raise SettlementRefused(_STRANDED_MONEY.format(settlement_id))
    return await lock_settlement(conn, settlement_id)


def cancellation_blocker(settlement: Settlement, rules: ApprovalRules, newest_id: str) -> str | None:
    """Return why an envelope cannot be cancelled; None: it can. Pure."""
    state = settlement.state(rules)
    if state not in {SettlementState.OPEN, SettlementState.APPROVED}:
        return f"{settlement.settlement_id} is {state.value}: only what was not sent at all can be cancelled"
    if newest_id != settlement.settlement_id:
        return f"a later period of {settlement.campaign} builds on {settlement.settlement_id}"
    return None
