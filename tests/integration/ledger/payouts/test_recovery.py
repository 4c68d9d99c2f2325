"""Payouts that a crash or a time-out left `sending`: a job ends what people began, asks first, sends none twice."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from campaigns.catalogue.cache import Campaign, CatalogueCache
from campaigns.pledging import pledge, settle
from campaigns.reporting.settlements import approval_rules
from ledger.errors import ConcurrentUpdate
from ledger.payouts import manual, sending
from ledger.payouts.channels import Channel, Message, PaymentOutcome, PaymentResult
from ledger.payouts.channels.http import HttpChannel
from ledger.payouts.channels.manual import ManualChannel
from ledger.payouts.channels.pain001 import Pain001Channel
from ledger.payouts.recovery import SENDING_GRACE
from ledger.settlements.model import Settlement
from ops import payout_channels
from ops.admin.core.command import CommandServices
from ops.clock import utc_now
from ops.jobs import Jobs
from ops.keys import Keys
from ops.metrics import Metrics
from ops.settings import Settings
from promises import PSEUDONYM_KEY, SLUG, record
from settlements import (
    create_campaign,
    likes_delivery,
    read_balances,
    read_settlements,
    record_likes,
    settle_periods,
    settlement_states,
)
from sql import Pool
from tests.integration.ledger.payouts.channels.test_http import SECRET, Service, service
from tests.integration.ledger.payouts.test_sending import AT, FREE, ONE_EACH, Bank, Crash, one_settled, sent
from tests.integration.ledger.reconciliation.test_reconcile import in_folder, statement, take

__all__ = ["service"]  # the fixture of a payment service

PAYER = {"payer_name": "Example Foundation", "payer_account": "DE89370400440532013000"}
PAST = ("2026-11-01", "2020-11-01"), ("2026-12-01", "2020-12-01")
LONG_AGO = AT  # when it began to be sent: past the grace, whatever today's clock says


def jobs(pool: Pool, **settings: Any) -> Jobs:
    own = Settings(**settings)
    return Jobs(
        pool,
        CatalogueCache(pool, PSEUDONYM_KEY),
        Metrics(),
        CommandServices(pool, Keys(PSEUDONYM_KEY, b"w" * 32), own),
    )


async def begun(pool: Pool, channel: Channel, now: datetime = LONG_AGO) -> tuple[Campaign, Settlement]:
    """Settle and claim; the process ends before anybody was told."""
    campaign, envelope = await one_settled(pool)
    return campaign, await claimed(pool, channel, campaign, envelope, now)


async def claimed(
    pool: Pool, channel: Channel, campaign: Campaign, envelope: Settlement, now: datetime = LONG_AGO
) -> Settlement:
    async with pool.acquire() as conn, conn.transaction():
        await sending.claim_for_sending(
            conn, channel, envelope.settlement_id, approval_rules(campaign), "finance", now
        )
    return (await read_settlements(pool, campaign))[-1]


async def test_what_a_crash_cut_off_is_sent_once_however_many_look_after_it(pool: Pool, service: Service):
    own = {"payout_url": service.url, "payout_secret": SECRET}
    campaign, envelope = await begun(pool, HttpChannel(service.url, SECRET, utc_now), utc_now())
    await jobs(pool, **own).resume_payouts()
    assert service.told.total() == 0, "whoever began may be at it still"
    async with pool.acquire() as conn, conn.transaction():  # time passes
        assert await sending.list_unfinished(conn, ["http"], utc_now(), sending.UnfinishedSettlement("", ""), 9) == [
            sending.UnfinishedSettlement(envelope.settlement_id, "http")
        ]
    with pytest.MonkeyPatch.context() as later:
        later.setattr("ops.jobs.utc_now", lambda: utc_now() + SENDING_GRACE)
        await asyncio.gather(*(jobs(pool, **own).resume_payouts() for _ in range(5)))
    assert list(service.told.values()) == list(service.paid.values()) == [1, 1]
    assert await settlement_states(pool, campaign) == ["sent"]
    (envelope,) = await read_settlements(pool, campaign)
    assert {(p.latest_step.by, p.latest_step.bank_reference) for p in envelope.payouts} == {
        ("schedule", f"P-{key}") for key in service.told
    }
    held = await read_balances(pool, campaign)
    assert (held.payable.minor, held.in_flight.minor) == (0, 100)


async def test_what_nobody_answers_stays_unknown_and_is_asked_about_only(pool: Pool, service: Service):
    service.way = "is slow"
    channel = HttpChannel(service.url, SECRET, utc_now, seconds_max=0.3)
    campaign, envelope = await one_settled(pool)
    await sending.send_settlement(
        pool, channel, envelope.settlement_id, approval_rules(campaign), "finance", LONG_AGO
    )
    own, service.way = jobs(pool, payout_url=service.url, payout_secret=SECRET), "is down"
    for _ in range(2):
        await own.resume_payouts()
    assert (await settlement_states(pool, campaign), list(service.told.values())) == (["sending"], [1, 1])
    service.way = "accepts"
    await own.resume_payouts()
    assert (await settlement_states(pool, campaign), list(service.told.values())) == (["sent"], [1, 1])


@pytest.mark.one_server
async def test_it_begins_nothing_and_asks_no_person(pool: Pool, service: Service, tmp_path: Path):
    campaign, envelope = await one_settled(pool)  # may be sent, and waits for who sends it
    own = jobs(pool, payout_url=service.url, payout_secret=SECRET, payout_folder=tmp_path, **PAYER)
    await own.resume_payouts()
    assert (await settlement_states(pool, campaign), service.told.total()) == (["approved"], 0)
    await sending.send_settlement(
        pool, ManualChannel(), envelope.settlement_id, approval_rules(campaign), "finance", LONG_AGO
    )
    await own.resume_payouts()
    assert (await settlement_states(pool, campaign), service.told.total()) == (["sending"], 0)
    assert in_folder(tmp_path) == []


@pytest.mark.one_server
@pytest.mark.parametrize("was_put", [False, True], ids=["never written", "written and taken away"])
async def test_a_file_is_written_unless_the_bank_has_taken_it(pool: Pool, tmp_path: Path, was_put: bool):
    settings = Settings(payout_channel="pain001", payout_folder=tmp_path, **PAYER)
    channel = payout_channels.payout_channel(settings)
    campaign, envelope = await begun(pool, channel)
    if was_put:  # and the process ended before it could say so
        async with pool.acquire() as conn:
            (message,) = await sending.list_messages(conn, envelope.settlement_id)
        await channel.send(message)
        (tmp_path / f"{message.message_id}.xml").unlink()
    await jobs(pool, payout_folder=tmp_path, **PAYER).resume_payouts()
    assert len(in_folder(tmp_path)) == (0 if was_put else 1)
    assert await settlement_states(pool, campaign) == ["sent"]


def test_another_instances_folder_is_not_asked(tmp_path: Path):
    elsewhere = {"database_url": "postgresql://elsewhere/x", "data_dir": tmp_path, **PAYER}
    assert payout_channels.queryable_channels(Settings(**elsewhere)) == {}
    assert list(payout_channels.queryable_channels(Settings(**elsewhere, payout_folder=tmp_path))) == ["pain001"]
    assert isinstance(payout_channels.queryable_channels(Settings(**PAYER))["pain001"], Pain001Channel)
    assert list(
        payout_channels.queryable_channels(Settings(payout_url="https://pay.example", payout_secret=SECRET))
    ) == ["http"]


def but_for(fails: Callable[..., bool], real: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    """Return what does the same, unless it is asked to for what fails."""

    async def does(*given: Any) -> Any:
        if fails(*given):
            raise Crash
        return await real(*given)

    return does


@pytest.mark.one_server
async def test_one_that_fails_keeps_no_other_from_being_ticked_settled_or_finished(
    pool: Pool, service: Service, monkeypatch: pytest.MonkeyPatch
):
    broken, sound = [
        await create_campaign(pool, (SLUG, slug), ONE_EACH, FREE, *PAST, now=utc_now())
        for slug in ("broken", "sound")
    ]
    for campaign in (broken, sound):
        await record(pool, [likes_delivery(campaign.slug, "2020-11-02T04:00:00Z", range(100))], utc_now())
    own = jobs(pool, payout_url=service.url, payout_secret=SECRET)
    with monkeypatch.context() as broke:
        broke.setattr(pledge, "run_tick", but_for(lambda _, c: c.slug == "broken", pledge.run_tick))
        broke.setattr(
            settle, "settle_due_periods", but_for(lambda _, c, *__: c.slug == "broken", settle.settle_due_periods)
        )
        with pytest.raises(ExceptionGroup, match="could not be ticked"):
            await own.tick()
        with pytest.raises(ExceptionGroup, match="could not be settled"):
            await own.settle()
    assert [await settlement_states(pool, campaign) for campaign in (broken, sound)] == [[], ["approved"]]
    assert own.metrics.registry.get_sample_value("like_ledger_settlements_overdue") == 1
    await own.settle()
    channel, first = HttpChannel(service.url, SECRET, utc_now), (await read_settlements(pool, broken))[0]
    for campaign in (broken, sound):
        await claimed(pool, channel, campaign, (await read_settlements(pool, campaign))[0])
    with monkeypatch.context() as broke:
        broke.setattr(
            sending, "resume_sending", but_for(lambda *given: first.settlement_id in given, sending.resume_sending)
        )
        with pytest.raises(ExceptionGroup, match="could not be finished"):
            await own.resume_payouts()
    assert [await settlement_states(pool, campaign) for campaign in (broken, sound)] == [["sending"], ["sent"]]


@pytest.mark.one_server
async def test_of_many_each_run_looks_at_some_and_the_next_goes_on_behind_them(
    pool: Pool, service: Service, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("ledger.payouts.recovery.UNFINISHED_MAX", 1)
    service.way, channel = "is down", HttpChannel(service.url, SECRET, utc_now)
    for slug in ("one", "two"):
        campaign = await create_campaign(pool, (SLUG, slug), ONE_EACH, FREE)
        await record_likes(pool, campaign, {2: 100})
        await settle_periods(pool, campaign, AT)
        await claimed(pool, channel, campaign, (await read_settlements(pool, campaign))[0])
    own, asked = jobs(pool, payout_url=service.url, payout_secret=SECRET), list[str]()

    async def go_on(_: Pool, __: Channel, settlement_id: str, *more: Any) -> None:
        asked.append(settlement_id)

    monkeypatch.setattr(sending, "resume_sending", go_on)
    for _ in range(4):
        await own.resume_payouts()
    assert asked == [*sorted(set(asked[:2])), *sorted(set(asked[:2]))[:1]]


# --- what people say of a payout while a counterparty is told of it ---


@dataclass
class Interrupted(Bank):
    """A bank that was never told, and something that happens when it is asked or told."""

    payouts_together: bool = False
    when_asked: list[Callable[[], Awaitable[object]]] = field(default_factory=list)
    when_told: list[Callable[[], Awaitable[object]]] = field(default_factory=list)

    async def ask(self, message: Message) -> PaymentResult:
        while self.when_asked:
            await self.when_asked.pop()()
        return await super().ask(message)

    async def send(self, message: Message) -> PaymentResult:
        while self.when_told:
            await self.when_told.pop()()
        return await super().send(message)


async def one_claimed(pool: Pool) -> tuple[Interrupted, Campaign, Settlement]:
    bank = Interrupted()
    return bank, *(await begun(pool, bank))


def ways(pool: Pool, envelope: Settlement) -> dict[str, Callable[[], Awaitable[object]]]:
    """Return the ways in which somebody says that the first payout was not paid."""
    payout = envelope.payouts[0]
    amount, own_id = payout.amount_minor, sending.end_to_end_id(payout.payout_id, 1)

    async def by_hand() -> object:
        async with pool.acquire() as conn, conn.transaction():
            refused = PaymentResult(PaymentOutcome.REFUSED, reason="I did not pay it")
            return await manual.record_result_manually(conn, payout.payout_id, refused, "ann", AT, None)

    return {
        "by hand": by_hand,
        "pain.002": lambda: take(pool, rejected(payout.latest_step.message_id or "", own_id)),
        "statement": lambda: take(pool, statement("S1", 0, (amount, own_id, "", "back"))),
    }


def rejected(message_id: str, own_id: str, said: str = "RJCT") -> bytes:
    told = f"<OrgnlEndToEndId>{own_id}</OrgnlEndToEndId><TxSts>{said}</TxSts>"
    group = f"<OrgnlGrpInfAndSts><OrgnlMsgId>{message_id}</OrgnlMsgId></OrgnlGrpInfAndSts>"
    return (
        f"<Document><CstmrPmtStsRpt>{group}<OrgnlPmtInfAndSts><TxInfAndSts>{told}</TxInfAndSts>"
        "</OrgnlPmtInfAndSts></CstmrPmtStsRpt></Document>"
    ).encode()


WAYS = ["by hand", "pain.002", "statement"]


@pytest.mark.one_server
@pytest.mark.parametrize("way", WAYS)
async def test_what_was_said_to_be_unpaid_is_not_told_any_more(pool: Pool, way: str):
    """Said between the question about a payout and its telling: told then, it would be paid, and could be again."""
    bank, campaign, envelope = await one_claimed(pool)
    bank.when_asked.append(ways(pool, envelope)[way])
    await sent(pool, bank, campaign, envelope)
    (envelope,) = await read_settlements(pool, campaign)
    assert [p.state.value for p in envelope.payouts] == ["returned", "sent"]
    assert envelope.payouts[0].latest_step.message_id not in bank.told
    assert bank.told.total() == 1


@pytest.mark.one_server
@pytest.mark.parametrize("way", WAYS)
async def test_while_it_is_told_nobody_can_say_that_it_was_not_paid(pool: Pool, way: str):
    bank, campaign, envelope = await one_claimed(pool)

    async def too_early() -> None:
        with pytest.raises(ConcurrentUpdate, match="is told to a counterparty at this moment"):
            await ways(pool, envelope)[way]()

    bank.when_told.append(too_early)
    await sent(pool, bank, campaign, envelope)
    assert await settlement_states(pool, campaign) == ["sent"]
    assert sorted(bank.told.values()) == [1, 1]


@pytest.mark.one_server
async def test_who_goes_on_while_another_does_tells_nothing_that_the_other_told(pool: Pool):
    """Nobody answers, so it may have been paid: what was unseen when it was asked about is that no more."""
    bank, campaign, envelope = await one_claimed(pool)
    bank.answer = PaymentResult(PaymentOutcome.UNKNOWN)

    async def other() -> None:
        with pytest.raises(ConcurrentUpdate, match="is being sent by another"):
            await sending.resume_sending(pool, bank, envelope.settlement_id, "ben", AT)

    bank.when_asked.append(other)
    await sending.resume_sending(pool, bank, envelope.settlement_id, "ann", AT)
    assert (await settlement_states(pool, campaign), sorted(bank.told.values())) == (["sending"], [1, 1])


async def test_answers_that_are_of_nothing_or_contradict_what_is_known_are_told(pool: Pool):
    bank, campaign, envelope = await one_claimed(pool)
    envelope = await sent(pool, bank, campaign, envelope)
    first, second = (
        (p.latest_step.message_id or "", sending.end_to_end_id(p.payout_id, 1)) for p in envelope.payouts
    )
    left = (-envelope.payouts[0].amount_minor, first[1], "B1", "")
    assert (await take(pool, statement("S1", 1_000, left))).payouts_paid == 1
    for answer, unmatched in (
        (rejected(*first, "ACCP"), 0),  # known
        (rejected(*first), 1),  # paid, and refused
        (rejected(*second), 0),
        (rejected(*second), 0),  # known
        (rejected("STLNOBODYS-1", first[1]), 1),
        (rejected(first[0], second[1]), 1),  # told in another message
    ):
        assert (await take(pool, answer)).statuses_unmatched == unmatched
    assert [p.state.value for p in (await read_settlements(pool, campaign))[0].payouts] == ["paid", "returned"]
