"""Callbacks of a payment service: signed, recorded once, never against a recorded result."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from standardwebhooks import Webhook

from campaigns.catalogue.cache import Campaign
from ledger.payouts.callbacks import CallbackResult, classify_result
from ledger.payouts.channels import Channel, PaymentOutcome, PaymentResult
from ledger.payouts.channels.http import HttpChannel
from ledger.payouts.channels.manual import ManualChannel
from ledger.payouts.retry import retry_returned
from ledger.payouts.sending import list_messages
from ledger.settlements.approvals import approve
from ledger.settlements.model import Payout, Settlement
from ledger.settlements.payout_steps import PayoutState, PayoutStep
from ops.clock import utc_now
from payment_service import SECRET
from running_service import SLUG, RunningService, like, running_service
from settlements import read_settlements, send, settle_periods

PATH = "/v1/payouts/answers"


@dataclass
class CallingService:
    """A payment service that gives no clear response, and calls back when the test wants it."""

    http: aiohttp.ClientSession
    callback_url: str = ""
    url: str = ""
    requested: list[str] = field(default_factory=list)
    immediate_status: str = ""  # calls back with it before it responds

    async def handle_request(self, request: web.Request) -> web.Response:
        body = await request.read()
        Webhook(SECRET).verify(body, dict(request.headers))
        self.requested.append(json.loads(body)["data"]["id"])
        if self.immediate_status:
            await self.call_back(self.requested[-1], self.immediate_status)
        return web.Response(status=202, text="{}")

    async def call_back(
        self, message_id: str, status: str, delivery: str = "msg_1", **details: str
    ) -> tuple[int, Any]:
        data = {"id": message_id, "status": status, **details}
        return await self.post(json.dumps({"type": "payout.answered", "timestamp": "x", "data": data}), delivery)

    async def post(
        self, body: str, delivery: str = "msg_1", secret: str = SECRET, at: datetime | None = None, **headers: str
    ) -> tuple[int, Any]:
        moment = at or utc_now()
        signed = {
            "Content-Type": "application/json",
            "webhook-id": delivery,
            "webhook-timestamp": str(int(moment.timestamp())),
            "webhook-signature": Webhook(secret).sign(delivery, moment, body),
        }
        async with self.http.post(self.callback_url, data=body.encode(), headers=signed | headers) as response:
            return response.status, await response.json(content_type=None)


@pytest.fixture
async def service(dsn: str) -> AsyncIterator[RunningService]:
    async with running_service(dsn, payout_secret=SECRET) as running:
        await running.send([like(str(n)) for n in range(300)])
        await running.tick()
        yield running


@pytest.fixture
async def payer(service: RunningService) -> AsyncIterator[CallingService]:
    calling = CallingService(service.http, service.url + PATH)
    app = web.Application()
    app.add_routes([web.post("/payouts", calling.handle_request)])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    calling.url = f"http://127.0.0.1:{runner.addresses[0][1]}/payouts"
    yield calling
    await runner.cleanup()


async def read_settlement(service: RunningService) -> tuple[Campaign, Settlement]:
    campaign = (await service.service.catalogue_cache.refresh()).campaigns[SLUG]
    (settlement,) = await read_settlements(service.service.pool, campaign)
    return campaign, settlement


async def settle_and_send(service: RunningService, channel: Channel) -> list[Payout]:
    """Settle, approve and send; the results stay unknown."""
    pool = service.service.pool
    await settle_periods(pool, (await service.service.catalogue_cache.refresh()).campaigns[SLUG], utc_now())
    return await approve_and_send(service, channel)


async def approve_and_send(service: RunningService, channel: Channel) -> list[Payout]:
    pool = service.service.pool
    campaign, settlement = await read_settlement(service)
    for person in ("ben", "cid"):
        async with pool.acquire() as conn, conn.transaction():
            await approve(conn, settlement.settlement_id, settlement.hash, person, utc_now())
    return (await send(pool, channel, campaign, settlement.settlement_id, "ann", utc_now())).payouts


def http_channel(payer: CallingService) -> HttpChannel:
    return HttpChannel(payer.url, SECRET, utc_now, seconds_max=5)


async def test_a_callback_is_recorded_once(service: RunningService, payer: CallingService):
    first, second = await settle_and_send(service, http_channel(payer))
    assert [first.state, second.state] == [PayoutState.SENDING] * 2
    responses = [await payer.call_back(payer.requested[0], "accepted", f"msg_{n}", reference="P-1") for n in range(3)]
    assert [status for status, _ in responses] == [200] * 3
    assert [body["result"] for _, body in responses] == ["recorded", "duplicate", "duplicate"]
    assert (await payer.call_back(payer.requested[1], "refused", reason="no such account"))[1]["result"] == "recorded"
    assert (await payer.call_back(payer.requested[1], "refused", reason="in other words"))[1]["result"] == "duplicate"
    _, settlement = await read_settlement(service)
    first, second = settlement.payouts
    assert (first.state, first.latest_step.bank_reference, len(first.evidence)) == (PayoutState.SENT, "P-1", 1)
    assert (second.state, second.latest_step.reason) == (PayoutState.RETURNED, "no such account")
    money = (await service.get(f"/v1/campaigns/{SLUG}/totals")).json["money"]
    assert (money["in_flight"]["minor"], money["settled"]["minor"]) == (70, 100)


async def test_of_equal_callbacks_at_once_one_is_recorded(service: RunningService, payer: CallingService):
    await settle_and_send(service, http_channel(payer))
    responses = await asyncio.gather(*(payer.call_back(payer.requested[0], "accepted", f"msg_{n}") for n in range(8)))
    assert sorted(body["result"] for _, body in responses) == ["duplicate"] * 7 + ["recorded"]
    _, settlement = await read_settlement(service)
    assert [step.state for step in settlement.payouts[0].steps] == [
        PayoutState.WAITING,
        PayoutState.SENDING,
        PayoutState.SENT,
    ]


@pytest.mark.parametrize(("first", "then"), [("accepted", "refused"), ("refused", "accepted")])
async def test_a_conflicting_callback_is_refused_and_counted(
    service: RunningService, payer: CallingService, first: str, then: str
):
    await settle_and_send(service, http_channel(payer))
    await payer.call_back(payer.requested[0], first, reference="P-1")
    before = (await read_settlement(service))[1].payouts
    status, problem = await payer.call_back(payer.requested[0], then)
    assert (status, problem["type"]) == (409, "urn:like-ledger:problem:callback-conflict")
    assert (await read_settlement(service))[1].payouts == before
    conflicts = {"result": "conflict"}
    registry = service.service.metrics.registry
    assert registry.get_sample_value("like_ledger_payout_callbacks_total", conflicts) == 1


async def test_a_callback_about_another_body_is_refused(service: RunningService, payer: CallingService):
    await settle_and_send(service, http_channel(payer))
    other = sha256(b"of the time before a restore").hexdigest()
    status, _ = await payer.call_back(payer.requested[0], "accepted", reference="P-1", sha256=other)
    assert status == 409
    assert [p.state for p in (await read_settlement(service))[1].payouts] == [PayoutState.SENDING] * 2
    async with service.service.pool.acquire() as conn:
        body = (await list_messages(conn, (await read_settlement(service))[1].settlement_id))[0].body
    answer = await payer.call_back(payer.requested[0], "accepted", "msg_2", sha256=sha256(body).hexdigest())
    assert answer[1]["result"] == "recorded"


async def test_another_reference_for_the_same_payout_contradicts(service: RunningService, payer: CallingService):
    await settle_and_send(service, http_channel(payer))
    await payer.call_back(payer.requested[0], "accepted", reference="P-1")
    assert (await payer.call_back(payer.requested[0], "accepted", reference="P-2"))[0] == 409
    assert (await payer.call_back(payer.requested[0], "accepted"))[0] == 200


async def test_a_callback_may_come_before_the_response(service: RunningService, payer: CallingService):
    payer.immediate_status = "accepted"
    await settle_and_send(service, http_channel(payer))
    _, settlement = await read_settlement(service)
    assert [p.state for p in settlement.payouts] == [PayoutState.SENT, PayoutState.SENT]
    assert len(payer.requested) == len(set(payer.requested)) == 2


async def test_a_callback_about_an_earlier_attempt_does_not_change_the_next(
    service: RunningService, payer: CallingService
):
    payout, _ = await settle_and_send(service, http_channel(payer))
    await payer.call_back(payer.requested[0], "refused", reason="closed")
    async with service.service.pool.acquire() as conn, conn.transaction():
        await retry_returned(conn, payout.payout_id, payout.latest_step.payee, "ann", utc_now())
    assert (await payer.call_back(payer.requested[0], "refused"))[1]["result"] == "duplicate"
    assert (await payer.call_back(payer.requested[0], "accepted"))[0] == 409
    retried, _ = await approve_and_send(service, http_channel(payer))
    assert (retried.state, retried.latest_step.attempt, len(set(payer.requested))) == (PayoutState.SENDING, 2, 3)
    assert (await payer.call_back(payer.requested[-1], "accepted"))[1]["result"] == "recorded"


async def test_a_callback_about_the_message_of_another_channel_is_unknown(
    service: RunningService, payer: CallingService
):
    first, _ = await settle_and_send(service, ManualChannel())
    assert (await payer.call_back(first.latest_step.message_id or "", "accepted"))[0] == 404
    assert [p.state for p in (await read_settlement(service))[1].payouts] == [PayoutState.SENDING] * 2


UNAUTHENTICATED = "urn:like-ledger:problem:callback-unauthenticated"
OTHER = "whsec_" + "A" * 43 + "="


@pytest.mark.parametrize(
    ("request_changes", "headers", "status"),
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
async def test_an_invalid_callback_changes_nothing(
    service: RunningService,
    payer: CallingService,
    request_changes: Mapping[str, Any],
    headers: dict[str, str],
    status: int,
):
    await settle_and_send(service, http_channel(payer))
    valid = {"type": "payout.answered", "data": {"id": payer.requested[0], "status": "accepted"}}
    response_status, problem = await payer.post(**({"body": json.dumps(valid)} | dict(request_changes)), **headers)
    assert (response_status, problem["status"]) == (status, status)
    assert status != 401 or problem["type"] == UNAUTHENTICATED
    assert [p.state for p in (await read_settlement(service))[1].payouts] == [PayoutState.SENDING] * 2


async def test_without_a_secret_no_callback_is_accepted(dsn: str):
    async with running_service(dsn) as service:
        payer = CallingService(service.http, service.url + PATH)
        for secret in (SECRET, OTHER):
            body = '{"type": "payout.answered", "data": {"id": "X-1", "status": "accepted"}}'
            status, problem = await payer.post(body, secret=secret)
            assert (status, problem["type"]) == (401, UNAUTHENTICATED)


ACCEPTED, OTHERS = PaymentResult(PaymentOutcome.ACCEPTED, "P-1"), PaymentResult(PaymentOutcome.ACCEPTED, "P-2")
REFUSED = PaymentResult(PaymentOutcome.REFUSED, reason="no")


@pytest.mark.parametrize(
    ("states", "result", "effect"),
    [
        ("sending", ACCEPTED, CallbackResult.RECORDED),
        ("sending", REFUSED, CallbackResult.RECORDED),
        ("sending sent", ACCEPTED, CallbackResult.DUPLICATE),
        ("sending sent", OTHERS, CallbackResult.CONFLICT),
        ("sending sent", REFUSED, CallbackResult.CONFLICT),
        ("sending sent paid", ACCEPTED, CallbackResult.DUPLICATE),
        ("sending sent paid", REFUSED, CallbackResult.CONFLICT),
        ("sending sent returned", ACCEPTED, CallbackResult.DUPLICATE),
        (
            "sending sent returned",
            REFUSED,
            CallbackResult.CONFLICT,
        ),  # returned by the bank, not refused
        ("sending paid", OTHERS, CallbackResult.DUPLICATE),  # the bank was first, with its reference
        ("sending returned", REFUSED, CallbackResult.DUPLICATE),
        ("sending returned", ACCEPTED, CallbackResult.CONFLICT),
    ],
)
def test_a_result_is_classified_against_the_recorded_steps(
    states: str, result: PaymentResult, effect: CallbackResult
):
    steps = [
        PayoutStep("pay_x", n, PayoutState(state), 1, "{}", "x", utc_now(), bank_reference="P-1" if n > 1 else None)
        for n, state in enumerate(states.split(), 1)
    ]
    assert classify_result(steps, result) is effect
