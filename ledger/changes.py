"""What people change of an envelope: cancel it before anything was sent, or try a payout that came back again."""

from datetime import datetime

from ledger.approvals import locked
from ledger.channels import Answer
from ledger.envelopes import Envelope, Payout, Rules
from ledger.errors import SettlementRefused
from ledger.journal import Account, Posting, Step, post
from ledger.payout_steps import State
from ledger.payout_transfers import correction_key
from ledger.payouts import answered, may_cancel, must_be_untold, told
from sql import Connection, query

_FIND_NEWEST_SETTLEMENT = query("find_newest_settlement")
_FIND_SETTLEMENT_OF_PAYOUT = query("find_settlement_of_payout")
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


async def find_payout(conn: Connection, payout_id: str) -> tuple[Envelope, Payout]:
    """Return a payout and its envelope, locked until the caller's transaction ends. SettlementRefused: none."""
    settlement_id = await conn.fetchval(_FIND_SETTLEMENT_OF_PAYOUT, payout_id)
    if settlement_id is None:
        raise SettlementRefused(f"there is no payout {payout_id!r}")
    envelope = await locked(conn, settlement_id)
    return envelope, next(payout for payout in envelope.payouts if payout.payout_id == payout_id)


async def again(conn: Connection, payout_id: str, payee: str, by: str, now: datetime) -> Envelope:
    """Let a payout that came back wait for another attempt, to an account that may be another by now.

    Joins the caller's transaction. The envelope's hash is another then, so it is to be approved anew.
    """
    envelope, payout = await find_payout(conn, payout_id)
    if payout.state is not State.RETURNED:
        raise SettlementRefused(f"{payout_id} is {payout.state.value}: only what came back can be tried again")
    step = payout.now.follow(State.WAITING, by, now, attempt=payout.now.attempt + 1, payee=payee)
    await told(conn, envelope, payout, step)
    return await locked(conn, envelope.settlement_id)


async def answer_by_hand(
    conn: Connection, payout_id: str, answer: Answer, by: str, now: datetime, evidence: bytes | None
) -> Envelope:
    """Write down what a person knows of a payout that is `sending`, in the caller's transaction."""
    envelope, payout = await find_payout(conn, payout_id)
    if payout.state is not State.SENDING:
        raise SettlementRefused(f"{payout_id} is {payout.state.value}, not sending: nothing is unknown of it")
    await must_be_untold(conn, payout)
    await answered(conn, envelope, [payout], answer, by, now, evidence)
    return await locked(conn, envelope.settlement_id)
