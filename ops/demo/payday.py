"""The payday of the demonstration: settle, approve by two people, send to the bank, import its statements.

Each step is a command of the administration, run by a person of the demonstration.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from campaigns.catalogue.cache import Campaign
from campaigns.reporting.settlements import approval_rules
from ledger.payouts import sending
from ledger.payouts.sending import end_to_end_id
from ledger.settlements.model import Settlement, list_settlements
from ledger.settlements.payout_steps import PayoutState
from ops.admin.core.command import CommandServices
from ops.admin.resources.settlements import MORE
from ops.app import Service
from ops.demo.administration import APPROVERS, TREASURER, run_command
from ops.demo.bank import BIC, STATEMENTS, STATUS_REPORTS, Bank, run_bank
from ops.settings import Settings
from sql import Pool

PAYER = "demonstration"
RETURNING_CHARITY = "mobile-libraries"  # its account is closed: the bank returns the last payout
_DAYS_MAX = 15


async def run_payday(service: Service, campaign: Campaign, now: datetime) -> list[Settlement]:
    """Settle due periods and let the bank pay; return the settlements as stored then, oldest first."""
    services = service.command_services
    made = await _settle(services, campaign.slug)
    if not made:
        return []
    async with run_bank(now) as counterparty:
        total_minor = sum(summary["total_minor"] for summary in made.values())
        await counterparty.open_account(PAYER, campaign.promise.campaign.currency, total_minor)
        services = replace(services, settings=_with_payer(services.settings, counterparty))
        sent = [await _approve_and_send(services, campaign, settlement_id) for settlement_id in made]
        returning = _returning_message_id(sent[-1])
        if returning is not None:
            await counterparty.return_payout(returning)
        for settlement in sent:
            await _submit_to_bank(services, counterparty, settlement)
        return await _advance_days(services, counterparty, sent)


async def _settle(services: CommandServices, slug: str) -> dict[str, Any]:
    """Settle every closed period; return a summary by the settlement's id, oldest first."""
    made: dict[str, Any] = {}
    while True:
        response = await run_command(services, TREASURER, "settlement.make", slug)
        after = dict(response["after"] or {})
        more = after.pop(MORE, False)
        made |= after
        if not more:
            return made


def _with_payer(settings: Settings, counterparty: Bank) -> Settings:
    """Return the settings of a service that pays from the account with the bank of the demonstration."""
    payer = {"payer_name": PAYER, "payer_account": counterparty.iban, "payer_bic": BIC}
    return settings.model_copy(update=payer | {"payout_channel": "pain001"})


async def _approve_and_send(services: CommandServices, campaign: Campaign, settlement_id: str) -> Settlement:
    settlement = await _read_settlement(services.pool, settlement_id)
    for person in APPROVERS if settlement.missing_approvals(approval_rules(campaign)) else ():
        await run_command(services, person, "settlement.approve", settlement_id, {"hash": settlement.hash.hex()})
    await run_command(services, TREASURER, "settlement.send", settlement_id, {"channel": "pain001"})
    return await _read_settlement(services.pool, settlement_id)


async def _read_settlement(pool: Pool, settlement_id: str) -> Settlement:
    async with pool.acquire() as conn:
        (settlement,) = await list_settlements(conn, settlement_id=settlement_id)
    return settlement


def _returning_message_id(settlement: Settlement) -> str | None:
    payouts = (p for p in settlement.payouts if p.charity == RETURNING_CHARITY)
    return next((end_to_end_id(p.payout_id, p.latest_step.attempt) for p in payouts), None)


async def _submit_to_bank(services: CommandServices, counterparty: Bank, settlement: Settlement) -> None:
    """Submit the files of a settlement to the bank."""
    folder = services.settings.payout_folder or services.settings.data_dir / "outbox"
    async with services.pool.acquire() as conn:
        messages = await sending.list_messages(conn, settlement.settlement_id)
    for message in messages:
        await counterparty.submit((folder / f"{message.message_id}.xml").read_bytes())


async def _advance_days(
    services: CommandServices, counterparty: Bank, settlements: Sequence[Settlement]
) -> list[Settlement]:
    """Import the bank's files day by day until every payout is final."""
    await _import_files(services, await counterparty.collect_messages(STATUS_REPORTS))
    stored = list(settlements)
    for _ in range(_DAYS_MAX):
        await counterparty.advance_day()
        await _import_files(services, await counterparty.collect_messages(STATEMENTS))
        stored = [await _read_settlement(services.pool, settlement.settlement_id) for settlement in settlements]
        if _is_complete(stored):
            break
    return stored


async def _import_files(services: CommandServices, files: Sequence[bytes]) -> None:
    for file in files:
        await run_command(services, TREASURER, "statement.import", "", {"content": file})


def _is_complete(settlements: Sequence[Settlement]) -> bool:
    returned = any(p.state is PayoutState.RETURNED for p in settlements[-1].payouts)
    states = {payout.state for settlement in settlements for payout in settlement.payouts}
    return states <= {PayoutState.PAID, PayoutState.RETURNED} and (
        returned or _returning_message_id(settlements[-1]) is None
    )
