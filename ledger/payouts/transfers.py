"""Move a payout's money: payable→in_flight→paid, and back by corrections."""

from ledger.accounting.journal import Account, Posting, TransferStep, post_transfer, transfer_id
from ledger.settlements.model import Payout, Settlement
from ledger.settlements.payout_transfers import STATE_BY_STEP, correction_key, transfer_key
from sql import Connection

_ACCOUNT_KINDS = {TransferStep.SEND: ("payable", "in_flight"), TransferStep.CONFIRM: ("in_flight", "paid")}


async def move_money(
    conn: Connection, settlement: Settlement, payout: Payout, step: TransferStep, reference: str
) -> None:
    """Move a payout's money one account right, once a step. Joins the caller's transaction."""
    source, target = (
        Account(kind, settlement.currency, settlement.campaign, payout.charity) for kind in _ACCOUNT_KINDS[step]
    )
    key = transfer_key(step, payout.payout_id, payout.latest_step.number)
    await post_transfer(conn, Posting(key, step, source, target, payout.amount_minor, reference))


async def move_money_back(conn: Connection, settlement: Settlement, payout: Payout, step: TransferStep) -> None:
    """Move a payout's money one account left, by correcting the transfer that moved it right.

    The payout's step stores the bank's reason. The transfer omits it, because the reason may name
    an account or a person and the public log keeps transfers for ever. Joins the caller's
    transaction.
    """
    target, source = (
        Account(kind, settlement.currency, settlement.campaign, payout.charity) for kind in _ACCOUNT_KINDS[step]
    )
    number = max(s.number for s in payout.steps if s.state is STATE_BY_STEP[step]) - 1
    corrected_id = transfer_id(transfer_key(step, payout.payout_id, number))
    key, reference = correction_key(corrected_id), f"{payout.payout_id} came back"
    await post_transfer(conn, Posting(key, step, source, target, payout.amount_minor, reference, corrected_id))
