"""Bank statuses: each is applied, agrees, or waits for a person; none disappears."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from ledger.errors import SettlementRefused
from ledger.payouts.channels import PaymentOutcome, PaymentResult
from ledger.payouts.manual import record_result_manually
from ledger.reconciliation import status_reviews
from ledger.settlements.model import Settlement
from ledger.settlements.payout_steps import PayoutState
from payouts import Bank, import_statement, payment_ids, send, sent_campaign, settled_campaign, statement
from settlements import read_balances, read_settlements
from sql import Pool
from status_reports import batch_status, group_status, status_report, transfer_status

NOW = datetime(2026, 11, 12, tzinfo=UTC)
RETURNED, SENT, PAID, SENDING = PayoutState.RETURNED, PayoutState.SENT, PayoutState.PAID, PayoutState.SENDING

Report = Callable[[str, str, str], bytes]

CASES: list[tuple[str, Report, list[PayoutState], int]] = [
    (
        "a refusal of one transfer as a duplicate",
        lambda m, a, b: status_report(
            m, transfer_status(a, "RJCT", "AM05"), transfer_status(b, "ACSP"), group=group_status("PART")
        ),
        [RETURNED, SENT],
        0,
    ),
    ("DUPL too", lambda m, a, _: status_report(m, transfer_status(a, "RJCT", "DUPL")), [RETURNED, SENT], 0),
    (
        "a file that the bank has already",
        lambda m, a, _: status_report(m, transfer_status(a, "RJCT", "AM05"), group=group_status("RJCT", "AM05")),
        [SENT, SENT],
        2,
    ),
    (
        "an id that the bank has",
        lambda m, a, _: status_report(m, transfer_status(a, "RJCT", "DU04")),
        [SENT, SENT],
        1,
    ),
    (
        "a refused message",
        lambda m, *_: status_report(m, group=group_status("RJCT", "FF01")),
        [RETURNED, RETURNED],
        0,
    ),
    ("a refused batch", lambda m, *_: status_report(m, batch=batch_status("RJCT", "AG01")), [RETURNED, RETURNED], 0),
    (
        "a part of a refused batch has its own",
        lambda m, a, b: status_report(
            m, transfer_status(a, "RJCT", "AC04"), transfer_status(b, "ACSC"), batch=batch_status("RJCT", "AG01")
        ),
        [RETURNED, SENT],
        0,
    ),
    ("a cancellation", lambda m, a, _: status_report(m, transfer_status(a, "CANC")), [RETURNED, SENT], 0),
    (
        "an instruction id in small letters",
        lambda m, a, _: status_report(m, transfer_status(a.lower(), "RJCT", "AC04", tag="OrgnlInstrId")),
        [RETURNED, SENT],
        0,
    ),
    (
        "no id of the message",
        lambda _, a, __: status_report(None, transfer_status(a, "RJCT", "AC04")),
        [RETURNED, SENT],
        0,
    ),
    ("settled is not paid", lambda m, *_: status_report(m, group=group_status("ACSC")), [SENT, SENT], 0),
    (
        "pending",
        lambda m, a, _: status_report(m, transfer_status(a, "PDNG"), group=group_status("RCVD")),
        [SENT] * 2,
        0,
    ),
    ("a code of no standard", lambda m, a, _: status_report(m, transfer_status(a, "XXXX")), [SENT, SENT], 1),
    (
        "a transfer without an id",
        lambda m, *_: status_report(m, transfer_status("", "RJCT", "AC04")),
        [SENT, SENT],
        1,
    ),
    (
        "another message's id",
        lambda _, a, __: status_report("STLAAAAAAAAAAAAAAAAAAAA-1", transfer_status(a, "RJCT", "AC04")),
        [SENT, SENT],
        1,
    ),
    ("a foreign message", lambda *_: status_report("X-1", group=group_status("RJCT", "FF01")), [SENT, SENT], 1),
    ("a foreign transfer", lambda m, *_: status_report(m, transfer_status("X-2", "RJCT", "AC04")), [SENT, SENT], 1),
]


def message_of(settlement: Settlement) -> str:
    message_id = settlement.payouts[0].latest_step.message_id
    assert message_id is not None
    return message_id


async def list_ids(pool: Pool) -> list[str]:
    async with pool.acquire() as conn:
        return [status["id"] for status in await status_reviews.list_unreviewed(conn)]


@pytest.mark.parametrize(("report", "states", "listed_count"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
async def test_a_status_is_applied_or_listed(
    pool: Pool, report: Report, states: list[PayoutState], listed_count: int
):
    campaign, settlement = await sent_campaign(pool)
    body = report(message_of(settlement), *payment_ids(settlement))
    result = await import_statement(pool, body)
    (settlement,) = await read_settlements(pool, campaign)
    assert [payout.state for payout in settlement.payouts] == states
    assert (result.statuses_unmatched, len(await list_ids(pool))) == (listed_count, listed_count)
    assert result.payouts_returned == states.count(RETURNED)
    balances = await read_balances(pool, campaign)
    assert balances.in_flight.minor + balances.payable.minor == 100
    again = await import_statement(pool, body)
    assert (again.payouts_returned, again.statuses_unmatched, len(await list_ids(pool))) == (0, 0, listed_count)


@pytest.mark.parametrize(
    ("code", "states"), [("ACSP", [SENT, SENDING]), ("ACSC", [SENT, SENDING]), ("PDNG", [SENDING, SENDING])]
)
async def test_an_acceptance_ends_the_sending_of_its_transfer_only(pool: Pool, code: str, states: list[PayoutState]):
    campaign, settlement = await settled_campaign(pool)
    settlement = await send(pool, Bank(result=PaymentResult(PaymentOutcome.UNKNOWN)), campaign, settlement)
    body = status_report(message_of(settlement), transfer_status(payment_ids(settlement)[0], code))
    await import_statement(pool, body)
    (settlement,) = await read_settlements(pool, campaign)
    assert [payout.state for payout in settlement.payouts] == states


async def test_a_refusal_of_a_paid_payout_waits_for_a_person(pool: Pool):
    campaign, settlement = await sent_campaign(pool)
    first = payment_ids(settlement)[0]
    await import_statement(pool, statement("S1", 1_000, (-70, first, "B1", "")))
    body = status_report(message_of(settlement), transfer_status(first, "RJCT", "AC04"))
    assert (await import_statement(pool, body)).statuses_unmatched == 1
    (settlement,) = await read_settlements(pool, campaign)
    assert settlement.payouts[0].state is PAID


async def test_a_settled_status_of_a_refused_payout_waits_for_a_person(pool: Pool):
    _, settlement = await sent_campaign(pool)
    first = payment_ids(settlement)[0]
    message_id = message_of(settlement)
    await import_statement(pool, status_report(message_id, transfer_status(first, "RJCT", "AC04")))
    late = await import_statement(pool, status_report(message_id, transfer_status(first, "ACSP")))
    assert late.statuses_unmatched == 0, "an older report of the same transfer"
    settled = await import_statement(pool, status_report(message_id, transfer_status(first, "ACSC")))
    assert settled.statuses_unmatched == 1


async def review(pool: Pool, status_id: str, payout_id: str | None, reason: str = "by telephone") -> bool:
    async with pool.acquire() as conn, conn.transaction():
        return await status_reviews.review_status(conn, status_id, payout_id, reason, "ann", NOW)


async def test_a_person_applies_a_refusal_that_names_no_payout(pool: Pool):
    campaign, settlement = await sent_campaign(pool)
    body = status_report(message_of(settlement), transfer_status("", "RJCT", "AC04", words="closed"))
    await import_statement(pool, body)
    (status_id,) = await list_ids(pool)
    payout_id = settlement.payouts[0].payout_id
    assert await review(pool, status_id, payout_id)
    assert not await review(pool, status_id, payout_id), "again, it changes nothing"
    (settlement,) = await read_settlements(pool, campaign)
    assert [p.state for p in settlement.payouts] == [RETURNED, SENT]
    assert (settlement.payouts[0].latest_step.reason or "").startswith("AC04")
    assert await list_ids(pool) == []
    with pytest.raises(SettlementRefused, match=r"^payment_status_already_reviewed"):
        await review(pool, status_id, None)


async def test_a_person_says_that_a_status_changes_nothing(pool: Pool):
    campaign, settlement = await sent_campaign(pool)
    await import_statement(pool, status_report(message_of(settlement), transfer_status("", "XXXX")))
    (status_id,) = await list_ids(pool)
    with pytest.raises(SettlementRefused, match=r"^payment_status_refuses_nothing"):
        await review(pool, status_id, settlement.payouts[0].payout_id)
    with pytest.raises(SettlementRefused, match=r"^reason_not_printable"):
        await review(pool, status_id, None, " ")
    with pytest.raises(SettlementRefused, match=r"^payment_status_not_found"):
        await review(pool, "sts_0", None)
    assert await review(pool, status_id, None)
    (settlement,) = await read_settlements(pool, campaign)
    assert [p.state for p in settlement.payouts] == [SENT, SENT]
    assert await list_ids(pool) == []


async def test_a_sent_payout_that_the_bank_refused_by_letter_is_returned(pool: Pool):
    campaign, settlement = await sent_campaign(pool)
    payout_id = settlement.payouts[0].payout_id
    refused, accepted = (
        PaymentResult(PaymentOutcome.REFUSED, reason="by letter"),
        PaymentResult(PaymentOutcome.ACCEPTED, "B1"),
    )
    async with pool.acquire() as conn, conn.transaction():
        with pytest.raises(SettlementRefused, match=r"^payout_not_sending"):
            await record_result_manually(conn, payout_id, accepted, "ann", NOW, None)
        await record_result_manually(conn, payout_id, refused, "ann", NOW, None)
    balances = await read_balances(pool, campaign)
    assert (balances.payable.minor, balances.in_flight.minor) == (70, 30)
