"""After a restore message ids repeat: a payout is never recorded by what the bank knows of another message."""

from collections.abc import AsyncIterator, Sequence
from hashlib import sha256
from pathlib import Path

import pytest

from ledger.errors import SettlementRefused
from ledger.payouts import manual, retry
from ledger.payouts.channels import Channel, Message, PaymentOutcome, PaymentResult
from ledger.payouts.channels.http import HttpChannel
from ledger.payouts.channels.pain001 import Pain001Channel, Payer
from ledger.payouts.sending import list_messages
from ledger.settlements.model import Settlement
from ops.clock import utc_now
from payment_service import SECRET, PaymentService, running_payment_service
from payouts import AT, send, settled_campaign
from settlements import read_balances, read_settlements, settlement_states
from sql import Pool

PAYER = Payer("Example Foundation", {"iban": "DE89370400440532013000"})
OTHER_BODY = b"the message of the time before the restore"


@pytest.fixture
async def service() -> AsyncIterator[PaymentService]:
    async with running_payment_service() as running:
        yield running


def pain001_channel(folder: Path) -> Pain001Channel:
    return Pain001Channel(PAYER, folder)


def http_channel(service: PaymentService, folder: Path | None) -> HttpChannel:
    return HttpChannel(service.url, SECRET, utc_now, folder, seconds_max=0.5)


def message_ids(settlement: Settlement, channel: Channel) -> list[str]:
    """Return the ids that the first messages of a settlement will have."""
    number = 1 if channel.combines_payouts else len(settlement.payouts)
    name = settlement.settlement_id.replace("_", "").upper()
    return [f"{name}-{n}" for n in range(1, number + 1)]


async def send_before_restore(channel: Channel, settlement: Settlement, body: bytes = OTHER_BODY) -> Sequence[str]:
    ids = message_ids(settlement, channel)
    for message_id in ids:
        await channel.send(Message(message_id, body))
    return ids


@pytest.mark.parametrize("is_collected", [False, True])
async def test_a_file_with_another_content_is_not_taken_for_this_one(
    pool: Pool, tmp_path: Path, *, is_collected: bool
):
    channel = pain001_channel(tmp_path)
    campaign, settlement = await settled_campaign(pool)
    (message_id,) = await send_before_restore(channel, settlement)
    file = tmp_path / f"{message_id}.xml"
    if is_collected:
        file.unlink()
    for _ in range(2):
        with pytest.raises(SettlementRefused) as refused:
            await send(pool, channel, campaign, settlement)
        assert refused.value.code == "payout_message_differs"
        assert refused.value.params["sent_sha256"] == sha256(OTHER_BODY).hexdigest()
    assert await settlement_states(pool, campaign) == ["sending"]
    assert not file.exists() if is_collected else file.read_bytes() == OTHER_BODY


async def test_a_refusal_by_hand_and_a_retry_lead_out(pool: Pool, tmp_path: Path):
    channel = pain001_channel(tmp_path)
    campaign, settlement = await settled_campaign(pool)
    await send_before_restore(channel, settlement)
    with pytest.raises(SettlementRefused):
        await send(pool, channel, campaign, settlement)
    refused = PaymentResult(PaymentOutcome.REFUSED, reason="the bank knows another message")
    for payout in settlement.payouts:
        async with pool.acquire() as conn, conn.transaction():
            await manual.record_result_manually(conn, payout.payout_id, refused, "finance", AT, None)
            await retry.retry_returned(conn, payout.payout_id, payout.latest_step.payee, "finance", AT)
    (settlement,) = await read_settlements(pool, campaign)
    await send(pool, channel, campaign, settlement)
    assert await settlement_states(pool, campaign) == ["sent"]
    assert (await read_balances(pool, campaign)).in_flight.minor == 100


async def test_a_mark_of_an_earlier_version_proves_nothing_without_the_file(pool: Pool, tmp_path: Path):
    channel = pain001_channel(tmp_path)
    message = Message("STLA-1", b"<Document/>")
    await channel.send(message)
    (tmp_path / ".told" / "STLA-1").write_bytes(b"")
    assert (await channel.query_result(message)).outcome is PaymentOutcome.ACCEPTED  # the file proves it
    (tmp_path / "STLA-1.xml").unlink()
    with pytest.raises(SettlementRefused, match=r"^payout_mark_without_hash: message=STLA-1"):
        await channel.query_result(message)


async def test_a_service_that_was_sent_another_body_is_not_asked(pool: Pool, tmp_path: Path, service: PaymentService):
    campaign, settlement = await settled_campaign(pool)
    channel = http_channel(service, tmp_path)
    service.behaviour = "loses it"
    (tmp_path / ".told").mkdir()
    first, second = message_ids(settlement, channel)
    (tmp_path / ".told" / first).write_text(f"{sha256(OTHER_BODY).hexdigest()}\n")
    service.behaviour, service.paid[first] = "accepts", 1
    with pytest.raises(SettlementRefused, match=r"^payout_message_differs: "):
        await send(pool, channel, campaign, settlement)
    assert service.received == {second: 1}  # the other payout is sent
    (settlement,) = await read_settlements(pool, campaign)
    assert sorted(payout.state.value for payout in settlement.payouts) == ["sending", "sent"]


@pytest.mark.parametrize("digest", [sha256(OTHER_BODY).hexdigest(), "", "of this body"])
async def test_a_services_answer_is_bound_to_the_body_if_it_names_one(
    pool: Pool, service: PaymentService, digest: str
):
    campaign, settlement = await settled_campaign(pool)
    channel = http_channel(service, None)
    service.behaviour = "mumbles"
    await send(pool, channel, campaign, settlement)
    async with pool.acquire() as conn:
        messages = await list_messages(conn, settlement.settlement_id)
    own = {message.message_id: sha256(message.body).hexdigest() for message in messages}
    service.digests = own if digest == "of this body" else dict.fromkeys(own, digest)
    if digest == sha256(OTHER_BODY).hexdigest():
        with pytest.raises(SettlementRefused, match=r"^payout_message_differs: "):
            await send(pool, channel, campaign, settlement)
    else:
        await send(pool, channel, campaign, settlement)
    states = ["sending" if digest == sha256(OTHER_BODY).hexdigest() else "sent"]
    assert await settlement_states(pool, campaign) == states


async def test_a_service_that_knows_another_body_refuses_the_request(pool: Pool, service: PaymentService):
    campaign, settlement = await settled_campaign(pool)
    service.behaviour = "knows another body"
    with pytest.raises(SettlementRefused, match=r"^payout_message_known: "):
        await send(pool, http_channel(service, None), campaign, settlement)
    assert await settlement_states(pool, campaign) == ["sending"]
