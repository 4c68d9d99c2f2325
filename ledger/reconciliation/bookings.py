"""Record what a bank booked: a payout is paid or returned, and the line names its step.

The rest of a line that is no payout is the bank's charge, or a difference that a person accepted:
a row of its own, so that no charity and no sponsor bears it unseen.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import NamedTuple

from ledger.accounting.journal import TransferStep
from ledger.payouts.sending import build_instruction, end_to_end_id, ensure_not_being_sent
from ledger.payouts.transfers import move_money, move_money_back
from ledger.reconciliation.matching import Candidate, names_id
from ledger.reconciliation.statements import PaymentStatus, StatementLine
from ledger.settlements.model import Payout, Settlement
from ledger.settlements.payout_steps import PayoutState, PayoutStep
from ledger.settlements.return_reasons import RETURNED_WITHOUT_REASON
from ledger.settlements.transitions import record_step
from sql import Connection, query

_REASON_CHARS_MAX = 500

_ADD_LINE_PAYOUT = query("add_line_payout")
_ADD_LINE_DIFFERENCE = query("add_line_difference")


class LineKey(NamedTuple):
    """The identity of a statement line."""

    account: str
    statement_id: str
    edition: str
    number: int


class DifferenceKind(StrEnum):
    """The reason why a line is not the sum of its payouts; the value is stored."""

    CHARGE = "charge"  # the bank states it
    DIFFERENCE = "difference"  # a person accepted it


@dataclass(frozen=True, slots=True)
class StatementSource:
    """Who imported a file and when, and the file's SHA-256; stored with every step."""

    by: str
    at: datetime
    evidence: bytes


def list_candidates(settlement: Settlement) -> list[Candidate]:
    """Return every attempt of a settlement's payouts that was sent. Pure."""
    return [
        Candidate(
            payout.payout_id,
            end_to_end_id(payout.payout_id, step.attempt),
            payout.amount_minor,
            settlement.currency,
            payout.state if step.attempt == payout.latest_step.attempt else PayoutState.CANCELLED,
            _payout_references(settlement, payout),
            step.at.astimezone(UTC).date(),
            step.message_id or "",
        )
        for payout in settlement.payouts
        for step in {s.attempt: s for s in payout.steps if s.state is PayoutState.SENDING}.values()
    ]


def _payout_references(settlement: Settlement, payout: Payout) -> tuple[str, ...]:
    references = payout.latest_step.bank_reference, build_instruction(settlement, payout).reference
    return tuple(reference for reference in references if reference)


async def record_booking(
    conn: Connection,
    settlement: Settlement,
    payout: Payout,
    line: StatementLine,
    key: LineKey,
    source: StatementSource,
) -> None:
    """Record that a line paid or returned a payout. Joins the caller's transaction."""
    post_line = record_returned if line.is_credit else record_paid
    step = await post_line(conn, settlement, payout, line, source)
    await conn.execute(_ADD_LINE_PAYOUT, *key, payout.payout_id, step.number)


async def record_mention(conn: Connection, payout_ids: Sequence[str], key: LineKey) -> None:
    """Record that a line is of payouts but moves none: their charge, or an entry seen before.

    Joins the caller's transaction.
    """
    for payout_id in payout_ids:
        await conn.execute(_ADD_LINE_PAYOUT, *key, payout_id, None)


async def record_difference(
    conn: Connection, key: LineKey, kind: DifferenceKind, minor: int, source: StatementSource
) -> None:
    """Record what the account lost beyond a line's payouts; zero records nothing.

    Joins the caller's transaction.
    """
    if minor:
        await conn.execute(_ADD_LINE_DIFFERENCE, *key, kind.value, minor, source.by, source.at)


async def record_paid(
    conn: Connection, settlement: Settlement, payout: Payout, line: StatementLine, source: StatementSource
) -> PayoutStep:
    """Move a payout's money to `paid`, as booked by the bank; return the step.

    A person may report that the bank executed an instruction that it had refused. Joins the
    caller's transaction.
    """
    if payout.state in {PayoutState.RETURNED, PayoutState.WAITING}:
        payout = await _resume_attempt(conn, settlement, payout, line, source)
    reference = line.bank_reference or payout.latest_step.bank_reference
    await move_money(conn, settlement, payout, TransferStep.CONFIRM, reference or payout.payout_id)
    step = payout.latest_step.next_step(
        PayoutState.PAID,
        source.by,
        source.at,
        bank_reference=reference,
        bank_day=line.booked_on,
        evidence=source.evidence,
    )
    await record_step(conn, settlement, payout, step)
    return step


async def _resume_attempt(
    conn: Connection, settlement: Settlement, payout: Payout, line: StatementLine, source: StatementSource
) -> Payout:
    """Make a payout `sending` again in the message that the bank executed; nothing is sent."""
    if payout.state is PayoutState.RETURNED:
        attempt = payout.latest_step.attempt + 1
        waiting = payout.latest_step.next_step(PayoutState.WAITING, source.by, source.at, attempt=attempt)
        await record_step(conn, settlement, payout, waiting)
        payout = replace(payout, steps=(*payout.steps, waiting))
    executed = find_executed_step(payout, line)
    await move_money(conn, settlement, payout, TransferStep.SEND, executed.message_id or payout.payout_id)
    sending = payout.latest_step.next_step(
        PayoutState.SENDING,
        source.by,
        source.at,
        channel=executed.channel,
        message_id=executed.message_id,
        payee=executed.payee,
    )
    await record_step(conn, settlement, payout, sending)
    return replace(payout, steps=(*payout.steps, sending))


def was_sent(payout: Payout) -> bool:
    """Tell whether a bank was ever instructed to pay. Pure."""
    return any(step.state is PayoutState.SENDING for step in payout.steps)


def find_executed_step(payout: Payout, line: StatementLine) -> PayoutStep:
    """Return the sending that a line names, the last one if it names none. Pure."""
    sendings = [step for step in payout.steps if step.state is PayoutState.SENDING]
    named = [step for step in sendings if names_id(line, end_to_end_id(payout.payout_id, step.attempt))]
    return (named or sendings)[-1]


async def record_returned(
    conn: Connection, settlement: Settlement, payout: Payout, line: StatementLine, source: StatementSource
) -> PayoutStep:
    """Move a payout's money back to `payable`, as booked by the bank; return the step.

    Raises ConcurrentUpdate if the payout is being sent right now. Joins the caller's transaction.
    """
    await ensure_not_being_sent(conn, payout)
    if payout.state is PayoutState.PAID:
        await move_money_back(conn, settlement, payout, TransferStep.CONFIRM)
    await move_money_back(conn, settlement, payout, TransferStep.SEND)
    step = payout.latest_step.next_step(
        PayoutState.RETURNED,
        source.by,
        source.at,
        reason=join_reason(line) or RETURNED_WITHOUT_REASON,
        bank_day=line.booked_on,
        evidence=source.evidence,
    )
    await record_step(conn, settlement, payout, step)
    return step


def join_reason(source: StatementLine | PaymentStatus) -> str | None:
    """Return a bank's code and words in one line, None if it gave neither. Pure."""
    return " ".join(filter(None, [source.reason_code, source.reason_text]))[:_REASON_CHARS_MAX] or None
