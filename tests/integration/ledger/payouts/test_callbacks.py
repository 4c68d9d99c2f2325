"""The payment service answers by callback: signed, taken in once, never against what is known."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from standardwebhooks import Webhook

from campaigns.catalogue.cache import Campaign
from campaigns.reporting.settlements import approval_rules
from ledger.payouts import sending
from ledger.payouts.callbacks import CallbackResult, classify_result
from ledger.payouts.channels import PaymentOutcome, PaymentResult
from ledger.payouts.channels.http import HttpChannel
from ledger.payouts.channels.manual import ManualChannel
from ledger.payouts.manual import retry_returned
from ledger.settlements.approvals import approve
from ledger.settlements.model import Payout, Settlement
from ledger.settlements.payout_steps import PayoutState, PayoutStep
from ops.clock import utc_now
from serving import SLUG, RunningService, like, running_service
from settlements import read_settlements, settle_periods
from tests.integration.ledger.payouts.channels.test_http import SECRET

PATH = "/v1/payouts/answers"


@dataclass
class Caller:
    """A payment service that takes a request, answers nothing clear, and calls back when it is told to."""

    http: aiohttp.ClientSession
    callback: str = ""
    url: str = ""
    asked: list[str] = field(default_factory=list)
    at_once: str = ""  # what it calls back before it answers the request

    async def requested(self, request: web.Request) -> web.Response:
        body = await request.read()
        Webhook(SECRET).verify(body, dict(request.headers))
        self.asked.append(json.loads(body)["data"]["id"])
        if self.at_once:
            await self.says(self.asked[-1], self.at_once)
        return web.Response(status=202, text="{}")

    async def says(self, message_id: str, status: str, delivery: str = "msg_1", **more: str) -> tuple[int, Any]:
        told = {"type": "payout.answered", "timestamp": "x", "data": {"id": message_id, "status": status, **more}}
        return await self.sends(json.dumps(told), delivery)

    async def sends(
        self, body: str, delivery: str = "msg_1", secret: str = SECRET, at: datetime | None = None, **headers: str
    ) -> tuple[int, Any]:
        moment = at or utc_now()
        own = {
            "Content-Type": "application/json",
            "webhook-id": delivery,
            "webhook-timestamp": str(int(moment.timestamp())),
            "webhook-signature": Webhook(secret).sign(delivery, moment, body),
        }
        async with self.http.post(self.callback, data=body.encode(), headers=own | headers) as answer:
            return answer.status, await answer.json(content_type=None)


@pytest.fixture
async def service(dsn: str) -> AsyncIterator[RunningService]:
    async with running_service(dsn, payout_secret=SECRET) as made:
        await made.send([like(str(n)) for n in range(300)])
        await made.tick()
        yield made


@pytest.fixture
async def payer(service: RunningService) -> AsyncIterator[Caller]:
    found = Caller(service.http, service.url + PATH)
    app = web.Application()
    app.add_routes([web.post("/payouts", found.requested)])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    found.url = f"http://127.0.0.1:{runner.addresses[0][1]}/payouts"
    yield found
    await runner.cleanup()


async def the(service: RunningService) -> tuple[Campaign, Settlement]:
    campaign = (await service.service.catalogue_cache.refresh()).campaigns[SLUG]
    (envelope,) = await read_settlements(service.service.pool, campaign)
    return campaign, envelope


async def asked_for(service: RunningService, payer: Caller) -> list[Payout]:
    """Settle, approve and send: the payment service was asked for two payouts, and has said nothing clear."""
    pool = service.service.pool
    await settle_periods(pool, (await service.service.catalogue_cache.refresh()).campaigns[SLUG], utc_now())
    return await sent(service, payer)


async def sent(service: RunningService, payer: Caller) -> list[Payout]:
    pool = service.service.pool
    campaign, envelope = await the(service)
    for person in ("ben", "cid"):
        async with pool.acquire() as conn, conn.transaction():
            await approve(conn, envelope.settlement_id, envelope.hash, person, utc_now())
    channel = HttpChannel(payer.url, SECRET, utc_now, seconds_max=5)
    return (
        await sending.send_settlement(
            pool, channel, envelope.settlement_id, approval_rules(campaign), "ann", utc_now()
        )
    ).payouts


async def test_an_answer_is_taken_in_once_however_often_it_is_said(service: RunningService, payer: Caller):
    first, second = await asked_for(service, payer)
    assert [first.state, second.state] == [PayoutState.SENDING] * 2
    heard = [await payer.says(payer.asked[0], "accepted", f"msg_{n}", reference="P-1") for n in range(3)]
    assert [status for status, _ in heard] == [200] * 3
    assert [said["result"] for _, said in heard] == ["recorded", "duplicate", "duplicate"]
    assert (await payer.says(payer.asked[1], "refused", reason="no such account"))[1]["result"] == "recorded"
    assert (await payer.says(payer.asked[1], "refused", reason="in other words"))[1]["result"] == "duplicate"
    _, envelope = await the(service)
    first, second = envelope.payouts
    assert (first.state, first.latest_step.bank_reference, len(first.evidence)) == (PayoutState.SENT, "P-1", 1)
    assert (second.state, second.latest_step.reason) == (PayoutState.RETURNED, "no such account")
    money = (await service.get(f"/v1/campaigns/{SLUG}/totals")).json["money"]
    assert (money["in_flight"]["minor"], money["settled"]["minor"]) == (70, 100)


async def test_the_same_answer_from_many_at_once_is_taken_in_once(service: RunningService, payer: Caller):
    await asked_for(service, payer)
    heard = await asyncio.gather(*(payer.says(payer.asked[0], "accepted", f"msg_{n}") for n in range(8)))
    assert sorted(said["result"] for _, said in heard) == ["duplicate"] * 7 + ["recorded"]
    _, envelope = await the(service)
    assert [step.state for step in envelope.payouts[0].steps] == [
        PayoutState.WAITING,
        PayoutState.SENDING,
        PayoutState.SENT,
    ]


@pytest.mark.parametrize(("first", "then"), [("accepted", "refused"), ("refused", "accepted")])
async def test_what_contradicts_is_refused_and_counted(service: RunningService, payer: Caller, first: str, then: str):
    await asked_for(service, payer)
    await payer.says(payer.asked[0], first, reference="P-1")
    before = (await the(service))[1].payouts
    status, said = await payer.says(payer.asked[0], then)
    assert (status, said["type"]) == (409, "urn:like-ledger:problem:contradicts")
    assert (await the(service))[1].payouts == before
    metrics = (await service.get("/metrics")).body.decode()
    assert 'like_ledger_payout_callbacks_total{result="conflict"} 1.0' in metrics


async def test_another_reference_for_the_same_payout_contradicts(service: RunningService, payer: Caller):
    await asked_for(service, payer)
    await payer.says(payer.asked[0], "accepted", reference="P-1")
    assert (await payer.says(payer.asked[0], "accepted", reference="P-2"))[0] == 409
    assert (await payer.says(payer.asked[0], "accepted"))[0] == 200


async def test_a_callback_may_come_before_the_request_is_answered(service: RunningService, payer: Caller):
    payer.at_once = "accepted"
    await asked_for(service, payer)
    _, envelope = await the(service)
    assert [p.state for p in envelope.payouts] == [PayoutState.SENT, PayoutState.SENT]
    assert len(payer.asked) == len(set(payer.asked)) == 2


async def test_an_answer_to_an_earlier_attempt_does_not_touch_the_next(service: RunningService, payer: Caller):
    payout, _ = await asked_for(service, payer)
    await payer.says(payer.asked[0], "refused", reason="closed")
    async with service.service.pool.acquire() as conn, conn.transaction():
        await retry_returned(conn, payout.payout_id, payout.latest_step.payee, "ann", utc_now())
    assert (await payer.says(payer.asked[0], "refused"))[1]["result"] == "duplicate"
    assert (await payer.says(payer.asked[0], "accepted"))[0] == 409
    retried, _ = await sent(service, payer)
    assert (retried.state, retried.latest_step.attempt, len(set(payer.asked))) == (PayoutState.SENDING, 2, 3)
    assert (await payer.says(payer.asked[-1], "accepted"))[1]["result"] == "recorded"


async def test_what_another_channel_was_told_the_payment_service_says_nothing_of(
    service: RunningService, payer: Caller
):
    pool = service.service.pool
    await settle_periods(pool, (await service.service.catalogue_cache.refresh()).campaigns[SLUG], utc_now())
    campaign, envelope = await the(service)
    for person in ("ben", "cid"):
        async with pool.acquire() as conn, conn.transaction():
            await approve(conn, envelope.settlement_id, envelope.hash, person, utc_now())
    by_hand = await sending.send_settlement(
        pool, ManualChannel(), envelope.settlement_id, approval_rules(campaign), "ann", utc_now()
    )
    assert (await payer.says(by_hand.payouts[0].latest_step.message_id or "", "accepted"))[0] == 404
    assert [p.state for p in (await the(service))[1].payouts] == [PayoutState.SENDING] * 2


UNSIGNED = "urn:like-ledger:problem:unsigned-answer"
OTHER = "whsec_" + "A" * 43 + "="


@pytest.mark.parametrize(
    ("how", "headers", "status"),
    [
        ({"secret": OTHER}, {}, 401),
        ({"at": utc_now() - timedelta(minutes=6)}, {}, 401),
        ({}, {"webhook-signature": "v1,"}, 401),
        ({}, {"webhook-id": "msg_2"}, 401),
        ({}, {"Content-Type": "text/plain"}, 415),
        ({"body": "no"}, {}, 422),
        ({"body": '{"type": "payout.answered", "data": {"id": "X-1", "status": "perhaps"}}'}, {}, 422),
        ({"body": '{"type": "likes", "data": {"id": "X-1", "status": "accepted"}}'}, {}, 422),
        ({"body": '{"type": "payout.answered", "data": {"id": ["X"], "status": "accepted"}}'}, {}, 422),
        ({"body": '{"type": "payout.answered", "data": {"id": "X-1", "status": "accepted"}}'}, {}, 404),
        ({"body": " " * 65_537}, {}, 413),
    ],
)
async def test_what_is_no_answer_changes_nothing(
    service: RunningService, payer: Caller, how: Mapping[str, Any], headers: dict[str, str], status: int
):
    await asked_for(service, payer)
    good = {"type": "payout.answered", "data": {"id": payer.asked[0], "status": "accepted"}}
    got, said = await payer.sends(**({"body": json.dumps(good)} | dict(how)), **headers)
    assert (got, said["status"]) == (status, status)
    assert status != 401 or said["type"] == UNSIGNED
    assert [p.state for p in (await the(service))[1].payouts] == [PayoutState.SENDING] * 2


async def test_without_a_secret_nobody_is_believed(dsn: str):
    async with running_service(dsn) as service:
        payer = Caller(service.http, service.url + PATH)
        for secret in (SECRET, OTHER):
            body = '{"type": "payout.answered", "data": {"id": "X-1", "status": "accepted"}}'
            status, said = await payer.sends(body, secret=secret)
            assert (status, said["type"]) == (401, UNSIGNED)


ACCEPTED, OTHERS = PaymentResult(PaymentOutcome.ACCEPTED, "P-1"), PaymentResult(PaymentOutcome.ACCEPTED, "P-2")
REFUSED = PaymentResult(PaymentOutcome.REFUSED, reason="no")


@pytest.mark.parametrize(
    ("states", "answer", "verdict"),
    [
        ("sending", ACCEPTED, CallbackResult.RECORDED),
        ("sending", REFUSED, CallbackResult.RECORDED),
        ("sending sent", ACCEPTED, CallbackResult.DUPLICATE),
        ("sending sent", OTHERS, CallbackResult.CONFLICT),
        ("sending sent", REFUSED, CallbackResult.CONFLICT),
        ("sending sent paid", ACCEPTED, CallbackResult.DUPLICATE),
        ("sending sent paid", REFUSED, CallbackResult.CONFLICT),
        ("sending sent returned", ACCEPTED, CallbackResult.DUPLICATE),
        ("sending sent returned", REFUSED, CallbackResult.CONFLICT),  # the bank sent it back: that is no refusal
        ("sending paid", OTHERS, CallbackResult.DUPLICATE),  # the bank was first, with a reference of its own
        ("sending returned", REFUSED, CallbackResult.DUPLICATE),
        ("sending returned", ACCEPTED, CallbackResult.CONFLICT),
    ],
)
def test_an_answer_is_judged_beside_what_is_known(states: str, answer: PaymentResult, verdict: CallbackResult):
    steps = [
        PayoutStep("pay_x", n, PayoutState(state), 1, "{}", "x", utc_now(), bank_reference="P-1" if n > 1 else None)
        for n, state in enumerate(states.split(), 1)
    ]
    assert classify_result(steps, answer) is verdict
