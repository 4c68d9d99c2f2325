"""Payouts for tests: a settled campaign, a counterparty in memory, and bank statements."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import settlements
from campaigns.catalogue.cache import Campaign
from ledger.payouts.channels import Channel, Instruction, Message, PaymentOutcome, PaymentResult
from ledger.payouts.sending import end_to_end_id
from ledger.reconciliation.reconcile import ImportResult, import_file
from ledger.reconciliation.statements.csv_table import COLUMNS
from ledger.settlements.model import Settlement
from settlements import create_campaign, read_settlements, record_likes, settle_periods
from sql import Pool

AT = datetime(2026, 11, 9, 3, tzinfo=ZoneInfo("Asia/Shanghai"))  # the first period falls due
IMPORTED_AT = datetime(2026, 11, 12, tzinfo=UTC)
# Changes of the promise: one minor unit for every like; no approvals needed.
ONE_EACH = ("rate = { amount_minor = 1, per_likes = 3 }", "rate = { amount_minor = 1, per_likes = 1 }")
FREE = ("[terms]", "[settlement]\nthreshold_minor = 1000\n[terms]")

ACCEPTED = PaymentResult(PaymentOutcome.ACCEPTED)


class Crash(Exception):
    """The process ends here."""


@dataclass
class Bank:
    """A counterparty in memory that executes a message once.

    It can lose a message, or only its response.
    """

    name: str = "bank"
    combines_payouts: bool = True
    executed: dict[str, bytes] = field(default_factory=dict)
    received: Counter[str] = field(default_factory=Counter)
    result: PaymentResult = ACCEPTED
    crashes: str = ""  # "before" or "after" it executes a message

    def compose(self, message_id: str, instructions: Sequence[Instruction], now: datetime) -> bytes:
        return repr((message_id, instructions, now)).encode()

    async def send(self, message: Message) -> PaymentResult:
        if self.crashes == "before":
            raise Crash
        self.received[message.message_id] += 1
        self.executed[message.message_id] = message.body
        if self.crashes == "after":
            raise Crash
        return self.result

    async def query_result(self, message: Message) -> PaymentResult:
        is_executed = message.message_id in self.executed
        return PaymentResult(PaymentOutcome.ACCEPTED if is_executed else PaymentOutcome.NOT_FOUND)


async def settled_campaign(pool: Pool, *changes: tuple[str, str]) -> tuple[Campaign, Settlement]:
    """Return a campaign with a settlement of two payouts, of 70 and 30."""
    campaign = await create_campaign(pool, ONE_EACH, *(changes or (FREE,)))
    await record_likes(pool, campaign, {2: 100})
    await settle_periods(pool, campaign, AT)
    return campaign, (await read_settlements(pool, campaign))[-1]


async def send(pool: Pool, channel: Channel, campaign: Campaign, settlement: Settlement) -> Settlement:
    """Send a settlement as production does; return it."""
    return await settlements.send(pool, channel, campaign, settlement.settlement_id, "finance", AT)


async def sent_campaign(pool: Pool) -> tuple[Campaign, Settlement]:
    """Return a campaign whose settlement of two payouts, of 70 and 30, is sent."""
    campaign, settlement = await settled_campaign(pool)
    return campaign, await send(pool, Bank(), campaign, settlement)


def payment_ids(settlement: Settlement) -> list[str]:
    """Return the EndToEndIds of the latest attempts."""
    return [end_to_end_id(payout.payout_id, payout.latest_step.attempt) for payout in settlement.payouts]


def statement(statement_id: str, opening: int, *rows: tuple[int, str, str, str]) -> bytes:
    """Return a statement of rows (signed minor units, EndToEndId, the bank's reference, text)."""
    closing = opening + sum(minor for minor, *_ in rows)

    def row(kind: str, minor: int, payment_id: str = "", reference: str = "", text: str = "") -> str:
        amount, side = f"{abs(minor) // 100}.{abs(minor) % 100:02}", "credit" if minor >= 0 else "debit"
        return f"622,{statement_id},{kind},2026-11-11,{amount},CNY,{side},{payment_id},{reference},,{text}"

    lines = [",".join(COLUMNS), row("opening", opening), *(row("entry", *r) for r in rows), row("closing", closing)]
    return "\n".join(lines).encode()


async def import_statement(pool: Pool, body: bytes, account: str | None = None) -> ImportResult:
    """Import a bank file; return its effect."""
    async with pool.acquire() as conn, conn.transaction():
        return await import_file(conn, body, "finance", IMPORTED_AT, account)


def visible_files(folder: Path) -> list[Path]:
    """Return the files of a folder that are not hidden."""
    return [path for path in folder.iterdir() if not path.name.startswith(".")]
