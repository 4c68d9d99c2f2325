"""T5: reconcile bank files with payouts, a whole file in one transaction.

A debit moves money in_flight→paid on the bank's date; a return moves it back to payable. Importing
a statement again changes nothing, so an import can be repeated after a crash.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256

from ledger.accounting.journal import TransferStep
from ledger.payouts.channels import PaymentOutcome, PaymentResult
from ledger.payouts.sending import (
    build_instruction,
    end_to_end_id,
    ensure_not_being_sent,
    move_money,
    move_money_back,
    record_results,
)
from ledger.reconciliation.matching import Candidate, Match, MatchRule, match_line
from ledger.reconciliation.statements import (
    DocumentKind,
    PaymentStatus,
    Skipped,
    Statement,
    StatementLine,
    StatementRefused,
    StatusLevel,
    StatusOutcome,
)
from ledger.reconciliation.statements.bank_file import parse_bank_file
from ledger.settlements.approvals import lock_settlement
from ledger.settlements.model import Payout, Settlement
from ledger.settlements.payout_steps import RETURNED_WITHOUT_REASON, PayoutState, PayoutStep
from ledger.settlements.transitions import record_step
from sql import Connection, query

_LOCK_STATEMENTS = query("lock_statements")
_LIST_STATEMENT_EDITIONS = query("list_statement_editions")
_FIND_REPORTED_LINE = query("find_reported_line")
_ADD_STATEMENT = query("add_statement")
_ADD_STATEMENT_LINE = query("add_statement_line")
_FIND_SETTLEMENTS_SENT = query("find_settlements_sent")
_FIND_SETTLEMENTS_OF_MESSAGE = query("find_settlements_of_message")


@dataclass(slots=True)
class ImportResult:
    """The effect of a file.

    `duplicates` counts statements imported before, and statuses that change nothing.
    `lines_repeated` counts entries that a report, a notification or a statement had before.
    `statuses_unmatched` counts statuses for messages that were never sent, or that contradict a
    recorded result. `skipped` lists the parts that concern no payout, with the reason.
    """

    statements: int = 0
    lines: int = 0
    lines_repeated: int = 0
    duplicates: int = 0
    payouts_paid: int = 0
    payouts_sent: int = 0
    payouts_returned: int = 0
    statuses: int = 0
    statuses_unmatched: int = 0
    unmatched: list[Match] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class StatementSource:
    """Who imported a file and when, and the file's SHA-256; stored with every step."""

    by: str
    at: datetime
    evidence: bytes


async def import_file(
    conn: Connection, body: bytes, by: str, now: datetime, account: str | None = None
) -> ImportResult:
    """Import a bank file, all of it or nothing; return its effect.

    Statements of another account than `account`, the account that payouts leave, are skipped: a
    charity's statement has the same ids, and its credits would look like returns. None accepts any
    account. Raises StatementRefused if the file is invalid or has nothing of ours. Joins the
    caller's transaction.
    """
    file = await asyncio.to_thread(parse_bank_file, body, account)
    source = StatementSource(by, now, sha256(body).digest())
    result = ImportResult(statuses=len(file.statuses), skipped=list(file.skipped))
    await lock_statements(conn)
    for statement in file.statements:
        await _import_statement(conn, statement, source, result)
    for status in file.statuses:
        await _import_status(conn, status, source, result)
    return result


async def lock_statements(conn: Connection) -> None:
    """Serialize imports and manual matches until the caller's transaction ends."""
    await conn.execute(_LOCK_STATEMENTS)


async def _import_statement(
    conn: Connection, statement: Statement, source: StatementSource, result: ImportResult
) -> None:
    if await _is_known(conn, statement):
        result.duplicates += 1
        return
    if statement.kind is DocumentKind.STATEMENT or statement.lines:
        await _add_statement(conn, statement, source)
        result.statements += 1
    for line in sorted(statement.lines, key=lambda line: line.is_credit):  # debits first, then returns
        await _import_line(conn, statement, line, source, result)


async def _is_known(conn: Connection, statement: Statement) -> bool:
    """Tell whether a statement was imported before.

    Raises StatementRefused if the same edition had other content.
    """
    rows = await conn.fetch(_LIST_STATEMENT_EDITIONS, statement.account, statement.statement_id)
    digests = {row["edition"]: row["digest"] for row in rows}
    if statement.digest in digests.values():
        return True
    if statement.edition in digests:
        raise StatementRefused("statement_changed", statement=statement.statement_id)
    return False


async def _add_statement(conn: Connection, statement: Statement, source: StatementSource) -> None:
    head = statement.account, statement.statement_id, statement.edition, statement.kind.value, statement.currency
    balances = statement.opening_minor, statement.closing_minor, statement.skipped_minor
    await conn.execute(_ADD_STATEMENT, *head, *balances, statement.digest, source.evidence, source.by, source.at)


async def _import_line(
    conn: Connection, statement: Statement, line: StatementLine, source: StatementSource, result: ImportResult
) -> None:
    reported_payout = await _find_reported(conn, statement, line)
    if reported_payout is not None:
        result.lines_repeated += 1
        if statement.kind is DocumentKind.STATEMENT:
            result.lines += 1
            await _add_line(conn, statement, line, reported_payout, MatchRule.REPORTED_BEFORE)
        return
    settlements = await _lock_matching_settlements(conn, line)
    candidates = [c for settlement in settlements for c in list_candidates(settlement)]
    match = match_line(line, statement.currency, candidates)
    if match.payout_id is None and statement.kind is not DocumentKind.STATEMENT:
        result.skipped.append(_await_statement(line))
        return
    result.lines += 1
    await _add_line(conn, statement, line, match.payout_id, match.rule)
    if match.payout_id is None:
        result.unmatched.append(match)
        return
    settlement, payout = _find_payout(settlements, match.payout_id)
    if line.is_credit:
        await record_returned(conn, settlement, payout, line, source)
        result.payouts_returned += 1
    else:
        await record_paid(conn, settlement, payout, line, source)
        result.payouts_paid += 1


async def _find_reported(conn: Connection, statement: Statement, line: StatementLine) -> str | None:
    """Return the payout of the same entry if an earlier document reported it, else None.

    A report or a notification repeats entries of any document; a statement repeats each entry of
    theirs once.
    """
    row = statement.account, statement.currency, line.amount_minor, line.is_credit, list(line.references)
    is_final = statement.kind is DocumentKind.STATEMENT
    payout_id: str | None = await conn.fetchval(_FIND_REPORTED_LINE, *row, line.bank_reference, is_final)
    return payout_id


def _await_statement(line: StatementLine) -> Skipped:
    return Skipped("entry_awaits_statement", entry_number=line.number, day=line.booked_on)


async def _add_line(
    conn: Connection, statement: Statement, line: StatementLine, payout_id: str | None, rule: MatchRule
) -> None:
    head = statement.account, statement.statement_id, statement.edition, line.number
    row = line.amount_minor, line.is_credit, line.booked_on, line.end_to_end_id, line.bank_reference, line.text
    more = list(line.references), line.charges_minor, line.reason_code
    await conn.execute(_ADD_STATEMENT_LINE, *head, *row, *more, payout_id, rule.value)


async def _lock_matching_settlements(conn: Connection, line: StatementLine) -> list[Settlement]:
    """Return the settlements that a line may belong to, locked in the order of their ids."""
    rows = await conn.fetch(_FIND_SETTLEMENTS_SENT, line.amount_minor, line.end_to_end_id)
    return [await lock_settlement(conn, row["settlement_id"]) for row in rows]


def list_candidates(settlement: Settlement) -> list[Candidate]:
    """Return every attempt of a settlement's payouts that was sent. Pure."""
    return [
        Candidate(
            payout.payout_id,
            end_to_end_id(payout.payout_id, attempt),
            payout.amount_minor,
            settlement.currency,
            payout.state if attempt == payout.latest_step.attempt else PayoutState.CANCELLED,
            _payout_references(settlement, payout),
            sent_at.astimezone(UTC).date(),
        )
        for payout in settlement.payouts
        for attempt, sent_at in {s.attempt: s.at for s in payout.steps if s.state is PayoutState.SENDING}.items()
    ]


def _payout_references(settlement: Settlement, payout: Payout) -> tuple[str, ...]:
    references = payout.latest_step.bank_reference, build_instruction(settlement, payout).reference
    return tuple(reference for reference in references if reference)


def _find_payout(settlements: Sequence[Settlement], payout_id: str) -> tuple[Settlement, Payout]:
    return next((s, p) for s in settlements for p in s.payouts if p.payout_id == payout_id)


async def record_paid(
    conn: Connection, settlement: Settlement, payout: Payout, line: StatementLine, source: StatementSource
) -> None:
    """Move a payout's money to `paid`, as booked by the bank. Joins the caller's transaction."""
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


async def record_returned(
    conn: Connection, settlement: Settlement, payout: Payout, line: StatementLine, source: StatementSource
) -> None:
    """Move a payout's money back to `payable`, as booked by the bank.

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
        reason=_join_reason(line) or RETURNED_WITHOUT_REASON,
        bank_day=line.booked_on,
        evidence=source.evidence,
    )
    await record_step(conn, settlement, payout, step)


def _join_reason(source: StatementLine | PaymentStatus) -> str | None:
    return " ".join(filter(None, [source.reason_code, source.reason_text]))[:500] or None


async def _import_status(
    conn: Connection, status: PaymentStatus, source: StatementSource, result: ImportResult
) -> None:
    if status.outcome not in {StatusOutcome.ACCEPTED, StatusOutcome.REFUSED} or status.is_duplicate_refusal:
        return
    rows = await conn.fetch(_FIND_SETTLEMENTS_OF_MESSAGE, status.message_id)
    concerned = [
        (settlement, payout)
        for settlement in [await lock_settlement(conn, row["settlement_id"]) for row in rows]
        for payout in settlement.payouts
        if concerns_payout(status, payout)
    ]
    changing = [(settlement, payout) for settlement, payout in concerned if is_new(status, payout)]
    result.duplicates += not changing
    result.statuses_unmatched += not concerned or any(is_conflict(status, payout) for _, payout in concerned)
    is_refused = status.outcome is StatusOutcome.REFUSED
    outcome = PaymentOutcome.REFUSED if is_refused else PaymentOutcome.ACCEPTED
    for settlement, payout in changing:
        payment_result = PaymentResult(outcome, reason=_join_reason(status))
        if is_refused:
            await ensure_not_being_sent(conn, payout)
        await record_results(conn, settlement, [payout], payment_result, source.by, source.at, source.evidence)
        result.payouts_returned += is_refused
        result.payouts_sent += not is_refused


def _steps_in_message(status: PaymentStatus, payout: Payout) -> list[PayoutStep]:
    """Return the payout's steps since it was sent in the status's message."""
    return [step for step in payout.steps if step.message_id == status.message_id]


def concerns_payout(status: PaymentStatus, payout: Payout) -> bool:
    """Tell whether a status is about an attempt of the payout, the latest or an earlier one.

    Pure.
    """
    attempts = {step.attempt for step in _steps_in_message(status, payout)}
    if status.level is not StatusLevel.TRANSACTION:
        return bool(attempts)
    return any(end_to_end_id(payout.payout_id, attempt) in status.references for attempt in attempts)


def is_new(status: PaymentStatus, payout: Payout) -> bool:
    """Tell whether a status changes the state of the payout's latest attempt. Pure."""
    states = (
        {PayoutState.SENDING, PayoutState.SENT} if status.outcome is StatusOutcome.REFUSED else {PayoutState.SENDING}
    )
    return payout.latest_step.message_id == status.message_id and payout.state in states


def is_conflict(status: PaymentStatus, payout: Payout) -> bool:
    """Tell whether a bank refuses what it paid, or accepts what it refused; a person must look.

    Pure.
    """
    states = {step.state for step in _steps_in_message(status, payout)}
    if status.outcome is StatusOutcome.REFUSED:
        return PayoutState.PAID in states and PayoutState.RETURNED not in states
    return PayoutState.RETURNED in states and not states & {PayoutState.SENT, PayoutState.PAID}
