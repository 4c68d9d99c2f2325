"""The whole demonstration: likes, published totals, payday, comparison."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

import aiohttp
from rich.console import Console

from campaigns.catalogue.cache import Campaign
from campaigns.intake.batch_tree import encode_receipt
from campaigns.pledging.closing_days import judge_all_days
from campaigns.promise.calendar import local_day
from ledger.settlements.model import Settlement
from ops.app import Service
from ops.clock import utc_now
from ops.demo import payday, reader, stage
from ops.demo.administration import create_owner
from ops.demo.comparison import Figure, compare_payday, compare_totals
from ops.demo.decisions import DecidedLikes, ask_decisions, count_decided
from ops.demo.earlier_likes import earlier_likes_path, take_earlier_likes, write_likes
from ops.demo.expected import Funds, PaydayTotals
from ops.demo.expected import expect_payday as expected_payday
from ops.demo.platform import Simulation
from ops.demo.webhooks import ResponseTally, make_webhooks
from ops.replay import progress
from ops.replay.batches import Batch
from ops.replay.sender import DeliveryTally, Sender, send_all
from sql import Connection, Pool, query

_SENDERS = 4
_FOLDED_SECONDS_MAX = 60
_POLL_SECONDS = 0.1
_FIND_OLDEST_UNFOLDED = query("find_oldest_unfolded")
_FIND_COUNTED_LIKE = query("find_counted_like")


@dataclass(frozen=True, slots=True)
class DemoResult:
    """The result of a run."""

    campaign: str
    webhooks: int
    webhooks_repeated: int
    likes: int
    figures: list[Figure]
    decided: list[DecidedLikes]  # of this run, by kind
    receipts: list[tuple[str, str]]  # a payout's state and the address of its receipt
    like_receipt: str  # of a counted like
    owner_token: str = field(repr=False)  # signs in to the administration

    @property
    def holds(self) -> bool:
        """Return whether every figure equals the expected one."""
        return all(figure.holds for figure in self.figures)


async def run_demo(service: Service, url: str, likes: int, console: Console) -> DemoResult:
    """Send simulated likes to the running service, let a bank pay, compare published and expected figures.

    Raises BankMissing if the bank does not start.
    """
    now, services = utc_now(), service.command_services
    setup = await stage.prepare_demo(services, now)
    slug = setup.campaign.slug
    likes_file = earlier_likes_path(service.settings.data_dir, slug)
    async with aiohttp.ClientSession(url) as session:
        platform = f"/v1/platforms/{stage.PLATFORM}/likes"
        asker = Sender(session, f"{platform}/status", setup.secret, utc_now)
        simulation = Simulation(setup.campaign, _run_label(now), likes, now)
        expected = simulation.expected
        expected.earlier_likes = take_earlier_likes(likes_file)
        before = await _read_figures(session, service.pool, slug)
        expected.earlier_decisions = await ask_decisions(asker, slug, expected.earlier_likes)
        sender = Sender(session, f"{platform}?results=none", setup.secret, utc_now)
        sent, responses = await _send_likes(sender, simulation, console)
        with progress.spinner(console, "waiting for the published totals"):
            await _wait_until_folded(service.pool)
        with progress.spinner(console, "judging, settling and paying"):
            campaign = (await service.catalogue_cache.refresh()).campaigns[slug]
            settlements = await payday.run_payday(service, campaign, utc_now())
            await _judge_every_day(service.pool, campaign, now)
        with progress.spinner(console, "asking what became of every like"):
            all_likes = expected.earlier_likes | expected.likes
            expected.decisions = await ask_decisions(asker, slug, all_likes)
            after = await _read_figures(session, service.pool, slug)
    write_likes(likes_file, all_likes)
    figures = compare_totals(expected, before, after, responses, setup.currency)
    figures += compare_payday(_expected_totals(setup, simulation, before, settlements), before, after, setup.currency)
    campaign_url = f"{url}/campaigns/{slug}"
    receipts = [(p.state.value, f"{campaign_url}/payouts/{p.payout_id}") for s in settlements for p in s.payouts]
    async with service.pool.acquire() as conn:
        like_receipt = await find_like_receipt(conn, slug)
    owner_token = await create_owner(services, simulation.label)
    counts = sent.deliveries, responses.repeats, responses.likes
    return DemoResult(slug, *counts, figures, count_decided(expected), receipts, like_receipt, owner_token)


async def _judge_every_day(pool: Pool, campaign: Campaign, now: datetime) -> None:
    """Judge every like that no settlement took: what is decided depends on the likes alone, not on the schedule."""
    today = local_day(now, campaign.calendar.timezone)
    async with pool.acquire() as conn, conn.transaction():
        await judge_all_days(conn, campaign, utc_now(), upto=today)


async def find_like_receipt(conn: Connection, slug: str) -> str:
    """Return the receipt of the newest counted like of a campaign."""
    (row,) = await conn.fetch(_FIND_COUNTED_LIKE, slug)
    return encode_receipt(row["batch_id"], row["position"], row["nonce_key"])


def _expected_totals(
    setup: stage.DemoSetup, simulation: Simulation, before: reader.PublicFigures, settlements: list[Settlement]
) -> PaydayTotals:
    """Return the expected result of the payday, by the platform's count."""
    counted = Counter(before.counted)
    counted.update(simulation.expected.counted_by_day())
    funds = Funds(before.funded_minor, before.settled_minor)
    periods = [settlement.period for settlement in settlements]
    return expected_payday(
        setup.campaign.rules, setup.settlement_terms, counted, periods, funds, payday.RETURNING_CHARITY
    )


def _run_label(now: datetime) -> str:
    """Return the label of this run's people and webhooks, unique to the run."""
    return f"{int(now.timestamp()):x}"


async def _send_likes(
    sender: Sender, simulation: Simulation, console: Console
) -> tuple[DeliveryTally, ResponseTally]:
    sent, responses = DeliveryTally(), ResponseTally()
    with progress.send_progress(console) as bars:
        task = bars.add_task("sending simulated likes", total=simulation.likes, likes=0)

        def record_response(batch: Batch, response: bytes) -> None:
            responses.record(batch, response)
            bars.update(
                task, completed=responses.likes, total=max(simulation.likes, responses.likes), likes=sent.likes
            )

        batches = make_webhooks(simulation.messages(), simulation.label, simulation.now)
        await send_all(sender, batches, sent, senders=_SENDERS, on_arrival=record_response)
    return sent, responses


async def _read_figures(session: aiohttp.ClientSession, pool: Pool, campaign: str) -> reader.PublicFigures:
    """Return the published figures after every recorded batch is folded."""
    await _wait_until_folded(pool)
    return await reader.read_figures(session, campaign, utc_now())


async def _wait_until_folded(pool: Pool) -> None:
    async with asyncio.timeout(_FOLDED_SECONDS_MAX):
        while await pool.fetchval(_FIND_OLDEST_UNFOLDED) is not None:  # noqa: ASYNC110 - another process may fold
            await asyncio.sleep(_POLL_SECONDS)
