"""The demonstration's payday: settled, approved by two people, sent to the bank as a file, and paid as the bank says.

Every step is the function that the command line calls: `settle`, `payouts approve`, `send`, `import-statement`.
"""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from campaigns.catalogue.cache import Campaign
from campaigns.pledging import settle
from campaigns.reporting.settlements import rules
from ledger.payouts import sending
from ledger.payouts.channels.pain001 import Pain001, Payer
from ledger.payouts.sending import end_to_end_id
from ledger.reconciliation import reconcile
from ledger.settlements import approvals
from ledger.settlements.model import Envelope, envelopes
from ledger.settlements.payout_steps import State
from ledger.settlements.settle import Settled
from ops.app import Service
from ops.demo.bank import ANSWERS, BIC, STATEMENTS, Bank, bank
from sql import Pool

CLERK, APPROVERS = "demonstration", ("first approver", "second approver")
RETURNING = "mobile-libraries"  # whose account is closed: the last payout to it comes back
_DAYS_MAX = 15


async def pay(service: Service, campaign: Campaign, now: datetime) -> list[Envelope]:
    """Settle what is due and have the bank pay it; return the envelopes as they are then, oldest first."""
    made = await settle.settle_due(service.pool, campaign, CLERK, now)
    if not made:
        return []
    async with bank(now) as counterparty:
        await counterparty.open_account(CLERK, campaign.promise.campaign.currency, sum(s.total_minor for s in made))
        folder = service.settings.payout_folder or service.settings.data_dir / "outbox"
        channel = Pain001(Payer(CLERK, {"iban": counterparty.iban, "bic": BIC}), folder)
        sent = [await _send(service.pool, campaign, settled, channel, now) for settled in made]
        returning = _returning(sent[-1])
        if returning is not None:
            await counterparty.give_back(returning)
        for envelope in sent:
            await _hand_in(service.pool, counterparty, envelope, folder)
        return await _days_pass(service.pool, counterparty, sent, now)


async def _send(pool: Pool, campaign: Campaign, settled: Settled, channel: Pain001, now: datetime) -> Envelope:
    async with pool.acquire() as conn, conn.transaction():
        (envelope,) = await envelopes(conn, settlement_id=settled.settlement_id)
        for person in APPROVERS if envelope.missing_approvals(rules(campaign)) else ():
            await approvals.approve(conn, settled.settlement_id, envelope.hash, person, now)
    return await sending.send(pool, channel, settled.settlement_id, rules(campaign), CLERK, now)


def _returning(envelope: Envelope) -> str | None:
    found = (p for p in envelope.payouts if p.charity == RETURNING)
    return next((end_to_end_id(p.payout_id, p.now.attempt) for p in found), None)


async def _hand_in(pool: Pool, counterparty: Bank, envelope: Envelope, folder: Path) -> None:
    """Take the files to the bank, and its answers back."""
    async with pool.acquire() as conn:
        told = await sending.messages(conn, envelope.settlement_id)
    for message in told:
        await counterparty.hand_in((folder / f"{message.message_id}.xml").read_bytes())


async def _days_pass(pool: Pool, counterparty: Bank, sent: Sequence[Envelope], now: datetime) -> list[Envelope]:
    """Take in what the bank says, day by day, until it has said all."""
    await _take(pool, await counterparty.messages(ANSWERS), now)
    found = list(sent)
    for _ in range(_DAYS_MAX):
        await counterparty.next_day()
        await _take(pool, await counterparty.messages(STATEMENTS), now)
        async with pool.acquire() as conn:
            found = [(await envelopes(conn, settlement_id=e.settlement_id))[0] for e in sent]
        if _is_done(found):
            break
    return found


async def _take(pool: Pool, files: Sequence[bytes], now: datetime) -> None:
    for file in files:
        async with pool.acquire() as conn, conn.transaction():
            await reconcile.import_file(conn, file, CLERK, now)


def _is_done(found: Sequence[Envelope]) -> bool:
    returned = any(p.state is State.RETURNED for p in found[-1].payouts)
    every = {payout.state for envelope in found for payout in envelope.payouts}
    return every <= {State.PAID, State.RETURNED} and (returned or _returning(found[-1]) is None)
