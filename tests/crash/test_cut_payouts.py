"""The connection breaks at every commit from T3 to T5: the bank receives a payout once."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from campaigns.catalogue.cache import Campaign
from ledger.payouts import recovery
from ledger.reconciliation.reconcile import import_file
from ledger.settlements.model import Settlement
from ops import database, payout_channels
from ops.admin.core import execute
from ops.admin.core.actor import Actor
from ops.admin.core.command import CommandServices
from ops.admin.core.execute import CommandResponse
from ops.admin.core.idempotency import idempotency_key
from ops.admin.registry import find_command
from ops.admin.resources.settlements import SendRequest
from ops.clock import utc_now
from ops.keys import Keys
from ops.settings import Settings
from payouts import AT, FREE, ONE_EACH, Bank, send
from promises import PSEUDONYM_KEY, SLUG, WEBHOOK_KEY
from proxy import COMMIT, Proxy, running_proxy
from settlements import (
    assert_replay_agrees,
    create_campaign,
    paid_statement,
    read_balances,
    read_settlements,
    record_likes,
    settle_periods,
    settlement_states,
)
from sql import Pool, is_unavailable

COMMITS_MIN = 9  # settled, none more due, claimed, resumed, two looked at, two recorded, imported
SEND_COMMITS_MIN = 7  # claimed, resumed, two looked at, two recorded, the second response stored
# Only the response after the work has it; it is stored without a transaction.
SECOND_RESPONSE = b'"after_commit":"done"'
COUNT_SENDS = "SELECT count(*) FROM audit_log WHERE command = 'settlement.send' AND subject = $1"
FINANCE_PERSON = Actor("fay", "finance", "page")


async def repeat_while_cut(proxy: Proxy, work: Callable[[], Awaitable[object]]) -> None:
    """Do the work, and repeat it whenever the connection broke meanwhile, as a client would."""
    for _ in range(3):
        before = proxy.cut_count
        try:
            await work()
        except Exception as error:
            if not is_unavailable(error) or proxy.cut_count == before:
                raise
        else:
            return


async def settle_and_pay(proxy: Proxy, pool: Pool, campaign: Campaign, bank: Bank) -> Settlement:
    """Settle, send and import the bank's statement over a connection that breaks."""
    await repeat_while_cut(proxy, lambda: settle_periods(pool, campaign, AT))
    (settlement,) = await read_settlements(pool, campaign)
    await repeat_while_cut(proxy, lambda: send(pool, bank, campaign, settlement))
    body = paid_statement(settlement, f"S {campaign.slug}")

    async def import_statement() -> None:
        async with pool.acquire() as conn, conn.transaction():
            await import_file(conn, body, "finance", AT)

    await repeat_while_cut(proxy, import_statement)
    return (await read_settlements(pool, campaign))[0]


@pytest.mark.one_server
@pytest.mark.parametrize("after", [False, True], ids=["the commit was lost", "the commit was kept"])
async def test_at_any_cut_commit_the_bank_receives_it_once_and_all_is_paid(
    dsn: str, pool: Pool, tmp_path: Path, after: bool
):
    number = 0
    async with (
        running_proxy(dsn, tmp_path, is_after_commit=after) as (proxy, address),
        database.open_pool(address, 4) as through,
    ):
        while proxy.cut_count == number:  # until no commit is left to cut
            campaign = await create_campaign(pool, (SLUG, f"c{number}"), ONE_EACH, FREE)
            bank = Bank(combines_payouts=False)
            await record_likes(pool, campaign, {2: 100})
            proxy.commits_to_spare, proxy.cuts_left = number, 1
            settlement = await settle_and_pay(proxy, through, campaign, bank)
            assert list(bank.received.values()) == [1, 1], number
            assert await settlement_states(pool, campaign) == ["reconciled"], number
            assert len(settlement.payouts[0].steps) == 4, number
            balances = await read_balances(pool, campaign)
            assert (balances.pledged.minor, balances.payable.minor) == (0, 0)
            assert (balances.in_flight.minor, balances.paid.minor) == (0, 100)
            await assert_replay_agrees(pool, campaign)
            number += 1
    assert proxy.cut_count >= COMMITS_MIN


@pytest.mark.one_server
@pytest.mark.parametrize("after", [False, True], ids=["the commit was lost", "the commit was kept"])
async def test_at_any_cut_of_a_send_command_the_bank_receives_it_once_and_a_retry_is_final(
    dsn: str, pool: Pool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: bool
):
    number = 0
    marks = (COMMIT, SECOND_RESPONSE)
    async with (
        running_proxy(dsn, tmp_path, is_after_commit=after, commit_marks=marks) as (proxy, address),
        database.open_pool(address, 4) as through,
    ):
        while proxy.cut_count == number:
            campaign = await create_campaign(pool, (SLUG, f"c{number}"), ONE_EACH, FREE)
            bank = Bank(combines_payouts=False)
            await record_likes(pool, campaign, {2: 100})
            await settle_periods(pool, campaign, AT)
            (settlement,) = await read_settlements(pool, campaign)
            monkeypatch.setattr(payout_channels, "payout_channel", lambda *_, bank=bank: bank)
            proxy.commits_to_spare, proxy.cuts_left = number, 1
            responses = await run_send_command(proxy, through, settlement.settlement_id)
            assert {(response["state"], response["subject"]) for response in responses} == {
                ("done", f"settlement/{settlement.settlement_id}")
            }, number
            assert await pool.fetchval(COUNT_SENDS, f"settlement/{settlement.settlement_id}") == 1, number
            await resume_later(pool, bank)
            assert list(bank.received.values()) == [1, 1], number
            assert await settlement_states(pool, campaign) == ["sent"], number
            number += 1
    assert proxy.cut_count >= SEND_COMMITS_MIN


async def run_send_command(proxy: Proxy, pool: Pool, settlement_id: str) -> list[CommandResponse]:
    """Run the command until it responds, then once more with the same key; return the responses."""
    services = CommandServices(pool, Keys(PSEUDONYM_KEY, WEBHOOK_KEY), Settings())
    command, key = find_command("settlement.send"), idempotency_key("fay", settlement_id, b"settlement.send")
    responses: list[CommandResponse] = []

    async def run() -> None:
        responses.append(await execute.execute(services, FINANCE_PERSON, command, settlement_id, SendRequest(), key))

    await repeat_while_cut(proxy, run)
    proxy.cuts_left = 0  # not the last run either, which has no commit left to cut
    await run()
    return responses


async def resume_later(pool: Pool, bank: Bank) -> None:
    """Resume unfinished payouts as the job does once the grace is over."""
    run = await recovery.resume_unfinished(
        pool,
        {bank.name: bank},
        recovery.FIRST_UNFINISHED,
        by="schedule",
        clock=lambda: utc_now() + recovery.SENDING_GRACE,
        outside_calls=asyncio.Semaphore(1),
    )
    assert run.errors.errors == []
