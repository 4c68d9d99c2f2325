"""Every payout reaches `paid` or `returned`, whatever a bank sends, and no money is lost on the way."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from campaigns.catalogue.cache import Campaign
from databases import DatabaseServer, run_in_thread
from ledger.errors import SettlementRefused
from ledger.invariants import sql_checks
from ledger.payouts.channels import PaymentOutcome, PaymentResult
from ledger.payouts.manual import record_result_manually
from ledger.payouts.retry import retry_returned
from ledger.reconciliation import unmatched
from ledger.settlements.model import Settlement
from ledger.settlements.payout_steps import PayoutState
from ops import database
from payouts import Bank, import_statement, payment_ids, send, settled_campaign, statement
from settlements import assert_replay_agrees, read_balances, read_settlements
from sql import Pool
from status_reports import group_status, status_report, transfer_status

NOW = datetime(2026, 11, 12, tzinfo=UTC)
UNKNOWN = PaymentResult(PaymentOutcome.UNKNOWN)
WAITING, SENDING, SENT = PayoutState.WAITING, PayoutState.SENDING, PayoutState.SENT
PAID, RETURNED, CANCELLED = PayoutState.PAID, PayoutState.RETURNED, PayoutState.CANCELLED
FINAL = {PAID, RETURNED}
AMOUNTS = {"debit": -70, "debit with a fee": -73, "return": 70, "return less a fee": 66}


class Ledger:
    """A settlement of two payouts, of 70 and 30, and the bank's files about them."""

    def __init__(self, pool: Pool, campaign: Campaign, settlement: Settlement) -> None:
        self.pool, self.campaign, self.settlement = pool, campaign, settlement
        self.ids = [payout.payout_id for payout in settlement.payouts]
        self.end_to_end_ids = payment_ids(settlement)
        self.numbers = count(1)

    async def states(self) -> list[PayoutState]:
        (settlement,) = await read_settlements(self.pool, self.campaign)
        return [payout.state for payout in settlement.payouts]

    async def book(self, *rows: tuple[int, str, str, str]) -> None:
        await import_statement(self.pool, statement(f"S{next(self.numbers)}", 1_000, *rows))

    async def report(self, *parts: str, group: str = "") -> None:
        (settlement,) = await read_settlements(self.pool, self.campaign)
        steps = [step for payout in settlement.payouts for step in payout.steps if step.message_id]
        await import_statement(self.pool, status_report(steps[0].message_id, *parts, group=group))

    async def list_lines(self) -> list[tuple[str, bool]]:
        """Return the ids of the unmatched lines, oldest first, and whether each is a credit."""
        async with self.pool.acquire() as conn:
            lines = await unmatched.list_unmatched(conn)
        return [(line["id"], line["direction"] == "credit") for line in reversed(lines)]

    async def match(self, line_id: str, *payout_ids: str) -> None:
        async with self.pool.acquire() as conn, conn.transaction():
            await unmatched.match_manually(conn, line_id, payout_ids, "as the bank says", "ann", NOW)

    async def refuse(self, payout_id: str) -> None:
        result = PaymentResult(PaymentOutcome.REFUSED, reason="by letter")
        async with self.pool.acquire() as conn, conn.transaction():
            await record_result_manually(conn, payout_id, result, "ann", NOW, None)

    async def retry(self, payout_id: str) -> None:
        async with self.pool.acquire() as conn, conn.transaction():
            (settlement,) = await read_settlements(self.pool, self.campaign)
            payee = next(p.latest_step.payee for p in settlement.payouts if p.payout_id == payout_id)
            await retry_returned(conn, payout_id, payee, "ann", NOW)

    async def check(self) -> None:
        """Check that every amount is in one place, the log agrees, and no invariant is broken."""
        balances = await read_balances(self.pool, self.campaign)
        assert (balances.payable.minor + balances.in_flight.minor + balances.paid.minor, balances.settled_minor) == (
            100,
            100,
        )
        await assert_replay_agrees(self.pool, self.campaign)
        async with self.pool.acquire() as conn:
            assert await sql_checks.run_checks(conn, with_scans=False) == []


async def create_ledger(pool: Pool, result: PaymentResult | None = None) -> Ledger:
    """Return a settlement that was sent; without a result of the bank it is `sending`."""
    campaign, settlement = await settled_campaign(pool)
    settlement = await send(pool, Bank(**({"result": result} if result else {})), campaign, settlement)
    return Ledger(pool, campaign, settlement)


async def reach(pool: Pool, state: PayoutState) -> Ledger:
    """Return a settlement whose first payout is in a state that it can have after it was sent."""
    ledger = await create_ledger(pool, UNKNOWN if state is SENDING else None)
    if state is PAID:
        await ledger.book((-70, ledger.end_to_end_ids[0], "B", ""))
    if state in {RETURNED, WAITING}:
        await ledger.report(transfer_status(ledger.end_to_end_ids[0], "RJCT", "AC04"))
    if state is WAITING:
        await ledger.retry(ledger.ids[0])
    assert (await ledger.states())[0] is state
    return ledger


# A payout's state and a line that no rule matches: the state after a person matched it, None if refused.
ROADS = {
    (SENDING, "debit"): PAID,
    (SENDING, "debit with a fee"): PAID,
    (SENDING, "return"): RETURNED,
    (SENDING, "return less a fee"): RETURNED,
    (SENT, "debit"): PAID,
    (SENT, "debit with a fee"): PAID,
    (SENT, "return"): RETURNED,
    (SENT, "return less a fee"): RETURNED,
    (PAID, "debit"): None,  # the bank paid twice: the payout is paid
    (PAID, "debit with a fee"): None,
    (PAID, "return"): RETURNED,
    (PAID, "return less a fee"): RETURNED,
    (RETURNED, "debit"): PAID,  # the bank executed what it had refused
    (RETURNED, "debit with a fee"): PAID,
    (RETURNED, "return"): None,  # it is returned already
    (RETURNED, "return less a fee"): None,
    (WAITING, "debit"): PAID,  # so it is not sent again
    (WAITING, "debit with a fee"): PAID,
    (WAITING, "return"): None,
    (WAITING, "return less a fee"): None,
}


@pytest.mark.parametrize(("state", "kind"), ROADS)
async def test_a_person_can_match_any_line_that_a_payout_can_have(pool: Pool, state: PayoutState, kind: str):
    ledger, expected = await reach(pool, state), ROADS[state, kind]
    await ledger.book((AMOUNTS[kind], "", "", "what the bank wrote"))
    ((line_id, _),) = await ledger.list_lines()
    if expected is None:
        with pytest.raises(SettlementRefused, match=r"^payout_cannot_have_"):
            await ledger.match(line_id, ledger.ids[0])
    else:
        await ledger.match(line_id, ledger.ids[0])
    assert (await ledger.states())[0] is (expected or state)
    await ledger.check()


@pytest.mark.parametrize("state", [SENDING, SENT])
@pytest.mark.parametrize(
    "reported", ["refused", "refused as a duplicate", "refused without an id", "not at all", "unclear", "pending"]
)
async def test_a_person_ends_what_a_status_left_open(pool: Pool, state: PayoutState, reported: str):
    ledger = await reach(pool, state)
    first = ledger.end_to_end_ids[0]
    parts = {
        "refused": transfer_status(first, "RJCT", "AC04"),
        "refused as a duplicate": transfer_status(first, "RJCT", "DU04"),
        "refused without an id": transfer_status("", "RJCT", "AC04"),
        "unclear": transfer_status(first, "XXXX"),
        "pending": transfer_status(first, "PDNG"),
    }
    if reported in parts:
        await ledger.report(parts[reported])
    if (await ledger.states())[0] is not RETURNED:
        await ledger.refuse(ledger.ids[0])
    assert (await ledger.states())[0] is RETURNED
    await ledger.check()


async def test_a_payout_that_was_never_sent_has_no_line(pool: Pool):
    campaign, settlement = await settled_campaign(pool)
    ledger = Ledger(pool, campaign, settlement)
    for kind, minor in AMOUNTS.items():
        await ledger.book((minor, "", "", kind))
    for line_id, _ in await ledger.list_lines():
        with pytest.raises(SettlementRefused, match=r"^payout_cannot_have_"):
            await ledger.match(line_id, ledger.ids[0])
    assert await ledger.states() == [WAITING, WAITING]


async def test_what_the_bank_executed_after_all_is_not_sent_again_and_can_come_back(pool: Pool):
    ledger = await reach(pool, WAITING)
    await ledger.book((-70, ledger.end_to_end_ids[0], "B1", ""))
    ((line_id, _),) = await ledger.list_lines()
    await ledger.match(line_id, ledger.ids[0])
    bank = Bank()
    await send(pool, bank, ledger.campaign, ledger.settlement)
    assert (await ledger.states(), bank.executed) == ([PAID, SENT], {}), "nothing is sent"
    await ledger.book((70, ledger.end_to_end_ids[0], "B2", "came back"))
    ((line_id, _),) = await ledger.list_lines()
    await ledger.match(line_id, ledger.ids[0])
    assert (await ledger.states())[0] is RETURNED
    await ledger.check()


async def test_of_a_payout_that_was_paid_twice_a_return_is_left_to_a_person(pool: Pool):
    """One debit and one return may cancel each other: the payout would still be paid."""
    ledger = await reach(pool, PAID)
    await ledger.book((-70, ledger.end_to_end_ids[0], "B2", ""), (70, ledger.end_to_end_ids[0], "B3", ""))
    assert (await ledger.states())[0] is PAID
    assert len(await ledger.list_lines()) == 2
    await ledger.check()


ROWS = [(-70, 0), (-73, 0), (70, 0), (66, 0), (-30, 1), (30, 1), (-100, None), (-103, None), (-50, None)]
CODES = ["ACSP", "ACSC", "RJCT", "PDNG", "XXXX"]
EVENTS = st.lists(
    st.one_of(
        st.tuples(st.just("row"), st.sampled_from(ROWS), st.booleans()),
        st.tuples(st.just("status"), st.integers(0, 1), st.sampled_from(CODES)),
        st.tuples(st.just("group"), st.sampled_from(CODES)),
        st.tuples(st.just("retry"), st.integers(0, 1)),
    ),
    max_size=7,
)


async def play(ledger: Ledger, event: Sequence[object]) -> None:
    """Let the bank or a person do something."""
    match event:
        case ("row", (int(minor), position), bool(is_named)):
            names = ledger.end_to_end_ids[position] if isinstance(position, int) and is_named else ""
            await ledger.book((minor, names, "", "" if names else "as it says"))
        case ("status", int(position), str(code)):
            await ledger.report(
                transfer_status(ledger.end_to_end_ids[position], code, "AC04" if code == "RJCT" else "")
            )
        case ("group", str(code)):
            await ledger.report(group=group_status(code))
        case ("retry", int(position)):
            if (await ledger.states())[position] is RETURNED:
                await ledger.retry(ledger.ids[position])


async def finish(ledger: Ledger) -> None:
    """End every payout by hand: match what lines there are, then record that the bank refused the rest."""
    for line_id, _ in await ledger.list_lines():
        for payout_id in ledger.ids:
            try:
                await ledger.match(line_id, payout_id)
            except SettlementRefused:
                continue
            break
    for position, state in enumerate(await ledger.states()):
        if state not in FINAL and state is not WAITING:
            await ledger.refuse(ledger.ids[position])


@settings(max_examples=25, deadline=timedelta(seconds=20), suppress_health_check=list(HealthCheck))
@given(events=EVENTS, is_sending=st.booleans())
def test_any_sequence_of_files_keeps_the_money_and_ends_by_hand(
    database_server: DatabaseServer, events: list[Sequence[object]], is_sending: bool
):
    async def play_and_finish() -> None:
        async with database_server.database(database_server.template) as dsn, database.open_pool(dsn, 4) as pool:
            ledger = await create_ledger(pool, UNKNOWN if is_sending else None)
            for event in events:
                await play(ledger, event)
                await ledger.check()
            await finish(ledger)
            await ledger.check()
            assert set(await ledger.states()) <= FINAL | {WAITING}
            (settlement,) = await read_settlements(pool, ledger.campaign)
            assert all(p.latest_step.attempt > 1 for p in settlement.payouts if p.state is WAITING), "to send again"

    run_in_thread(play_and_finish())


def test_the_table_has_every_state_and_line():
    states = set(PayoutState) - {CANCELLED}  # final, and never sent
    assert set(ROADS) == {(state, kind) for state in states for kind in AMOUNTS}
