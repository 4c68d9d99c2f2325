"""Payouts on a real database: approved by the right people, claimed once, told once, whatever is lost on the way."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from campaigns.catalogue.cache import Campaign
from campaigns.catalogue.charity_account import change_account
from campaigns.errors import TokenRefused
from campaigns.pledging import settle
from campaigns.promise.model import OtherAccount
from campaigns.reporting.settlements import approval_rules
from ledger.errors import LedgerError, SettlementRefused
from ledger.invariants import sql_checks
from ledger.payouts import manual, sending
from ledger.payouts.channels import Instruction, Message, PaymentOutcome, PaymentResult
from ledger.payouts.channels.manual import ManualChannel
from ledger.settlements import approvals
from ledger.settlements.model import Settlement
from ledger.settlements.payout_steps import PayoutState
from ops.admin.auth import tokens
from promises import PSEUDONYM_KEY
from settlements import (
    create_campaign,
    read_balances,
    read_settlements,
    record_likes,
    record_unlikes,
    settle_periods,
    settlement_states,
)
from sql import Connection, Pool

AT = datetime(2026, 11, 9, 3, tzinfo=ZoneInfo("Asia/Shanghai"))
ONE_EACH = ("rate = { amount_minor = 1, per_likes = 3 }", "rate = { amount_minor = 1, per_likes = 1 }")
FREE = ("[terms]", "[settlement]\nthreshold_minor = 1000\n[terms]")


ACCEPTED = PaymentResult(PaymentOutcome.ACCEPTED)


class Crash(Exception):
    """The process ends here."""


@dataclass
class Bank:
    """A counterparty in memory that does each message once, and can lose calls, or keep them and lose its answer."""

    name: str = "bank"
    payouts_together: bool = True
    taken: dict[str, bytes] = field(default_factory=dict)
    told: Counter[str] = field(default_factory=Counter)
    answer: PaymentResult = ACCEPTED
    loses: str = ""  # the call before or after it was taken

    def compose(self, message_id: str, instructions: Sequence[Instruction], now: datetime) -> bytes:
        return repr((message_id, instructions, now)).encode()

    async def send(self, message: Message) -> PaymentResult:
        if self.loses == "before":
            raise Crash
        self.told[message.message_id] += 1
        self.taken[message.message_id] = message.body
        if self.loses == "after":
            raise Crash
        return self.answer

    async def ask(self, message: Message) -> PaymentResult:
        return PaymentResult(
            PaymentOutcome.ACCEPTED if message.message_id in self.taken else PaymentOutcome.NOT_FOUND
        )


async def one_settled(pool: Pool, *changes: tuple[str, str]) -> tuple[Campaign, Settlement]:
    campaign = await create_campaign(pool, ONE_EACH, *(changes or (FREE,)))
    await record_likes(pool, campaign, {2: 100})
    await settle_periods(pool, campaign, AT)
    return campaign, (await read_settlements(pool, campaign))[-1]


async def sent(pool: Pool, bank: Bank | ManualChannel, campaign: Campaign, envelope: Settlement) -> Settlement:
    return await sending.send_settlement(pool, bank, envelope.settlement_id, approval_rules(campaign), "finance", AT)


async def approved(pool: Pool, envelope: Settlement, *people: str) -> Settlement:
    for person in people:
        async with pool.acquire() as conn, conn.transaction():
            envelope = await approvals.approve(conn, envelope.settlement_id, envelope.hash, person, AT)
    return envelope


async def test_what_is_approved_is_sent_once(pool: Pool):
    campaign, envelope = await one_settled(pool)
    bank = Bank()
    for _ in range(3):
        envelope = await sent(pool, bank, campaign, envelope)
    assert await settlement_states(pool, campaign) == ["sent"]
    assert bank.told == {f"{envelope.settlement_id.replace('_', '').upper()}-1": 1}
    held = await read_balances(pool, campaign)
    assert (held.payable.minor, held.in_flight.minor, held.settled_minor) == (0, 100, 100)
    assert envelope.payout_counts["sent"] == len(envelope.payouts) == 2


async def test_above_the_threshold_two_different_people_must_approve_the_same_hash(pool: Pool):
    campaign, envelope = await one_settled(pool, ("[terms]", "[settlement]\nthreshold_minor = 99\n[terms]"))
    assert await settlement_states(pool, campaign) == ["open"]
    bank = Bank()
    with pytest.raises(SettlementRefused, match="waits for 2 more people"):
        await sent(pool, bank, campaign, envelope)
    await approved(pool, envelope, "ann", "ann")
    with pytest.raises(SettlementRefused, match="waits for 1 more people"):
        await sent(pool, bank, campaign, envelope)
    assert not bank.told
    await approved(pool, envelope, "ben")
    assert await settlement_states(pool, campaign) == ["approved"]
    await sent(pool, bank, campaign, envelope)
    assert bank.told.total() == 1


async def test_who_made_it_never_approves_it(pool: Pool):
    campaign = await create_campaign(pool, ONE_EACH)
    await record_likes(pool, campaign, {2: 100})
    await settle.settle_due_periods(pool, campaign, "ann", AT)
    (envelope,) = await read_settlements(pool, campaign)
    with pytest.raises(SettlementRefused, match=r"ann made .* and cannot approve it"):
        await approved(pool, envelope, "ann")
    given = "INSERT INTO settlement_approvals (settlement_id, hash, person, at) VALUES ($1, $2, $3, $4)"
    for person in ("ann", "ben"):  # however it came there, the maker's does not count
        await pool.execute(given, envelope.settlement_id, envelope.hash, person, AT)
    with pytest.raises(SettlementRefused, match="waits for 1 more people"):
        await sent(pool, Bank(), campaign, envelope)


async def test_another_hash_is_not_approved(pool: Pool):
    _, envelope = await one_settled(pool)
    async with pool.acquire() as conn, conn.transaction():
        with pytest.raises(SettlementRefused, match="has changed"):
            await approvals.approve(conn, envelope.settlement_id, bytes(32), "ann", AT)


async def test_another_attempt_voids_what_was_approved(pool: Pool, owner: Connection):
    campaign, envelope = await one_settled(pool, ("[terms]", "[settlement]\nthreshold_minor = 99\n[terms]"))
    envelope = await approved(pool, envelope, "ann", "ben")
    bank = Bank(answer=PaymentResult(PaymentOutcome.REFUSED, reason="account closed"))
    envelope = await sent(pool, bank, campaign, envelope)
    assert {p.latest_step.reason for p in envelope.payouts} == {"account closed"}
    told = b"".join(row["body"] for row in await pool.fetch("SELECT body FROM leaf_queue"))
    assert b"came back" in told
    assert b"account closed" not in told, "a bank's words may name an account or a person, and the log is for ever"
    assert (await read_balances(pool, campaign)).payable.minor == 100
    moved = OtherAccount(scheme="other", id="6222020200112233999")
    async with pool.acquire() as conn, conn.transaction():
        await change_account(conn, "village-schools", moved, AT, pseudonym_key=PSEUDONYM_KEY)
        to = await settle.payees(conn, campaign)
        for payout in envelope.payouts:
            envelope = await manual.retry_returned(conn, payout.payout_id, to[payout.charity], "cid", AT)
    assert "6222020200112233999" in envelope.payouts[0].latest_step.payee
    assert (envelope.payouts[0].latest_step.attempt, envelope.approvers) == (2, [])
    bank.answer = PaymentResult(PaymentOutcome.ACCEPTED)
    with pytest.raises(SettlementRefused, match="waits for 2"):
        await sent(pool, bank, campaign, envelope)
    with pytest.raises(SettlementRefused, match="cid asked for another attempt"):
        await approved(pool, envelope, "cid")
    envelope = await sent(pool, bank, campaign, await approved(pool, envelope, "ann", "ben"))
    assert {p.state for p in envelope.payouts} == {PayoutState.SENT}
    ids = [sending.end_to_end_id(p.payout_id, n) for p in envelope.payouts for n in (1, 2)]
    assert len(set(ids)) == 4
    assert all(len(i) <= 35 for i in ids)
    assert sorted(bank.told.values()) == [1, 1]
    # Who asked for these two attempts, who made them and the first two, and anybody: the check says the rule.
    told = "UPDATE settlement_approvals SET person = '{}' WHERE person = 'ann'"
    assert [await broken_by(owner, told.format(person)) for person in ("cid", "schedule", "eve")] == [2, 4, 0]


async def broken_by(owner: Connection, tampering: str) -> int:
    """Return how many payouts the check of approvals finds after a tampering, of which nothing is kept."""
    trial = owner.transaction()
    await trial.start()
    await owner.execute(f"SET LOCAL session_replication_role = replica; {tampering}")
    (check,) = (one for one in sql_checks.list_checks() if one.name == "sent_payouts_were_approved")
    rows = await owner.fetch(check.text)
    await trial.rollback()
    return len(rows)


LOST = ["claim", "claim kept", "call", "call kept", "answer", "answer kept"]


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize("lost", LOST)
async def test_after_a_crash_at_any_point_the_bank_is_told_once(
    pool: Pool, monkeypatch: pytest.MonkeyPatch, lost: str, together: bool
):
    """Each write of T4a and T4b, and the call between them, once lost and once kept but reported lost."""
    campaign, envelope = await one_settled(pool)
    bank = Bank(payouts_together=together)
    with monkeypatch.context() as broken:
        break_at(broken, bank, pool, lost)
        with pytest.raises(Crash):
            await sent(pool, bank, campaign, envelope)
    bank.loses = ""
    envelope = await sent(pool, bank, campaign, envelope)
    await sent(pool, bank, campaign, envelope)
    assert {p.state for p in envelope.payouts} == {PayoutState.SENT}
    assert list(bank.told.values()) == [1] * (1 if together else 2)
    held = await read_balances(pool, campaign)
    assert (held.payable.minor, held.in_flight.minor) == (0, 100)


def break_at(broken: pytest.MonkeyPatch, bank: Bank, pool: Pool, lost: str) -> None:
    where, _, kept = lost.partition(" ")
    if where == "call":
        bank.loses = "after" if kept else "before"
        return
    name = {"claim": "claim", "answer": "_record"}[where]
    real = getattr(sending, name)

    async def lost_before(*given: object) -> None:
        if name == "claim":
            await real(*given)  # done, and rolled back with the caller's transaction
        raise Crash

    async def kept_but_said_lost(*given: object) -> None:
        if name == "claim":  # committed, and then the connection is lost
            async with pool.acquire() as conn, conn.transaction():
                await real(conn, *given[1:])
        else:
            await real(*given)
        raise Crash

    broken.setattr(sending, name, kept_but_said_lost if kept else lost_before)


async def test_five_who_send_at_once_tell_the_bank_once(pool: Pool):
    campaign, envelope = await one_settled(pool)
    bank = Bank()
    found = await asyncio.gather(*(sent(pool, bank, campaign, envelope) for _ in range(5)), return_exceptions=True)
    assert all(isinstance(one, Settlement | LedgerError) for one in found)
    assert list(bank.told.values()) == [1]
    assert await settlement_states(pool, campaign) == ["sent"]


async def test_no_answer_is_no_refusal_it_is_asked_about_and_never_paid_twice(pool: Pool):
    campaign, envelope = await one_settled(pool)
    bank = Bank(answer=PaymentResult(PaymentOutcome.UNKNOWN))
    envelope = await sent(pool, bank, campaign, envelope)
    assert await settlement_states(pool, campaign) == ["sending"]
    assert (await read_balances(pool, campaign)).in_flight.minor == 100
    await sent(pool, bank, campaign, envelope)  # asks; the bank has it
    assert await settlement_states(pool, campaign) == ["sent"]
    assert bank.told.total() == 1


async def test_by_hand_a_person_enters_the_banks_reference(pool: Pool):
    campaign, envelope = await one_settled(pool)
    envelope = await sent(pool, ManualChannel(), campaign, envelope)
    assert {p.state for p in envelope.payouts} == {PayoutState.SENDING}
    first, second = envelope.payouts
    async with pool.acquire() as conn, conn.transaction():
        accepted, refused = (
            PaymentResult(PaymentOutcome.ACCEPTED, "BANK-1"),
            PaymentResult(PaymentOutcome.REFUSED, reason="wrong number"),
        )
        await manual.record_result_manually(conn, first.payout_id, accepted, "ann", AT, bytes(32))
        envelope = await manual.record_result_manually(conn, second.payout_id, refused, "ann", AT, None)
    assert [p.state for p in envelope.payouts] == [PayoutState.SENT, PayoutState.RETURNED]
    assert (envelope.payouts[0].latest_step.bank_reference, envelope.payouts[0].evidence) == ("BANK-1", ["00" * 32])
    assert envelope.payouts[1].latest_step.reason == "wrong number"
    async with pool.acquire() as conn, conn.transaction():
        with pytest.raises(SettlementRefused, match="is sent, not sending"):
            await manual.record_result_manually(conn, first.payout_id, accepted, "ann", AT, None)


async def test_what_one_channel_was_told_another_is_not_asked_about(pool: Pool):
    """A bank that has never heard of it would say so, and be told: it would be paid twice."""
    campaign, envelope = await one_settled(pool)
    await sent(pool, ManualChannel(), campaign, envelope)
    bank = Bank(payouts_together=False)
    await sent(pool, bank, campaign, envelope)
    assert (await settlement_states(pool, campaign), bank.told.total()) == (["sending"], 0)


async def test_what_was_not_sent_can_be_cancelled_and_the_next_period_takes_it(pool: Pool):
    campaign, envelope = await one_settled(pool)
    async with pool.acquire() as conn, conn.transaction():
        await settle.cancel_campaign_settlement(conn, campaign, envelope.settlement_id, "ann", AT)
    held = await read_balances(pool, campaign)
    assert (held.pledged.minor, held.payable.minor) == (100, 0)
    assert await settlement_states(pool, campaign) == ["cancelled"]
    assert await settle_periods(pool, campaign, AT) == []
    (following,) = await settle_periods(pool, campaign, AT + timedelta(days=7))
    assert following.total_minor == 100


async def test_it_cannot_be_cancelled_once_its_money_could_not_go_back_any_more(pool: Pool):
    campaign = await create_campaign(pool, ONE_EACH, FREE)
    await record_likes(pool, campaign, {2: 40, 8: 40})  # one pledge for both days
    await settle_periods(pool, campaign, AT)
    (envelope,) = await read_settlements(pool, campaign)
    assert envelope.total_minor == 40
    await record_unlikes(pool, campaign, 8, range(10))
    async with pool.acquire() as conn:
        with pytest.raises(SettlementRefused, match="likes were taken back"):
            async with conn.transaction():
                await settle.cancel_campaign_settlement(conn, campaign, envelope.settlement_id, "ann", AT)
    await record_unlikes(pool, campaign, 8, range(10, 40))
    assert (await read_balances(pool, campaign)).pledged.minor == 0


async def test_what_was_sent_or_built_upon_cannot_be_cancelled(pool: Pool):
    campaign, first = await one_settled(pool)
    await record_likes(pool, campaign, {9: 50})
    await settle_periods(pool, campaign, AT + timedelta(days=7))
    second = (await read_settlements(pool, campaign))[-1]
    await sent(pool, Bank(), campaign, second)
    for envelope, why in ((first, "a later period"), (second, "is sent")):
        async with pool.acquire() as conn, conn.transaction():
            with pytest.raises(SettlementRefused, match=why):
                await settle.cancel_campaign_settlement(conn, campaign, envelope.settlement_id, "ann", AT)


async def test_a_token_is_one_persons_and_shows_nothing_of_itself(pool: Pool):
    async with pool.acquire() as conn:
        await tokens.store_token(conn, "secret", "ann", "finance", AT)
        assert await tokens.require_identity(conn, " secret\n", "ann", {"finance"}, AT) == ("ann", "finance")
        assert b"secret" not in await conn.fetchval("SELECT digest FROM tokens")
        for token, name, roles in (
            ("other", "ann", {"finance"}),
            ("secret", "ben", {"finance"}),
            ("secret", "ann", {"owner"}),
        ):
            with pytest.raises(TokenRefused):
                await tokens.require_identity(conn, token, name, roles, AT)
        with pytest.raises(TokenRefused, match="a token already"):
            await tokens.store_token(conn, "another", "ann", "finance", AT)
        with pytest.raises(TokenRefused, match="no role"):
            await tokens.store_token(conn, "another", "ben", "king", AT)
