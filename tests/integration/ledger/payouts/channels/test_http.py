"""The channel `http` against a payment service: requests are signed and never pay twice."""

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from campaigns.catalogue.cache import Campaign
from ledger.payouts.channels.http import HttpChannel
from ledger.settlements.payout_steps import PayoutState
from ops.clock import utc_now
from payment_service import SECRET, PaymentService, running_payment_service
from payouts import send, settled_campaign
from settlements import read_balances, read_settlements, settlement_states
from sql import Pool


@pytest.fixture
async def service() -> AsyncIterator[PaymentService]:
    async with running_payment_service() as running:
        yield running


async def send_once(pool: Pool, service: PaymentService) -> tuple[Campaign, Callable[[], Awaitable[object]]]:
    """Settle and send; return the campaign, and the function that sends again."""
    channel = HttpChannel(service.url, SECRET, utc_now, seconds_max=0.5)
    campaign, settlement = await settled_campaign(pool)

    async def send_again() -> object:
        return await send(pool, channel, campaign, settlement)

    await send_again()
    return campaign, send_again


async def test_each_payout_is_requested_once_and_keeps_the_services_reference(pool: Pool, service: PaymentService):
    campaign, send_again = await send_once(pool, service)
    await send_again()
    assert await settlement_states(pool, campaign) == ["sent"]
    assert list(service.received.values()) == [1, 1]
    (settlement,) = await read_settlements(pool, campaign)
    assert [p.latest_step.bank_reference for p in settlement.payouts] == [f"P-{key}" for key in service.received]


@pytest.mark.parametrize("behaviour", ["is slow", "hangs up", "mumbles"])
async def test_an_unclear_response_is_queried_and_never_paid_twice(
    pool: Pool, service: PaymentService, behaviour: str
):
    service.behaviour = behaviour
    campaign, send_again = await send_once(pool, service)
    assert await settlement_states(pool, campaign) == ["sending"]
    assert (await read_balances(pool, campaign)).in_flight.minor == 100
    await send_again()
    assert await settlement_states(pool, campaign) == ["sent"]
    assert list(service.received.values()) == list(service.paid.values()) == [1, 1]


async def test_a_response_is_read_whole_in_any_number_of_chunks(pool: Pool, service: PaymentService):
    service.behaviour = "responds in chunks"
    campaign, _ = await send_once(pool, service)
    (settlement,) = await read_settlements(pool, campaign)
    assert {(p.state, p.latest_step.bank_reference) for p in settlement.payouts} == {
        (PayoutState.SENT, "P-in-chunks")
    }


@pytest.mark.parametrize("behaviour", ["goes on after its response", "never stops"])
async def test_the_beginning_of_a_response_is_not_a_result(pool: Pool, service: PaymentService, behaviour: str):
    """Read as a refusal it would bring the money back, and the executed payout would be retried."""
    service.behaviour = behaviour
    campaign, send_again = await send_once(pool, service)
    assert await settlement_states(pool, campaign) == ["sending"]
    await send_again()
    assert await settlement_states(pool, campaign) == ["sent"]
    assert list(service.paid.values()) == [1, 1]


async def test_a_request_never_received_is_sent_again_under_the_same_key(pool: Pool, service: PaymentService):
    service.behaviour = "loses it"
    campaign, send_again = await send_once(pool, service)
    assert await settlement_states(pool, campaign) == ["sending"]
    service.behaviour, service.received = "accepts", Counter()
    await send_again()
    assert await settlement_states(pool, campaign) == ["sent"]
    assert list(service.paid.values()) == [1, 1]


async def test_a_service_that_is_down_leaves_everything_unknown(pool: Pool, service: PaymentService):
    """Nothing is sent before the service answers a query: it may have an earlier request."""
    service.behaviour = "is down"
    campaign, send_again = await send_once(pool, service)
    for _ in range(2):
        await send_again()
    assert await settlement_states(pool, campaign) == ["sending"]
    assert service.received.total() == 0
    assert (await read_balances(pool, campaign)).in_flight.minor == 100


async def test_a_clear_refusal_brings_the_money_back(pool: Pool, service: PaymentService):
    service.behaviour = "refuses"
    campaign, _ = await send_once(pool, service)
    (settlement,) = await read_settlements(pool, campaign)
    assert {(p.state, p.latest_step.reason) for p in settlement.payouts} == {
        (PayoutState.RETURNED, "no such account")
    }
    assert (await read_balances(pool, campaign)).payable.minor == 100
