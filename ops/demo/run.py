"""The demonstration from beginning to end: likes, public totals, payday, comparison."""

import asyncio
from dataclasses import dataclass
from datetime import datetime

import aiohttp
from rich.console import Console

from ledger.settlements.model import Envelope
from ops.app import Service
from ops.clock import utc_now
from ops.demo import payday, reader, stage
from ops.demo.bank import must_be_installed
from ops.demo.comparison import Figure, compare, compare_payday
from ops.demo.expected import Funds, Payday
from ops.demo.expected import payday as expected_payday
from ops.demo.platform import Simulation
from ops.demo.webhooks import Answers, webhooks
from ops.replay import progress
from ops.replay.batches import Batch
from ops.replay.sender import Sender, Sent, send_all
from sql import Pool, query

_SENDERS = 4
_FOLDED_SECONDS_MAX = 60
_AGAIN_SECONDS = 0.1
_FIND_OLDEST_UNFOLDED = query("find_oldest_unfolded")


@dataclass(frozen=True, slots=True)
class Shown:
    """What came of it."""

    campaign: str
    webhooks: int
    webhooks_again: int
    likes: int
    figures: list[Figure]
    receipts: list[tuple[str, str]]  # what became of a payout, and where its receipt is

    @property
    def holds(self) -> bool:
        """Tell whether every figure is what the simulated platform expects."""
        return all(figure.holds for figure in self.figures)


async def demonstrate(service: Service, url: str, likes: int, console: Console) -> Shown:
    """Send simulated likes to the running service, have a bank pay, compare what the public reads with what must be.

    BankMissing where there is none.
    """
    must_be_installed()
    now = utc_now()
    async with service.pool.acquire() as conn, conn.transaction():
        made = await stage.set_up(conn, service.keys, now)
    async with aiohttp.ClientSession(url) as session:
        before = await _read(session, service.pool, made.stage.campaign)
        simulation = Simulation(made.stage, _label(now), likes, now)
        sender = Sender(session, f"/v1/platforms/{stage.PLATFORM}/likes?results=none", made.secret, utc_now)
        sent, answers = await _send(sender, simulation, console)
        with progress.waiting(console, "waiting for the tick and the public totals"):
            liked = await _read(session, service.pool, made.stage.campaign)
        with progress.waiting(console, "settling, and letting the bank pay"):
            campaign = (await service.shelf.newest()).campaigns[made.stage.campaign]
            envelopes = await payday.pay(service, campaign, utc_now())
            paid = await _read(session, service.pool, made.stage.campaign)
    figures = compare(simulation.expected, before, liked, answers, made.currency)
    figures += compare_payday(_payday(made, simulation, before, envelopes), before, paid, made.currency)
    own = f"{url}/campaigns/{made.stage.campaign}"
    receipts = [(p.state.value, f"{own}/payouts/{p.payout_id}") for one in envelopes for p in one.payouts]
    return Shown(made.stage.campaign, sent.deliveries, answers.repeated, answers.likes, figures, receipts)


def _payday(made: stage.Set, simulation: Simulation, before: reader.Standing, envelopes: list[Envelope]) -> Payday:
    """Return what the payday must have come to, by the platform's own count."""
    counted = before.counted + simulation.expected.counted_by_day()
    funds = Funds(before.funded_minor, before.settled_minor)
    periods = [envelope.period for envelope in envelopes]
    return expected_payday(made.stage.rules, made.shares, counted, periods, funds, payday.RETURNING)


def _label(now: datetime) -> str:
    """Return what marks a run's people and webhooks: another run never has the same."""
    return f"{int(now.timestamp()):x}"


async def _send(sender: Sender, simulation: Simulation, console: Console) -> tuple[Sent, Answers]:
    sent, answers = Sent(), Answers()
    with progress.sending(console) as bars:
        task = bars.add_task("sending simulated likes", total=simulation.likes, likes=0)

        def hear(batch: Batch, answer: bytes) -> None:
            answers.hear(batch, answer)
            bars.update(task, completed=answers.likes, total=max(simulation.likes, answers.likes), likes=sent.likes)

        batches = webhooks(simulation.messages(), simulation.label, simulation.now)
        await send_all(sender, batches, sent, senders=_SENDERS, on_arrival=hear)
    return sent, answers


async def _read(session: aiohttp.ClientSession, pool: Pool, campaign: str) -> reader.Standing:
    """Return the public figures once everything that is recorded is folded into them."""
    async with asyncio.timeout(_FOLDED_SECONDS_MAX):
        while await pool.fetchval(_FIND_OLDEST_UNFOLDED) is not None:  # noqa: ASYNC110 - another process may fold
            await asyncio.sleep(_AGAIN_SECONDS)
    return await reader.read(session, campaign, utc_now())
