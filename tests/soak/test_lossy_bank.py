"""Two instances send the same payouts to a bank that loses requests and answers: each is paid once, and recorded."""

import asyncio
import contextlib
from collections.abc import Callable
from itertools import count

import aiohttp
import pytest

from campaigns.catalogue.cache import Campaign
from databases import broken_invariants
from ledger.publication import sequencer
from lossy_bank import LossyBank, running_lossy_bank
from ops.clock import utc_now
from payment_service import SECRET
from payouts import AT, FREE, ONE_EACH
from program import Program, running_program
from promises import SLUG
from running_service import LOG
from settlements import (
    assert_replay_agrees,
    create_campaign,
    read_settlements,
    record_likes,
    settle_periods,
    settlement_states,
)
from soak_stage import FACTOR
from sql import Pool

pytestmark = [pytest.mark.slow, pytest.mark.one_server]

ROUNDS = 3 * FACTOR
KILL_EVERY = 3  # rounds
SENDS_MAX = 200  # of a round; a send that is lost twice in three times needs a few
TOKEN = "t" * 32
OK_STATUSES = {200, 409, 503}  # done; another instance sends; the database or the bank is away


async def test_two_instances_and_a_lossy_bank_pay_once(
    dsn: str, pool: Pool, report: Callable[[object], None]
) -> None:
    await sequencer.create_log(pool, LOG, utc_now())
    async with running_lossy_bank(seed=1) as bank, aiohttp.ClientSession() as http:
        settings = {
            "LIKE_LEDGER_PAYOUT_CHANNEL": "http",
            "LIKE_LEDGER_PAYOUT_URL": bank.url,
            "LIKE_LEDGER_PAYOUT_SECRET": SECRET,
            "LIKE_LEDGER_ADMIN_TOKEN": TOKEN,
        }
        with running_program(dsn, **settings) as first, running_program(dsn, **settings) as second:
            payouts = 0
            for number in range(ROUNDS):
                campaign = await create_settled_campaign(pool, number)
                is_killed = number % KILL_EVERY == KILL_EVERY - 1
                await send_until_sent(pool, campaign, [first, second], http, is_killed=is_killed)
                payouts += len((await read_settlements(pool, campaign))[0].payouts)
                await assert_replay_agrees(pool, campaign)
    assert_paid_once(bank, payouts)
    assert await broken_invariants(dsn) == {}
    report(f"rounds {ROUNDS}, payouts {payouts}, paid {bank.paid.total()}, paid twice 0, bank: {dict(bank.moods)}")


async def create_settled_campaign(pool: Pool, number: int) -> Campaign:
    """Return a campaign with a settlement that needs no approvals."""
    campaign = await create_campaign(pool, (SLUG, f"c{number}"), ONE_EACH, FREE)
    await record_likes(pool, campaign, {2: 100})
    await settle_periods(pool, campaign, AT)
    return campaign


async def send_until_sent(
    pool: Pool, campaign: Campaign, programs: list[Program], http: aiohttp.ClientSession, *, is_killed: bool
) -> None:
    """Let both instances send at once, again and again, until nothing is open; kill one meanwhile."""
    (settlement,) = await read_settlements(pool, campaign)
    keys = (f"{settlement.settlement_id}-{number}" for number in count())
    for attempt in range(SENDS_MAX):
        sends = [
            asyncio.create_task(send(program, settlement.settlement_id, next(keys), http)) for program in programs
        ]
        if is_killed and attempt == 0:
            await asyncio.sleep(0)  # the request is on its way
            programs[0].kill()
            await asyncio.to_thread(programs[0].start)
        await asyncio.gather(*sends)
        if await settlement_states(pool, campaign) == ["sent"]:
            return
    raise AssertionError(f"never sent: {await settlement_states(pool, campaign)}")


async def send(program: Program, settlement_id: str, key: str, http: aiohttp.ClientSession) -> None:
    """Run the command at one instance; it may be killed meanwhile."""
    url = f"http://127.0.0.1:{program.port}/v1/admin/settlements/{settlement_id}/send"
    headers = {"Authorization": f"Bearer {TOKEN}", "Idempotency-Key": key}
    with contextlib.suppress(aiohttp.ClientConnectionError):
        async with http.post(url, json={}, headers=headers) as response:
            assert response.status in OK_STATUSES, (response.status, await response.text())


def assert_paid_once(bank: LossyBank, payouts: int) -> None:
    """Assert that the bank executed each message once; each has one payout."""
    assert set(bank.paid.values()) == {1}, {key: number for key, number in bank.paid.items() if number > 1}
    assert len(bank.paid) == payouts
