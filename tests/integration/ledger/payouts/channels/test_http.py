"""The channel `http` against a payment service of this test: signed, asked once, and never paid twice."""

import asyncio
import json
from base64 import b64encode
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from aiohttp import web
from standardwebhooks import Webhook

from campaigns.reporting.settlements import approval_rules
from ledger.payouts import sending
from ledger.payouts.channels.http import HttpChannel
from ledger.settlements.payout_steps import PayoutState
from ops.clock import utc_now
from settlements import read_balances, read_settlements, settlement_states
from sql import Pool
from tests.integration.ledger.payouts.test_sending import one_settled

PIECES = {
    "answers in pieces": (b'{"status": "acc', b'epted", "refer', b'ence": "P-in-pieces"}'),
    "goes on after its answer": (b'{"status": "refused"}', b" no, wait: it was paid"),
    "talks without end": (b'{"status": "refused"}', b" " * 40_000, b" " * 40_000),
}
SECRET = "whsec_" + b64encode(bytes(range(32))).decode()


@dataclass
class Service:
    """A payment service: pays each idempotency key once, and misbehaves as it is told."""

    url: str = ""
    way: str = "accepts"
    told: Counter[str] = field(default_factory=Counter)
    paid: Counter[str] = field(default_factory=Counter)
    hold: asyncio.Event = field(default_factory=asyncio.Event)

    async def requested(self, request: web.Request) -> web.StreamResponse:
        body, key = await request.read(), request.headers["Idempotency-Key"]
        Webhook(SECRET).verify(body, dict(request.headers))
        assert json.loads(body)["data"]["id"] == key == request.headers["webhook-id"]
        self.told[key] += 1
        if self.way in {"is down", "loses it"}:
            return web.Response(status=503)
        if self.way == "refuses":
            return web.json_response({"status": "refused", "reason": "no such account"}, status=422)
        if self.told[key] == 1:
            self.paid[key] += 1
        if self.way == "is slow":
            await self.hold.wait()
        if self.way == "hangs up" and request.transport is not None:
            request.transport.close()
        if self.way in PIECES:
            return await self.in_pieces(request, *PIECES[self.way])
        if self.way == "mumbles":
            return web.Response(text="<html>ok</html>")
        return web.json_response({"status": "accepted", "reference": f"P-{key}"})

    async def in_pieces(self, request: web.Request, *pieces: bytes) -> web.StreamResponse:
        """Answer piece by piece."""
        answer = web.StreamResponse(status=422 if b"refused" in b"".join(pieces) else 200)
        answer.enable_chunked_encoding()
        await answer.prepare(request)
        for piece in pieces:
            await answer.write(piece)
        await answer.write_eof()
        return answer

    async def asked(self, request: web.Request) -> web.Response:
        key = request.match_info["key"]
        if self.way == "is down":
            return web.Response(status=503)
        if key not in self.paid:
            return web.Response(status=404)
        return web.json_response({"status": "accepted", "reference": f"P-{key}"})


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    found = Service()
    app = web.Application()
    app.add_routes([web.post("/payouts", found.requested), web.get("/payouts/{key}", found.asked)])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    found.url = f"http://127.0.0.1:{runner.addresses[0][1]}/payouts"
    yield found
    found.hold.set()
    await runner.cleanup()


async def send(pool: Pool, service: Service):
    """Settle if nothing was yet, and send."""
    channel = HttpChannel(service.url, SECRET, utc_now, seconds_max=0.5)
    campaign, envelope = await one_settled(pool)

    async def again():
        return await sending.send_settlement(
            pool, channel, envelope.settlement_id, approval_rules(campaign), "finance", utc_now()
        )

    await again()
    return campaign, again


async def test_each_payout_is_asked_for_once_and_keeps_the_services_reference(pool: Pool, service: Service):
    campaign, again = await send(pool, service)
    await again()
    assert await settlement_states(pool, campaign) == ["sent"]
    assert list(service.told.values()) == [1, 1]
    (envelope,) = await read_settlements(pool, campaign)
    assert [p.latest_step.bank_reference for p in envelope.payouts] == [f"P-{key}" for key in service.told]


@pytest.mark.parametrize("way", ["is slow", "hangs up", "mumbles"])
async def test_no_clear_answer_is_asked_about_and_never_paid_twice(pool: Pool, service: Service, way: str):
    service.way = way
    campaign, again = await send(pool, service)
    assert await settlement_states(pool, campaign) == ["sending"]
    assert (await read_balances(pool, campaign)).in_flight.minor == 100
    await again()
    assert await settlement_states(pool, campaign) == ["sent"]
    assert list(service.told.values()) == list(service.paid.values()) == [1, 1]


async def test_an_answer_is_read_whole_in_however_many_pieces_it_comes(pool: Pool, service: Service):
    service.way = "answers in pieces"
    campaign, _ = await send(pool, service)
    (envelope,) = await read_settlements(pool, campaign)
    assert {(p.state, p.latest_step.bank_reference) for p in envelope.payouts} == {(PayoutState.SENT, "P-in-pieces")}


@pytest.mark.parametrize("way", ["goes on after its answer", "talks without end"])
async def test_the_beginning_of_an_answer_is_none(pool: Pool, service: Service, way: str):
    """Taken for a refusal it would bring the money back, and the payout that was done would be tried again."""
    service.way = way
    campaign, again = await send(pool, service)
    assert await settlement_states(pool, campaign) == ["sending"]
    await again()
    assert await settlement_states(pool, campaign) == ["sent"]
    assert list(service.paid.values()) == [1, 1]


async def test_what_the_service_never_got_is_sent_again_under_the_same_key(pool: Pool, service: Service):
    service.way = "loses it"
    campaign, again = await send(pool, service)
    assert await settlement_states(pool, campaign) == ["sending"]
    service.way, service.told = "accepts", Counter()
    await again()
    assert await settlement_states(pool, campaign) == ["sent"]
    assert list(service.paid.values()) == [1, 1]


async def test_a_service_that_is_down_leaves_everything_unknown(pool: Pool, service: Service):
    service.way = "is down"
    campaign, again = await send(pool, service)
    for _ in range(2):
        await again()
    assert await settlement_states(pool, campaign) == ["sending"]
    assert list(service.told.values()) == [1, 1]
    assert (await read_balances(pool, campaign)).in_flight.minor == 100


async def test_a_clear_refusal_brings_the_money_back(pool: Pool, service: Service):
    service.way = "refuses"
    campaign, _ = await send(pool, service)
    (envelope,) = await read_settlements(pool, campaign)
    assert {(p.state, p.latest_step.reason) for p in envelope.payouts} == {(PayoutState.RETURNED, "no such account")}
    assert (await read_balances(pool, campaign)).payable.minor == 100
