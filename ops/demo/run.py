"""The demonstration from beginning to end: service, campaign, simulated likes, public totals, comparison."""

import asyncio
from dataclasses import dataclass
from datetime import datetime

import aiohttp
from rich.console import Console

from ops.app import Service
from ops.clock import utc_now
from ops.demo import reader, stage
from ops.demo.comparison import Figure, compare
from ops.demo.platform import Simulation
from ops.demo.webhooks import Answers, webhooks
from ops.replay import progress
from ops.replay.batches import Batch
from ops.replay.sender import Sender, Sent, send_all
from sql import Pool, query

_SENDERS = 4
_FOLDED_SECONDS_MAX = 60
_AGAIN_SECONDS = 0.1
_UNFOLDED_SINCE = query("unfolded_since")


@dataclass(frozen=True, slots=True)
class Shown:
    """What came of it."""

    campaign: str
    webhooks: int
    webhooks_again: int
    likes: int
    figures: list[Figure]

    @property
    def holds(self) -> bool:
        """Tell whether every figure is what the simulated platform expects."""
        return all(figure.holds for figure in self.figures)


async def demonstrate(service: Service, url: str, likes: int, console: Console) -> Shown:
    """Send simulated likes to the running service and compare what the public reads with what must come out."""
    now = utc_now()
    async with service.pool.acquire() as conn, conn.transaction():
        made = await stage.set_up(conn, service.keys, now)
    async with aiohttp.ClientSession(url) as session:
        before = await _read(session, service.pool, made.stage.campaign)
        simulation = Simulation(made.stage, _label(now), likes, now)
        sender = Sender(session, f"/v1/platforms/{stage.PLATFORM}/likes?results=none", made.secret, utc_now)
        sent, answers = await _send(sender, simulation, console)
        with progress.waiting(console, "waiting for the tick and the public totals"):
            after = await _read(session, service.pool, made.stage.campaign)
    figures = compare(simulation.expected, before, after, answers, made.currency)
    return Shown(made.stage.campaign, sent.deliveries, answers.repeated, answers.likes, figures)


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
        while await pool.fetchval(_UNFOLDED_SINCE) is not None:  # noqa: ASYNC110 - another process may fold
            await asyncio.sleep(_AGAIN_SECONDS)
    return await reader.read(session, campaign, utc_now())
