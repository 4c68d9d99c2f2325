"""Sending payouts on a real database: received once, despite a crash at any point."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from campaigns.catalogue.charity_account import change_account
from campaigns.errors import TokenRefused
from campaigns.pledging import settle
from campaigns.promise.bank_account import OtherAccount
from ledger.errors import LedgerError, SettlementRefused
from ledger.invariants import sql_checks
from ledger.payouts import manual, retry, sending
from ledger.payouts.channels import PaymentOutcome, PaymentResult
from ledger.payouts.channels.manual import ManualChannel
from ledger.settlements import approvals
from ledger.settlements.model import Settlement
from ledger.settlements.payout_steps import PayoutState
from ops.admin.auth import tokens
from payouts import AT, FREE, ONE_EACH, Bank, Crash, send, settled_campaign
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


async def approve_settlement(pool: Pool, settlement: Settlement, *people: str) -> Settlement:
    for person in people:
        async with pool.acquire() as conn, conn.transaction():
            settlement = await approvals.approve(conn, settlement.settlement_id, settlement.hash, person, AT)
    return settlement


async def test_an_approved_settlement_is_sent_once(pool: Pool):
    campaign, settlement = await settled_campaign(pool)
    bank = Bank()
    for _ in range(3):
        settlement = await send(pool, bank, campaign, settlement)
    assert await settlement_states(pool, campaign) == ["sent"]
    assert bank.received == {f"{settlement.settlement_id.replace('_', '').upper()}-1": 1}
    balances = await read_balances(pool, campaign)
    assert (balances.payable.minor, balances.in_flight.minor, balances.settled_minor) == (0, 100, 100)
    assert settlement.payout_counts["sent"] == len(settlement.payouts) == 2


async def test_above_the_threshold_two_different_people_must_approve_the_same_hash(pool: Pool):
    campaign, settlement = await settled_campaign(pool, ("[terms]", "[settlement]\nthreshold_minor = 99\n[terms]"))
    assert await settlement_states(pool, campaign) == ["open"]
    bank = Bank()
    with pytest.raises(SettlementRefused, match=r"^approvals_missing: .*approvals_number=2"):
        await send(pool, bank, campaign, settlement)
    await approve_settlement(pool, settlement, "ann", "ann")
    with pytest.raises(SettlementRefused, match=r"^approvals_missing: .*approvals_number=1"):
        await send(pool, bank, campaign, settlement)
    assert not bank.received
    await approve_settlement(pool, settlement, "ben")
    assert await settlement_states(pool, campaign) == ["approved"]
    await send(pool, bank, campaign, settlement)
    assert bank.received.total() == 1


async def test_a_maker_cannot_approve(pool: Pool):
    campaign = await create_campaign(pool, ONE_EACH)
    await record_likes(pool, campaign, {2: 100})
    await settle.settle_due_periods(pool, campaign, "ann", AT)
    (settlement,) = await read_settlements(pool, campaign)
    with pytest.raises(SettlementRefused, match=r"^approver_made_settlement: name=ann"):
        await approve_settlement(pool, settlement, "ann")
    insert = "INSERT INTO settlement_approvals (settlement_id, hash, person, at) VALUES ($1, $2, $3, $4)"
    for person in ("ann", "ben"):  # however it was stored, the maker's approval does not count
        await pool.execute(insert, settlement.settlement_id, settlement.hash, person, AT)
    with pytest.raises(SettlementRefused, match=r"^approvals_missing: .*approvals_number=1"):
        await send(pool, Bank(), campaign, settlement)


async def test_another_hash_is_not_approved(pool: Pool):
    _, settlement = await settled_campaign(pool)
    async with pool.acquire() as conn, conn.transaction():
        with pytest.raises(SettlementRefused, match=r"^settlement_changed"):
            await approvals.approve(conn, settlement.settlement_id, bytes(32), "ann", AT)


async def test_another_attempt_voids_the_approvals(pool: Pool, owner: Connection):
    campaign, settlement = await settled_campaign(pool, ("[terms]", "[settlement]\nthreshold_minor = 99\n[terms]"))
    settlement = await approve_settlement(pool, settlement, "ann", "ben")
    bank = Bank(result=PaymentResult(PaymentOutcome.REFUSED, reason="account closed"))
    settlement = await send(pool, bank, campaign, settlement)
    assert {p.latest_step.reason for p in settlement.payouts} == {"account closed"}
    leaves = b"".join(row["body"] for row in await pool.fetch("SELECT body FROM leaf_queue"))
    assert b"came back" in leaves
    assert b"account closed" not in leaves, "a bank's reason may name an account or a person, and the log is for ever"
    assert (await read_balances(pool, campaign)).payable.minor == 100
    account = OtherAccount(scheme="other", id="6222020200112233999")
    async with pool.acquire() as conn, conn.transaction():
        await change_account(conn, "village-schools", account, AT, pseudonym_key=PSEUDONYM_KEY)
        payees = await settle.payees(conn, campaign)
        for payout in settlement.payouts:
            settlement = await retry.retry_returned(conn, payout.payout_id, payees[payout.charity], "cid", AT)
    assert "6222020200112233999" in settlement.payouts[0].latest_step.payee
    assert (settlement.payouts[0].latest_step.attempt, settlement.approvers) == (2, [])
    bank.result = PaymentResult(PaymentOutcome.ACCEPTED)
    with pytest.raises(SettlementRefused, match=r"^approvals_missing: .*approvals_number=2"):
        await send(pool, bank, campaign, settlement)
    with pytest.raises(SettlementRefused, match=r"^approver_retried_payout: name=cid"):
        await approve_settlement(pool, settlement, "cid")
    settlement = await send(pool, bank, campaign, await approve_settlement(pool, settlement, "ann", "ben"))
    assert {p.state for p in settlement.payouts} == {PayoutState.SENT}
    ids = [sending.end_to_end_id(p.payout_id, n) for p in settlement.payouts for n in (1, 2)]
    assert len(set(ids)) == 4
    assert all(len(i) <= 35 for i in ids)
    assert sorted(bank.received.values()) == [1, 1]
    # The check counts no approval by the person who retried it, nor by its maker.
    tampering = "UPDATE settlement_approvals SET person = '{}' WHERE person = 'ann'"
    violations = [await count_violations(owner, tampering.format(person)) for person in ("cid", "schedule", "eve")]
    assert violations == [2, 4, 0]


async def count_violations(owner: Connection, tampering: str) -> int:
    """Return the number of payouts that break the approvals check after a tampering."""
    trial = owner.transaction()
    await trial.start()
    await owner.execute(f"SET LOCAL session_replication_role = replica; {tampering}")
    (check,) = (check for check in sql_checks.list_checks() if check.name == "sent_payouts_were_approved")
    rows = await owner.fetch(check.text)
    await trial.rollback()
    return len(rows)


LOST = ["claim", "claim kept", "call", "call kept", "result", "result kept"]


@pytest.mark.parametrize("combined", [True, False])
@pytest.mark.parametrize("lost", LOST)
async def test_after_a_crash_at_any_point_the_bank_receives_it_once(
    pool: Pool, monkeypatch: pytest.MonkeyPatch, lost: str, combined: bool
):
    """T4a, the call and T4b: every write once lost, and once kept but reported as lost."""
    campaign, settlement = await settled_campaign(pool)
    bank = Bank(combines_payouts=combined)
    with monkeypatch.context() as broken:
        break_at(broken, bank, lost)
        with pytest.raises(Crash):
            await send(pool, bank, campaign, settlement)
    if lost != "result kept":
        assert await settlement_states(pool, campaign) == ["approved" if lost == "claim" else "sending"]
    bank.crashes = ""
    settlement = await send(pool, bank, campaign, settlement)
    await send(pool, bank, campaign, settlement)
    assert {p.state for p in settlement.payouts} == {PayoutState.SENT}
    assert list(bank.received.values()) == [1] * (1 if combined else 2)
    balances = await read_balances(pool, campaign)
    assert (balances.payable.minor, balances.in_flight.minor) == (0, 100)


def break_at(broken: pytest.MonkeyPatch, bank: Bank, lost: str) -> None:
    point, _, kept = lost.partition(" ")
    if point == "call":
        bank.crashes = "after" if kept else "before"
    elif lost == "claim kept":
        broken.setattr(sending, "resume_sending", crash_instead)
    else:
        name = {"claim": "claim_for_sending", "result": "_record_message_results"}[point]
        # A claim is done, then rolled back with the caller's transaction.
        is_done = kept or point == "claim"
        broken.setattr(sending, name, crash_after(getattr(sending, name)) if is_done else crash_instead)


async def crash_instead(*_: object) -> None:
    raise Crash


def crash_after(real: Callable[..., Awaitable[object]]) -> Callable[..., Awaitable[object]]:
    async def call_then_crash(*arguments: object) -> None:
        await real(*arguments)
        raise Crash

    return call_then_crash


async def test_of_five_sends_at_once_the_bank_receives_one(pool: Pool):
    campaign, settlement = await settled_campaign(pool)
    bank = Bank()
    results = await asyncio.gather(
        *(send(pool, bank, campaign, settlement) for _ in range(5)), return_exceptions=True
    )
    assert all(isinstance(result, Settlement | LedgerError) for result in results)
    assert list(bank.received.values()) == [1]
    assert await settlement_states(pool, campaign) == ["sent"]


async def test_an_unknown_result_is_queried_and_never_paid_twice(pool: Pool):
    campaign, settlement = await settled_campaign(pool)
    bank = Bank(result=PaymentResult(PaymentOutcome.UNKNOWN))
    settlement = await send(pool, bank, campaign, settlement)
    assert await settlement_states(pool, campaign) == ["sending"]
    assert (await read_balances(pool, campaign)).in_flight.minor == 100
    await send(pool, bank, campaign, settlement)  # queries; the bank has it
    assert await settlement_states(pool, campaign) == ["sent"]
    assert bank.received.total() == 1


async def test_a_person_records_the_banks_reference_by_hand(pool: Pool):
    campaign, settlement = await settled_campaign(pool)
    settlement = await send(pool, ManualChannel(), campaign, settlement)
    assert {p.state for p in settlement.payouts} == {PayoutState.SENDING}
    first, second = settlement.payouts
    async with pool.acquire() as conn, conn.transaction():
        accepted, refused = (
            PaymentResult(PaymentOutcome.ACCEPTED, "BANK-1"),
            PaymentResult(PaymentOutcome.REFUSED, reason="wrong number"),
        )
        await manual.record_result_manually(conn, first.payout_id, accepted, "ann", AT, bytes(32))
        settlement = await manual.record_result_manually(conn, second.payout_id, refused, "ann", AT, None)
    assert [p.state for p in settlement.payouts] == [PayoutState.SENT, PayoutState.RETURNED]
    assert (settlement.payouts[0].latest_step.bank_reference, settlement.payouts[0].evidence) == (
        "BANK-1",
        ["00" * 32],
    )
    assert settlement.payouts[1].latest_step.reason == "wrong number"
    async with pool.acquire() as conn, conn.transaction():
        with pytest.raises(SettlementRefused, match=r"^payout_not_sending: .*state=sent"):
            await manual.record_result_manually(conn, first.payout_id, accepted, "ann", AT, None)


async def test_a_channel_is_not_queried_about_the_message_of_another(pool: Pool):
    """A bank that never received it would be sent it: the charity would be paid twice."""
    campaign, settlement = await settled_campaign(pool)
    await send(pool, ManualChannel(), campaign, settlement)
    bank = Bank(combines_payouts=False)
    await send(pool, bank, campaign, settlement)
    assert (await settlement_states(pool, campaign), bank.received.total()) == (["sending"], 0)


async def test_a_settlement_not_sent_can_be_cancelled_and_the_next_period_settles_its_money(pool: Pool):
    campaign, settlement = await settled_campaign(pool)
    async with pool.acquire() as conn, conn.transaction():
        await settle.cancel_campaign_settlement(conn, campaign, settlement.settlement_id, "ann", AT)
    balances = await read_balances(pool, campaign)
    assert (balances.pledged.minor, balances.payable.minor) == (100, 0)
    assert await settlement_states(pool, campaign) == ["cancelled"]
    assert await settle_periods(pool, campaign, AT) == []
    (following,) = await settle_periods(pool, campaign, AT + timedelta(days=7))
    assert following.total_minor == 100


async def test_it_cannot_be_cancelled_if_its_money_cannot_go_back(pool: Pool):
    campaign = await create_campaign(pool, ONE_EACH, FREE)
    await record_likes(pool, campaign, {2: 40, 8: 40})  # one pledge for both days
    await settle_periods(pool, campaign, AT)
    (settlement,) = await read_settlements(pool, campaign)
    assert settlement.total_minor == 40
    await record_unlikes(pool, campaign, 8, range(10))
    async with pool.acquire() as conn:
        with pytest.raises(SettlementRefused, match=r"^settlement_money_stranded"):
            async with conn.transaction():
                await settle.cancel_campaign_settlement(conn, campaign, settlement.settlement_id, "ann", AT)
    await record_unlikes(pool, campaign, 8, range(10, 40))
    assert (await read_balances(pool, campaign)).pledged.minor == 0


async def test_a_sent_or_earlier_settlement_cannot_be_cancelled(pool: Pool):
    campaign, first = await settled_campaign(pool)
    await record_likes(pool, campaign, {9: 50})
    await settle_periods(pool, campaign, AT + timedelta(days=7))
    second = (await read_settlements(pool, campaign))[-1]
    await send(pool, Bank(), campaign, second)
    for settlement, code in ((first, "^later_settlement_exists"), (second, "^settlement_not_cancellable")):
        async with pool.acquire() as conn, conn.transaction():
            with pytest.raises(SettlementRefused, match=code):
                await settle.cancel_campaign_settlement(conn, campaign, settlement.settlement_id, "ann", AT)


async def test_a_token_belongs_to_a_person_and_is_stored_as_a_digest(pool: Pool):
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
        with pytest.raises(TokenRefused, match=r"^token_exists: name=ann$"):
            await tokens.store_token(conn, "another", "ann", "finance", AT)
        with pytest.raises(TokenRefused, match=r"^role_unknown: role=king"):
            await tokens.store_token(conn, "another", "ben", "king", AT)
