"""The payday of the demonstration: settle, approve by two people, send to the bank, import its statements.

Each step calls the function behind a command: `settle`, `payouts approve`, `send`, `import-statement`.
"""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from campaigns.catalogue.cache import Campaign
from campaigns.pledging import settle
from campaigns.reporting.settlements import approval_rules
from ledger.payouts import sending
from ledger.payouts.channels.pain001 import Pain001Channel, Payer
from ledger.payouts.sending import end_to_end_id
from ledger.reconciliation import reconcile
from ledger.settlements import approvals
from ledger.settlements.model import Settlement, list_settlements
from ledger.settlements.payout_steps import PayoutState
from ledger.settlements.settle import SettlementResult
from ops.app import Service
from ops.demo.bank import BIC, STATEMENTS, STATUS_REPORTS, Bank, run_bank
from sql import Pool

DEMO_PERSON, APPROVERS = "demonstration", ("first approver", "second approver")
RETURNING_CHARITY = "mobile-libraries"  # its account is closed: the bank returns the last payout
_DAYS_MAX = 15


async def run_payday(service: Service, campaign: Campaign, now: datetime) -> list[Settlement]:
    """Settle due periods and let the bank pay; return the settlements as stored then, oldest first."""
    results = await settle.settle_due_periods(service.pool, campaign, DEMO_PERSON, now)
    if not results:
        return []
    async with run_bank(now) as counterparty:
        await counterparty.open_account(
            DEMO_PERSON, campaign.promise.campaign.currency, sum(s.total_minor for s in results)
        )
        folder = service.settings.payout_folder or service.settings.data_dir / "outbox"
        channel = Pain001Channel(Payer(DEMO_PERSON, {"iban": counterparty.iban, "bic": BIC}), folder)
        sent = [await _approve_and_send(service.pool, campaign, result, channel, now) for result in results]
        returning = _returning_message_id(sent[-1])
        if returning is not None:
            await counterparty.return_payout(returning)
        for settlement in sent:
            await _submit_to_bank(service.pool, counterparty, settlement, folder)
        return await _advance_days(service.pool, counterparty, sent, now)


async def _approve_and_send(
    pool: Pool, campaign: Campaign, result: SettlementResult, channel: Pain001Channel, now: datetime
) -> Settlement:
    rules = approval_rules(campaign)
    async with pool.acquire() as conn, conn.transaction():
        (settlement,) = await list_settlements(conn, settlement_id=result.settlement_id)
        for person in APPROVERS if settlement.missing_approvals(rules) else ():
            await approvals.approve(conn, result.settlement_id, settlement.hash, person, now)
        zoned_now = now.astimezone(campaign.calendar.timezone)
        await sending.claim_for_sending(conn, channel, result.settlement_id, rules, DEMO_PERSON, zoned_now)
    await sending.resume_sending(pool, channel, result.settlement_id, DEMO_PERSON, now)
    async with pool.acquire() as conn:
        (settlement,) = await list_settlements(conn, settlement_id=result.settlement_id)
    return settlement


def _returning_message_id(settlement: Settlement) -> str | None:
    payouts = (p for p in settlement.payouts if p.charity == RETURNING_CHARITY)
    return next((end_to_end_id(p.payout_id, p.latest_step.attempt) for p in payouts), None)


async def _submit_to_bank(pool: Pool, counterparty: Bank, settlement: Settlement, folder: Path) -> None:
    """Submit the files of a settlement to the bank."""
    async with pool.acquire() as conn:
        messages = await sending.list_messages(conn, settlement.settlement_id)
    for message in messages:
        await counterparty.submit((folder / f"{message.message_id}.xml").read_bytes())


async def _advance_days(
    pool: Pool, counterparty: Bank, settlements: Sequence[Settlement], now: datetime
) -> list[Settlement]:
    """Import the bank's files day by day until every payout is final."""
    await _import_files(pool, await counterparty.collect_messages(STATUS_REPORTS), now)
    stored = list(settlements)
    for _ in range(_DAYS_MAX):
        await counterparty.advance_day()
        await _import_files(pool, await counterparty.collect_messages(STATEMENTS), now)
        async with pool.acquire() as conn:
            stored = [(await list_settlements(conn, settlement_id=e.settlement_id))[0] for e in settlements]
        if _is_complete(stored):
            break
    return stored


async def _import_files(pool: Pool, files: Sequence[bytes], now: datetime) -> None:
    for file in files:
        async with pool.acquire() as conn, conn.transaction():
            await reconcile.import_file(conn, file, DEMO_PERSON, now)


def _is_complete(settlements: Sequence[Settlement]) -> bool:
    returned = any(p.state is PayoutState.RETURNED for p in settlements[-1].payouts)
    states = {payout.state for settlement in settlements for payout in settlement.payouts}
    return states <= {PayoutState.PAID, PayoutState.RETURNED} and (
        returned or _returning_message_id(settlements[-1]) is None
    )
