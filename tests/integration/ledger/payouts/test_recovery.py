"""Recovery of payouts that a crash or a time-out left `sending`: query first, never send twice."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from campaigns.catalogue.cache import Campaign, CatalogueCache
from campaigns.pledging import pledge, settle
from campaigns.reporting.settlements import approval_rules
from ledger.errors import ConcurrentUpdate
from ledger.payouts import manual, recovery, sending
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
from payment_service import SECRET, PaymentService, running_payment_service
from payouts import (
    AT,
    FREE,
    ONE_EACH,
    Bank,
    Crash,
    import_statement,
    send,
    settled_campaign,
    statement,
    visible_files,
)
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

PAYER = {"payer_name": "Example Foundation", "payer_account": "DE89370400440532013000"}
PAST = ("2026-11-01", "2020-11-01"), ("2026-12-01", "2020-12-01")
LONG_AGO = AT  # when it was claimed: past the grace on any day


@pytest.fixture
async def service() -> AsyncIterator[PaymentService]:
    async with running_payment_service() as running:
        yield running


def jobs(pool: Pool, **settings: Any) -> Jobs:
    services = CommandServices(pool, Keys(PSEUDONYM_KEY, b"w" * 32), Settings(**settings))
    return Jobs(pool, CatalogueCache(pool, PSEUDONYM_KEY), Metrics(), services)


async def claimed_campaign(pool: Pool, channel: Channel, now: datetime = LONG_AGO) -> tuple[Campaign, Settlement]:
    """Settle and claim; the process ends before it sends."""
    campaign, settlement = await settled_campaign(pool)
    return campaign, await claim(pool, channel, campaign, settlement, now)


async def claim(
    pool: Pool, channel: Channel, campaign: Campaign, settlement: Settlement, now: datetime = LONG_AGO
) -> Settlement:
    async with pool.acquire() as conn, conn.transaction():
        await sending.claim_for_sending(
            conn, channel, settlement.settlement_id, approval_rules(campaign), "finance", now
        )
    return (await read_settlements(pool, campaign))[-1]


async def test_a_claim_cut_off_by_a_crash_is_sent_once_by_any_number_of_jobs(pool: Pool, service: PaymentService):
    settings = {"payout_url": service.url, "payout_secret": SECRET}
    campaign, settlement = await claimed_campaign(pool, HttpChannel(service.url, SECRET, utc_now), utc_now())
    await jobs(pool, **settings).resume_payouts()
    assert service.received.total() == 0, "the call that claimed it may still be sending it"
    async with pool.acquire() as conn, conn.transaction():  # time passes
        assert await sending.list_unfinished(conn, ["http"], utc_now(), sending.UnfinishedSettlement("", ""), 9) == [
            sending.UnfinishedSettlement(settlement.settlement_id, "http")
        ]
    with pytest.MonkeyPatch.context() as later:
        later.setattr("ops.jobs.utc_now", lambda: utc_now() + SENDING_GRACE)
        await asyncio.gather(*(jobs(pool, **settings).resume_payouts() for _ in range(5)))
    assert list(service.received.values()) == list(service.paid.values()) == [1, 1]
    assert await settlement_states(pool, campaign) == ["sent"]
    (settlement,) = await read_settlements(pool, campaign)
    assert {(p.latest_step.by, p.latest_step.bank_reference) for p in settlement.payouts} == {
        ("schedule", f"P-{key}") for key in service.received
    }
    balances = await read_balances(pool, campaign)
    assert (balances.payable.minor, balances.in_flight.minor) == (0, 100)


async def test_without_a_response_a_payout_stays_sending_and_is_only_queried(pool: Pool, service: PaymentService):
    service.behaviour = "is slow"
    channel = HttpChannel(service.url, SECRET, utc_now, seconds_max=0.3)
    campaign, settlement = await settled_campaign(pool)
    await send(pool, channel, campaign, settlement)
    worker, service.behaviour = jobs(pool, payout_url=service.url, payout_secret=SECRET), "is down"
    for _ in range(2):
        await worker.resume_payouts()
    assert (await settlement_states(pool, campaign), list(service.received.values())) == (["sending"], [1, 1])
    service.behaviour = "accepts"
    await worker.resume_payouts()
    assert (await settlement_states(pool, campaign), list(service.received.values())) == (["sent"], [1, 1])


@pytest.mark.one_server
async def test_the_job_claims_nothing_and_skips_manual_payouts(pool: Pool, service: PaymentService, tmp_path: Path):
    campaign, settlement = await settled_campaign(pool)  # approved, and waits for a person to send it
    worker = jobs(pool, payout_url=service.url, payout_secret=SECRET, payout_folder=tmp_path, **PAYER)
    await worker.resume_payouts()
    assert (await settlement_states(pool, campaign), service.received.total()) == (["approved"], 0)
    await send(pool, ManualChannel(), campaign, settlement)
    await worker.resume_payouts()
    assert (await settlement_states(pool, campaign), service.received.total()) == (["sending"], 0)
    assert visible_files(tmp_path) == []


@pytest.mark.one_server
@pytest.mark.parametrize("was_written", [False, True], ids=["never written", "written and taken away"])
async def test_a_file_is_written_unless_it_was_before(pool: Pool, tmp_path: Path, was_written: bool):
    settings = Settings(payout_channel="pain001", payout_folder=tmp_path, **PAYER)
    channel = payout_channels.payout_channel(settings)
    campaign, settlement = await claimed_campaign(pool, channel)
    if was_written:  # and the process ended before it recorded the result
        async with pool.acquire() as conn:
            (message,) = await sending.list_messages(conn, settlement.settlement_id)
        await channel.send(message)
        (tmp_path / f"{message.message_id}.xml").unlink()
    await jobs(pool, payout_folder=tmp_path, **PAYER).resume_payouts()
    assert len(visible_files(tmp_path)) == (0 if was_written else 1)
    assert await settlement_states(pool, campaign) == ["sent"]


def test_the_folder_of_another_instance_is_not_queried(tmp_path: Path):
    elsewhere = {"database_url": "postgresql://elsewhere/x", "data_dir": tmp_path, **PAYER}
    assert payout_channels.queryable_channels(Settings(**elsewhere)) == {}
    assert list(payout_channels.queryable_channels(Settings(**elsewhere, payout_folder=tmp_path))) == ["pain001"]
    assert isinstance(payout_channels.queryable_channels(Settings(**PAYER))["pain001"], Pain001Channel)
    assert list(
        payout_channels.queryable_channels(Settings(payout_url="https://pay.example", payout_secret=SECRET))
    ) == ["http"]


def crash_if(is_broken: Callable[..., bool], real: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    """Return a function that crashes for broken arguments, and else calls the real one."""

    async def call(*arguments: Any, **options: Any) -> Any:
        if is_broken(*arguments):
            raise Crash
        return await real(*arguments, **options)

    return call


@pytest.mark.one_server
async def test_a_failing_campaign_does_not_stop_the_others(
    pool: Pool, service: PaymentService, monkeypatch: pytest.MonkeyPatch
):
    broken, sound = [
        await create_campaign(pool, (SLUG, slug), ONE_EACH, FREE, *PAST, now=utc_now())
        for slug in ("broken", "sound")
    ]
    for campaign in (broken, sound):
        await record(pool, [likes_delivery(campaign.slug, "2020-11-02T04:00:00Z", range(100))], utc_now())
    worker = jobs(pool, payout_url=service.url, payout_secret=SECRET)
    with monkeypatch.context() as patch:
        patch.setattr(pledge, "run_tick", crash_if(lambda _, c: c.slug == "broken", pledge.run_tick))
        patch.setattr(
            settle, "settle_due_periods", crash_if(lambda _, c, *__: c.slug == "broken", settle.settle_due_periods)
        )
        with pytest.raises(ExceptionGroup, match="could not be ticked"):
            await worker.tick()
        with pytest.raises(ExceptionGroup, match="could not be settled"):
            await worker.settle()
    assert [await settlement_states(pool, campaign) for campaign in (broken, sound)] == [[], ["approved"]]
    assert worker.metrics.registry.get_sample_value("like_ledger_settlements_overdue") == 1
    await worker.settle()
    channel, first = HttpChannel(service.url, SECRET, utc_now), (await read_settlements(pool, broken))[0]
    for campaign in (broken, sound):
        await claim(pool, channel, campaign, (await read_settlements(pool, campaign))[0])
    with monkeypatch.context() as patch:
        patch.setattr(
            sending,
            "resume_sending",
            crash_if(lambda *arguments: first.settlement_id in arguments, sending.resume_sending),
        )
        with pytest.raises(ExceptionGroup, match="could not be finished"):
            await worker.resume_payouts()
    assert [await settlement_states(pool, campaign) for campaign in (broken, sound)] == [["sending"], ["sent"]]


@pytest.mark.one_server
async def test_a_run_resumes_some_settlements_and_the_next_run_those_behind_them(
    pool: Pool, service: PaymentService, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("ledger.payouts.recovery.UNFINISHED_MAX", 1)
    service.behaviour, channel = "is down", HttpChannel(service.url, SECRET, utc_now)
    for slug in ("one", "two"):
        campaign = await create_campaign(pool, (SLUG, slug), ONE_EACH, FREE)
        await record_likes(pool, campaign, {2: 100})
        await settle_periods(pool, campaign, AT)
        await claim(pool, channel, campaign, (await read_settlements(pool, campaign))[0])
    worker, resumed = jobs(pool, payout_url=service.url, payout_secret=SECRET), list[str]()

    async def record_call(_: Pool, __: Channel, settlement_id: str, *more: Any) -> None:
        resumed.append(settlement_id)

    monkeypatch.setattr(sending, "resume_sending", record_call)
    for _ in range(4):
        await worker.resume_payouts()
    assert resumed == [*sorted(set(resumed[:2])), *sorted(set(resumed[:2]))[:1]]


@pytest.mark.one_server
async def test_a_result_has_the_time_at_which_its_settlement_was_resumed(pool: Pool):
    bank = Bank()
    for slug in ("one", "two"):
        campaign = await create_campaign(pool, (SLUG, slug), ONE_EACH, FREE)
        await record_likes(pool, campaign, {2: 100})
        await settle_periods(pool, campaign, AT)
        await claim(pool, bank, campaign, (await read_settlements(pool, campaign))[0])
    moments = [LONG_AGO + SENDING_GRACE + timedelta(minutes=minute) for minute in range(1, 4)]
    run = await recovery.resume_unfinished(
        pool,
        {bank.name: bank},
        recovery.FIRST_UNFINISHED,
        by="schedule",
        clock=iter(moments).__next__,
        outside_calls=asyncio.Semaphore(1),
    )
    sent_at = await pool.fetch("SELECT DISTINCT at FROM payout_steps WHERE state = 'sent' ORDER BY at")
    assert ([row["at"] for row in sent_at], run.errors.errors) == (moments[1:], [])


# --- results that people record while a payout is being sent ---


@dataclass
class Interrupted(Bank):
    """A bank with something that happens during a query or a send."""

    combines_payouts: bool = False
    during_query: list[Callable[[], Awaitable[object]]] = field(default_factory=list)
    during_send: list[Callable[[], Awaitable[object]]] = field(default_factory=list)

    async def query_result(self, message: Message) -> PaymentResult:
        while self.during_query:
            await self.during_query.pop()()
        return await super().query_result(message)

    async def send(self, message: Message) -> PaymentResult:
        while self.during_send:
            await self.during_send.pop()()
        return await super().send(message)


async def interrupted_campaign(pool: Pool) -> tuple[Interrupted, Campaign, Settlement]:
    bank = Interrupted()
    return bank, *(await claimed_campaign(pool, bank))


def refusals(pool: Pool, settlement: Settlement) -> dict[str, Callable[[], Awaitable[object]]]:
    """Return the ways to record that the first payout was not paid."""
    payout = settlement.payouts[0]
    amount, payment_id = payout.amount_minor, sending.end_to_end_id(payout.payout_id, 1)

    async def by_hand() -> object:
        async with pool.acquire() as conn, conn.transaction():
            refused = PaymentResult(PaymentOutcome.REFUSED, reason="I did not pay it")
            return await manual.record_result_manually(conn, payout.payout_id, refused, "ann", AT, None)

    return {
        "by hand": by_hand,
        "pain.002": lambda: import_statement(pool, status_report(payout.latest_step.message_id or "", payment_id)),
        "statement": lambda: import_statement(pool, statement("S1", 0, (amount, payment_id, "", "back"))),
    }


def status_report(message_id: str, payment_id: str, status: str = "RJCT") -> bytes:
    transaction = f"<OrgnlEndToEndId>{payment_id}</OrgnlEndToEndId><TxSts>{status}</TxSts>"
    group = f"<OrgnlGrpInfAndSts><OrgnlMsgId>{message_id}</OrgnlMsgId></OrgnlGrpInfAndSts>"
    return (
        f"<Document><CstmrPmtStsRpt>{group}<OrgnlPmtInfAndSts><TxInfAndSts>{transaction}</TxInfAndSts>"
        "</OrgnlPmtInfAndSts></CstmrPmtStsRpt></Document>"
    ).encode()


WAYS = ["by hand", "pain.002", "statement"]


@pytest.mark.one_server
@pytest.mark.parametrize("way", WAYS)
async def test_a_payout_recorded_as_refused_is_not_sent_any_more(pool: Pool, way: str):
    """Recorded between query and send: if it were sent, it would be paid and could be retried."""
    bank, campaign, settlement = await interrupted_campaign(pool)
    bank.during_query.append(refusals(pool, settlement)[way])
    await send(pool, bank, campaign, settlement)
    (settlement,) = await read_settlements(pool, campaign)
    assert [p.state.value for p in settlement.payouts] == ["returned", "sent"]
    assert settlement.payouts[0].latest_step.message_id not in bank.received
    assert bank.received.total() == 1


@pytest.mark.one_server
@pytest.mark.parametrize("way", WAYS)
async def test_while_a_payout_is_sent_nobody_can_record_it_as_refused(pool: Pool, way: str):
    bank, campaign, settlement = await interrupted_campaign(pool)

    async def too_early() -> None:
        with pytest.raises(ConcurrentUpdate, match=r"^payout_being_sent"):
            await refusals(pool, settlement)[way]()

    bank.during_send.append(too_early)
    await send(pool, bank, campaign, settlement)
    assert await settlement_states(pool, campaign) == ["sent"]
    assert sorted(bank.received.values()) == [1, 1]


@pytest.mark.one_server
async def test_of_two_who_resume_at_once_the_second_sends_nothing(pool: Pool):
    """The result stays unknown, so the payout may be paid: the query before it is outdated."""
    bank, campaign, settlement = await interrupted_campaign(pool)
    bank.result = PaymentResult(PaymentOutcome.UNKNOWN)

    async def resume_meanwhile() -> None:
        with pytest.raises(ConcurrentUpdate, match=r"^settlement_being_sent"):
            await sending.resume_sending(pool, bank, settlement.settlement_id, "ben", AT)

    bank.during_query.append(resume_meanwhile)
    await sending.resume_sending(pool, bank, settlement.settlement_id, "ann", AT)
    assert (await settlement_states(pool, campaign), sorted(bank.received.values())) == (["sending"], [1, 1])


async def test_statuses_of_unknown_messages_or_in_conflict_are_counted_as_unmatched(pool: Pool):
    bank, campaign, settlement = await interrupted_campaign(pool)
    settlement = await send(pool, bank, campaign, settlement)
    first, second = (
        (p.latest_step.message_id or "", sending.end_to_end_id(p.payout_id, 1)) for p in settlement.payouts
    )
    debit = (-settlement.payouts[0].amount_minor, first[1], "B1", "")
    assert (await import_statement(pool, statement("S1", 1_000, debit))).payouts_paid == 1
    for report, unmatched in (
        (status_report(*first, "ACCP"), 0),  # a duplicate
        (status_report(*first), 1),  # paid before it is refused
        (status_report(*second), 0),
        (status_report(*second), 0),  # a duplicate
        (status_report("STLNOBODYS-1", first[1]), 1),
        (status_report(first[0], second[1]), 1),  # sent in another message
    ):
        assert (await import_statement(pool, report)).statuses_unmatched == unmatched
    assert [p.state.value for p in (await read_settlements(pool, campaign))[0].payouts] == ["paid", "returned"]
