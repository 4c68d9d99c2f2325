"""T5: reconcile bank files with payouts, a whole file in one transaction.

A debit moves money in_flight→paid on the bank's date; a return moves it back to payable. Importing
a statement again changes nothing, so an import can be repeated after a crash.
"""

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
from ledger.reconciliation.matching import Candidate, Match, match_line
from ledger.reconciliation.statements import (
    FILE_BYTES_MAX,
    PaymentStatus,
    Statement,
    StatementLine,
    StatementRefused,
    camt053,
    csv_table,
    pain002,
    validate_statements,
)
from ledger.reconciliation.statements.xml import find_all, parse_xml
from ledger.settlements.approvals import lock_settlement
from ledger.settlements.model import Payout, Settlement
from ledger.settlements.payout_steps import PayoutState, PayoutStep
from ledger.settlements.return_reasons import RETURNED_WITHOUT_REASON
from ledger.settlements.transitions import record_step
from sql import Connection, query

_LOCK_STATEMENTS = query("lock_statements")
_FIND_STATEMENT = query("find_statement")
_ADD_STATEMENT = query("add_statement")
_ADD_STATEMENT_LINE = query("add_statement_line")
_FIND_SETTLEMENTS_SENT = query("find_settlements_sent")
_FIND_SETTLEMENTS_OF_MESSAGE = query("find_settlements_of_message")


@dataclass(slots=True)
class ImportResult:
    """The effect of a file.

    `duplicates` counts statements imported before, and statuses that change nothing.
    `statuses_unmatched` counts statuses for messages that were never sent, or that contradict a
    recorded result.
    """

    statements: int = 0
    duplicates: int = 0
    payouts_paid: int = 0
    payouts_sent: int = 0
    payouts_returned: int = 0
    statuses_unmatched: int = 0
    unmatched: list[Match] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class StatementSource:
    """Who imported a file and when, and the file's SHA-256; stored with every step."""

    by: str
    at: datetime
    evidence: bytes


def parse_bank_file(body: bytes) -> Sequence[Statement] | Sequence[PaymentStatus]:
    """Return the statements (camt.053 or CSV) or payment statuses (pain.002) of a file.

    Raises StatementRefused if the file is invalid or a statement does not add up. Pure.
    """
    if len(body) > FILE_BYTES_MAX:
        raise StatementRefused("statement_file_too_large", mebibytes_number=FILE_BYTES_MAX // 1024**2)
    if not body.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        return validate_statements(csv_table.parse_statements(body))
    root = parse_xml(body)
    if next(find_all(root, "CstmrPmtStsRpt"), None) is not None:
        return pain002.parse_statuses(root)
    return validate_statements(camt053.parse_statements(root))


async def import_file(
    conn: Connection, body: bytes, by: str, now: datetime, account: str | None = None
) -> ImportResult:
    """Import a bank file, all of it or nothing; return its effect.

    Raises StatementRefused if the file is invalid or a statement is not of `account`, the account
    that payouts leave. A charity's statement has the same ids, and its credits would look like
    returns. Joins the caller's transaction.
    """
    contents = parse_bank_file(body)
    require_payer_account(contents, account)
    source, result = StatementSource(by, now, sha256(body).digest()), ImportResult()
    await lock_statements(conn)
    for content in contents:
        if isinstance(content, Statement):
            await _import_statement(conn, content, source, result)
        else:
            await _import_status(conn, content, source, result)
    return result


def require_payer_account(contents: Sequence[Statement] | Sequence[PaymentStatus], account: str | None) -> None:
    """Raise StatementRefused if a statement is of another account; None accepts any. Pure."""
    for content in contents:
        if (
            account is not None
            and isinstance(content, Statement)
            and _normalize_account(content.account) != _normalize_account(account)
        ):
            raise StatementRefused(
                "statement_of_other_account",
                statement=content.statement_id,
                account_ending=content.account[-4:],
            )


def _normalize_account(account: str) -> str:
    return "".join(account.split()).upper()


async def lock_statements(conn: Connection) -> None:
    """Serialize imports and manual matches until the caller's transaction ends."""
    await conn.execute(_LOCK_STATEMENTS)


async def _import_statement(
    conn: Connection, statement: Statement, source: StatementSource, result: ImportResult
) -> None:
    stored_digest = await conn.fetchval(_FIND_STATEMENT, statement.account, statement.statement_id)
    if stored_digest is not None:
        if stored_digest != statement.digest:
            raise StatementRefused("statement_changed", statement=statement.statement_id)
        result.duplicates += 1
        return
    head = statement.account, statement.statement_id, statement.currency
    balances = statement.opening_minor, statement.closing_minor
    await conn.execute(_ADD_STATEMENT, *head, *balances, statement.digest, source.evidence, source.by, source.at)
    result.statements += 1
    for line in sorted(statement.lines, key=lambda line: line.is_credit):  # debits first, then returns
        await _import_line(conn, statement, line, source, result)


async def _import_line(
    conn: Connection, statement: Statement, line: StatementLine, source: StatementSource, result: ImportResult
) -> None:
    settlements = await _lock_matching_settlements(conn, line)
    candidates = [c for settlement in settlements for c in list_candidates(settlement)]
    match = match_line(line, statement.currency, candidates)
    row = line.amount_minor, line.is_credit, line.booked_on, line.end_to_end_id, line.bank_reference, line.text
    head = statement.account, statement.statement_id, line.number
    await conn.execute(_ADD_STATEMENT_LINE, *head, *row, match.payout_id, match.rule.value)
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
        reason=line.reason or RETURNED_WITHOUT_REASON,
        bank_day=line.booked_on,
        evidence=source.evidence,
    )
    await record_step(conn, settlement, payout, step)


async def _import_status(
    conn: Connection, status: PaymentStatus, source: StatementSource, result: ImportResult
) -> None:
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
    outcome = PaymentOutcome.REFUSED if status.is_refused else PaymentOutcome.ACCEPTED
    for settlement, payout in changing:
        payment_result = PaymentResult(outcome, reason=status.reason)
        if status.is_refused:
            await ensure_not_being_sent(conn, payout)
        await record_results(conn, settlement, [payout], payment_result, source.by, source.at, source.evidence)
        result.payouts_returned += status.is_refused
        result.payouts_sent += not status.is_refused


def _steps_in_message(status: PaymentStatus, payout: Payout) -> list[PayoutStep]:
    """Return the payout's steps since it was sent in the status's message."""
    return [step for step in payout.steps if step.message_id == status.message_id]


def concerns_payout(status: PaymentStatus, payout: Payout) -> bool:
    """Tell whether a status is about an attempt of the payout, the latest or an earlier one.

    Pure.
    """
    attempts = {step.attempt for step in _steps_in_message(status, payout)}
    return any(status.end_to_end_id in {None, end_to_end_id(payout.payout_id, attempt)} for attempt in attempts)


def is_new(status: PaymentStatus, payout: Payout) -> bool:
    """Tell whether a status changes the state of the payout's latest attempt. Pure."""
    states = {PayoutState.SENDING, PayoutState.SENT} if status.is_refused else {PayoutState.SENDING}
    return payout.latest_step.message_id == status.message_id and payout.state in states


def is_conflict(status: PaymentStatus, payout: Payout) -> bool:
    """Tell whether a bank refuses what it paid, or accepts what it refused; a person must look.

    Pure.
    """
    states = {step.state for step in _steps_in_message(status, payout)}
    if status.is_refused:
        return PayoutState.PAID in states and PayoutState.RETURNED not in states
    return PayoutState.RETURNED in states and not states & {PayoutState.SENT, PayoutState.PAID}
