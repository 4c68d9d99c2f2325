"""Cancel a settlement before any of its payouts was sent."""

from datetime import datetime

from ledger.accounting.journal import Account, Posting, TransferStep, post_transfer
from ledger.errors import Refusal, SettlementRefused
from ledger.settlements.approvals import lock_settlement
from ledger.settlements.model import ApprovalRules, Settlement, SettlementShare, SettlementState
from ledger.settlements.payout_steps import PayoutState
from ledger.settlements.payout_transfers import correction_key
from ledger.settlements.transitions import record_step
from sql import Connection, query

_FIND_NEWEST_SETTLEMENT = query("find_newest_settlement")
_SUM_UNCORRECTABLE_MINOR = query("sum_uncorrectable_minor")


async def cancel_settlement(
    conn: Connection, settlement_id: str, rules: ApprovalRules, by: str, now: datetime
) -> Settlement:
    """Cancel a settlement and return it; its money goes back to `pledged` for the next period.

    Raises SettlementRefused if a payout was sent, if a later settlement exists, or if its money
    cannot go back. Joins the caller's transaction, which must hold the campaign's lock.
    """
    settlement = await lock_settlement(conn, settlement_id)
    blocker = cancellation_blocker(settlement, rules, await conn.fetchval(_FIND_NEWEST_SETTLEMENT, settlement_id))
    if blocker:
        raise blocker
    for payout in settlement.payouts:
        await record_step(conn, settlement, payout, payout.latest_step.next_step(PayoutState.CANCELLED, by, now))
    for share in settlement.shares:
        await _return_share(conn, settlement, share)
    # The pledge of this money was corrected meanwhile, and only once (decision 0008).
    if await conn.fetchval(_SUM_UNCORRECTABLE_MINOR, settlement.campaign, "pledged") > 0:
        raise SettlementRefused("settlement_money_stranded", settlement=settlement_id)
    return await lock_settlement(conn, settlement_id)


async def _return_share(conn: Connection, settlement: Settlement, share: SettlementShare) -> None:
    if share.transfer_id is None:
        return
    source = Account("payable", settlement.currency, settlement.campaign, share.charity)
    target = Account("pledged", settlement.currency, settlement.campaign)
    key, reference = correction_key(share.transfer_id), f"{settlement.settlement_id} cancelled"
    await post_transfer(
        conn, Posting(key, TransferStep.SETTLE, source, target, share.share_minor, reference, share.transfer_id)
    )


def cancellation_blocker(settlement: Settlement, rules: ApprovalRules, newest_id: str) -> Refusal | None:
    """Return the reason why a settlement cannot be cancelled, None if it can. Pure."""
    state = settlement.state(rules)
    if state not in {SettlementState.OPEN, SettlementState.APPROVED}:
        return SettlementRefused("settlement_not_cancellable", settlement=settlement.settlement_id, state=state.value)
    if newest_id != settlement.settlement_id:
        return SettlementRefused(
            "later_settlement_exists", settlement=settlement.settlement_id, campaign=settlement.campaign
        )
    return None
