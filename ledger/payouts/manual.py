"""What people change of an envelope: cancel it before anything was sent, or try a payout that came back again."""

from datetime import datetime

from ledger.errors import SettlementRefused
from ledger.payouts.channels import Answer
from ledger.payouts.sending import answered, must_be_untold
from ledger.settlements.approvals import locked
from ledger.settlements.model import Envelope, Payout
from ledger.settlements.payout_steps import State
from ledger.settlements.transitions import told
from sql import Connection, query

_FIND_SETTLEMENT_OF_PAYOUT = query("find_settlement_of_payout")


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
