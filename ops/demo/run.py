"""The demonstration from beginning to end: likes, public totals, payday, comparison."""

import asyncio
from dataclasses import dataclass
from datetime import datetime

import aiohttp
from rich.console import Console

from ledger.settlements.model import Settlement
from ops.app import Service
from ops.clock import utc_now
from ops.demo import payday, reader, stage
from ops.demo.bank import require_bank
from ops.demo.comparison import Figure, compare_payday, compare_totals
from ops.demo.expected import Funds, PaydayTotals
from ops.demo.expected import expect_payday as expected_payday
from ops.demo.platform import Simulation
from ops.demo.webhooks import ResponseTally, make_webhooks
from ops.replay import progress
from ops.replay.batches import Batch
from ops.replay.sender import DeliveryTally, Sender, send_all
from sql import Pool, query

_SENDERS = 4
_FOLDED_SECONDS_MAX = 60
_POLL_SECONDS = 0.1
_FIND_OLDEST_UNFOLDED = query("find_oldest_unfolded")


@dataclass(frozen=True, slots=True)
class DemoResult:
    """What came of it."""

    campaign: str
    webhooks: int
    webhooks_repeated: int
    likes: int
    figures: list[Figure]
    receipts: list[tuple[str, str]]  # what became of a payout, and where its receipt is

    @property
    def holds(self) -> bool:
        """Tell whether every figure is what the simulated platform expects."""
        return all(figure.holds for figure in self.figures)


async def run_demo(service: Service, url: str, likes: int, console: Console) -> DemoResult:
    """Send simulated likes to the running service, have a bank pay, compare what the public reads with what must be.

    BankMissing where there is none.
    """
    require_bank()
    now = utc_now()
    async with service.pool.acquire() as conn, conn.transaction():
        made = await stage.prepare_demo(conn, service.keys, now)
    async with aiohttp.ClientSession(url) as session:
        before = await _read_figures(session, service.pool, made.campaign.slug)
        simulation = Simulation(made.campaign, _run_label(now), likes, now)
        sender = Sender(session, f"/v1/platforms/{stage.PLATFORM}/likes?results=none", made.secret, utc_now)
        sent, answers = await _send_likes(sender, simulation, console)
        with progress.spinner(console, "waiting for the tick and the public totals"):
            liked = await _read_figures(session, service.pool, made.campaign.slug)
        with progress.spinner(console, "settling, and letting the bank pay"):
            campaign = (await service.catalogue_cache.refresh()).campaigns[made.campaign.slug]
            envelopes = await payday.run_payday(service, campaign, utc_now())
            paid = await _read_figures(session, service.pool, made.campaign.slug)
    figures = compare_totals(simulation.expected, before, liked, answers, made.currency)
    figures += compare_payday(_expected_totals(made, simulation, before, envelopes), before, paid, made.currency)
    own = f"{url}/campaigns/{made.campaign.slug}"
    receipts = [(p.state.value, f"{own}/payouts/{p.payout_id}") for one in envelopes for p in one.payouts]
    return DemoResult(made.campaign.slug, sent.deliveries, answers.repeats, answers.likes, figures, receipts)


def _expected_totals(
    setup: stage.DemoSetup, simulation: Simulation, before: reader.PublicFigures, settlements: list[Settlement]
) -> PaydayTotals:
    """Return what the payday must have come to, by the platform's own count."""
    counted = before.counted + simulation.expected.counted_by_day()
    funds = Funds(before.funded_minor, before.settled_minor)
    periods = [envelope.period for envelope in settlements]
    return expected_payday(
        setup.campaign.rules, setup.settlement_terms, counted, periods, funds, payday.RETURNING_CHARITY
    )


def _run_label(now: datetime) -> str:
    """Return what marks a run's people and webhooks: another run never has the same."""
    return f"{int(now.timestamp()):x}"


async def _send_likes(
    sender: Sender, simulation: Simulation, console: Console
) -> tuple[DeliveryTally, ResponseTally]:
    sent, answers = DeliveryTally(), ResponseTally()
    with progress.send_progress(console) as bars:
        task = bars.add_task("sending simulated likes", total=simulation.likes, likes=0)

        def hear(batch: Batch, answer: bytes) -> None:
            answers.record(batch, answer)
            bars.update(task, completed=answers.likes, total=max(simulation.likes, answers.likes), likes=sent.likes)

        batches = make_webhooks(simulation.messages(), simulation.label, simulation.now)
        await send_all(sender, batches, sent, senders=_SENDERS, on_arrival=hear)
    return sent, answers


async def _read_figures(session: aiohttp.ClientSession, pool: Pool, campaign: str) -> reader.PublicFigures:
    """Return the public figures once everything that is recorded is folded into them."""
    async with asyncio.timeout(_FOLDED_SECONDS_MAX):
        while await pool.fetchval(_FIND_OLDEST_UNFOLDED) is not None:  # noqa: ASYNC110 - another process may fold
            await asyncio.sleep(_POLL_SECONDS)
    return await reader.read_figures(session, campaign, utc_now())
